"""The marked block of /etc/hosts that gives load balancers' names their own addresses.

Source: hosts(5). Everything outside the block stays byte for byte.
"""

import errno
import os
from collections.abc import Mapping
from pathlib import Path


class HostsFile:
    """A hosts file; an empty path turns it off. Errors: OSError."""

    def __init__(self, path: str, label: str) -> None:
        self._path = path
        self._label = label

    def write(self, addresses: Mapping[str, str]) -> None:
        """Make the block say exactly this: name → address; no names, no block."""
        if not self._path:
            return
        path = Path(self._path).resolve()
        try:
            old = path.read_bytes().decode(errors="surrogateescape")
        except FileNotFoundError:
            old = ""
        new = with_block(old, addresses, self._label)
        if new != old:
            _replace(path, new.encode(errors="surrogateescape"))


def with_block(text: str, addresses: Mapping[str, str], label: str = "ecsd") -> str:
    """Return the file's text with the block as wanted, at its old place or at the end."""
    opening, closing = f"# {label} begin", f"# {label} end"
    lines = text.splitlines(keepends=True)
    marks = [line.strip() for line in lines]
    begin = marks.index(opening) if opening in marks else len(lines)
    # A block without its end was cut off: only lines that could be ours go with it.
    end = (
        marks.index(closing, begin) + 1 if closing in marks[begin:] else min(begin + 1, len(lines))
    )
    block = [f"{opening}\n", *(f"{addresses[name]} {name}\n" for name in sorted(addresses))]
    block = [*block, f"{closing}\n"] if addresses else []
    before = lines[:begin]
    if block and before and not before[-1].endswith("\n"):
        before[-1] += "\n"
    return "".join([*before, *block, *lines[end:]])


def _replace(path: Path, content: bytes) -> None:
    """Replace at once, mode and owner kept; in place where it is a mount point (containers)."""
    if not path.exists():
        path.write_bytes(content)
        return
    draft = path.with_name(f".{path.name}.ecsd")
    try:
        state = path.stat()
        draft.write_bytes(content)
        draft.chmod(state.st_mode & 0o7777)
        os.chown(draft, state.st_uid, state.st_gid)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        if error.errno not in {errno.EBUSY, errno.EXDEV, errno.EROFS, errno.EACCES}:
            raise
        path.write_bytes(content)
