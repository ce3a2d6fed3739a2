"""Directories beneath another, found so that no path and no symbolic link leads out of it.

The kernel resolves the whole path at once and refuses what would leave, so nobody who renames or
links meanwhile can make it lead elsewhere. Source: openat2(2), RESOLVE_BENEATH.
"""

import ctypes
import os
import struct
from pathlib import Path

from ecsd.records.efs.access_point import DirectoryCreation

OPENAT2 = 437  # the number of the system call, the same on every architecture since Linux 5.6
FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
NO_MAGIC_LINKS, NO_SYMLINKS, BENEATH = 2, 4, 8
HOW = struct.Struct("QQQ")  # flags, mode, resolve
_libc = ctypes.CDLL(None, use_errno=True)


def open_beneath(root: Path, path: str, creation: DirectoryCreation | None = None) -> int:
    """Return a descriptor of a directory; what is not there is made where ``creation`` says how.

    path: of the file system, ``/`` being ``root``. Symbolic links inside are followed, not when
    directories are to be made.

    Raises:
        OSError: FileNotFoundError; NotADirectoryError; EXDEV: it would lead out.
    """
    top = os.open(root, FLAGS)
    try:
        parts = [part for part in path.split("/") if part not in {"", "."}]
        relative = "/".join(parts) or "."
        try:
            return _openat2(top, relative, BENEATH | NO_MAGIC_LINKS)
        except FileNotFoundError:
            if creation is None or ".." in parts:
                raise
        return _made(top, parts, creation)
    finally:
        os.close(top)


def _made(top: int, parts: list[str], creation: DirectoryCreation) -> int:
    """Make the directories of a path that are not there; return the last one's descriptor."""
    here = os.dup(top)
    for part in parts:
        there = _entered(here, part, creation)
        os.close(here)
        here = there
    return here


def _entered(here: int, part: str, creation: DirectoryCreation) -> int:
    resolve = BENEATH | NO_SYMLINKS
    try:
        return _openat2(here, part, resolve)
    except FileNotFoundError:
        try:
            os.mkdir(part, 0o700, dir_fd=here)
        except FileExistsError:
            return _openat2(here, part, resolve)  # another task was faster
    except OSError:
        os.close(here)
        raise
    os.chown(part, creation.owner_uid, creation.owner_gid, dir_fd=here, follow_symlinks=False)
    there = _openat2(here, part, resolve)
    Path(f"/proc/self/fd/{there}").chmod(int(creation.permissions, 8))
    return there


def _openat2(folder: int, path: str, resolve: int) -> int:
    how = HOW.pack(FLAGS, 0, resolve)
    found = int(_libc.syscall(OPENAT2, folder, os.fsencode(path), how, HOW.size))
    if found < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return found
