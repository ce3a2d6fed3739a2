"""Mounts of this host, made and taken away. Source: mount(2), umount(2), mount_namespaces(7)."""

import ctypes
import os
import re
from pathlib import Path

from ecsd.errors import FileSystemError

READ_ONLY, NO_SETUID, NO_DEVICES, REMOUNT, BIND = 1, 2, 4, 32, 4096
PRIVATE, SLAVE, SHARED = 1 << 18, 1 << 19, 1 << 20
DETACH = 2
TABLE = Path("/proc/self/mountinfo")
MOUNT_POINT = 4  # the column
ESCAPED = re.compile(r"\\([0-7]{3})")
_libc = ctypes.CDLL(None, use_errno=True)


def show(source: str, target: Path, *, read_only: bool = False) -> None:
    """Show a directory at another place, which has to be there; devices in it are none.

    What is mounted over that place later appears at copies of it too.
    """
    _mount(source, target, BIND)
    _mount(None, target, PRIVATE)
    _mount(None, target, SHARED)
    _mount(None, target, BIND | REMOUNT | NO_DEVICES | (READ_ONLY if read_only else 0))


def copy(source: Path, target: Path, *, read_only: bool = False) -> None:
    """Show what ``source`` shows, now and whatever is laid over it later."""
    _mount(str(source), target, BIND)
    _mount(None, target, SLAVE)
    limits = NO_DEVICES | NO_SETUID | (READ_ONLY if read_only else 0)
    _mount(None, target, BIND | REMOUNT | limits)


def lay_over(source: Path, target: Path) -> None:
    """Show a directory in place of what is shown already, there and at its copies."""
    _mount(str(source), target, BIND)


def unmount(target: Path) -> None:
    """Take away every mount that lies on a directory; what still uses them keeps them alive."""
    for _ in range(mounted(target)):
        if _libc.umount2(os.fsencode(target), DETACH) != 0:
            words = os.strerror(ctypes.get_errno())
            raise FileSystemError(f"{target} cannot be unmounted: {words}")


def mounted(target: Path) -> int:
    """Return how many mounts lie on a directory."""
    return points().count(str(target))


def device(target: Path) -> str | None:
    """Return the block device that is mounted on a directory; None: there is none."""
    for line in TABLE.read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        if ESCAPED.sub(_unescaped, fields.split()[MOUNT_POINT]) == str(target):
            return rest.split()[1]
    return None


def points() -> list[str]:
    """Return where something is mounted, each place as often as that is so."""
    lines = TABLE.read_text().splitlines()
    return [ESCAPED.sub(_unescaped, line.split()[MOUNT_POINT]) for line in lines]


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 8))


def _mount(source: str | None, target: Path, flags: int) -> None:
    given = None if source is None else os.fsencode(source)
    if _libc.mount(given, os.fsencode(target), None, flags, None) != 0:
        words = os.strerror(ctypes.get_errno())
        raise FileSystemError(f"{target} cannot be mounted: {words}")
