"""Import every operation, so that ``OPERATIONS`` is complete."""

import pkgutil
from collections.abc import Mapping
from importlib import import_module

from ecsd import operations
from ecsd.operations.call import OPERATIONS, Handler


def load_operations() -> Mapping[tuple[str, str], Handler]:
    """Import every module below ``ecsd.operations``; return the operations by service and name."""
    for module in pkgutil.walk_packages(operations.__path__, f"{operations.__name__}."):
        import_module(module.name)
    return OPERATIONS
