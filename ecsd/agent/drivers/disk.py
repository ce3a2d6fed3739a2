"""The host's disks."""

import shutil

GIB = 1 << 30


def free_gib(folder: str) -> int:
    """Return how many whole GiB may still be written in a folder. Raises OSError."""
    return shutil.disk_usage(folder).free // GIB
