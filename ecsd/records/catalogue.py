"""All kinds of records, by importing every module of this room."""

import importlib
import pkgutil
from functools import cache

import ecsd.records
from ecsd.records.record import KINDS, Record


@cache
def all_kinds() -> dict[str, type[Record]]:
    """Return kind → class, complete."""
    for module in pkgutil.walk_packages(ecsd.records.__path__, "ecsd.records."):
        importlib.import_module(module.name)
    return KINDS
