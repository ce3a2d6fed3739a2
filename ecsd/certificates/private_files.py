"""Files that hold secrets: nobody but their owner may read them, at any instant."""

import os
from pathlib import Path

PRIVATE = 0o600


def write_private(file: Path, content: bytes, *, lasting: bool = True) -> None:
    """Write a file whole, then in place. lasting: on disk before this returns.

    Raises OSError where the disk refuses.
    """
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(number, "wb") as out:
        out.write(content)
        out.flush()
        if lasting:
            os.fsync(number)
    draft.replace(file)
    if lasting:
        _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
