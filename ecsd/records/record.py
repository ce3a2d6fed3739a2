"""What every stored document has in common.

A record is a frozen tree of plain values. Its class says under which kind and key it is stored and
by which members it is found; account and region (the scope) are the store's, not the record's.
"""

from typing import ClassVar

import msgspec

KINDS: dict[str, type["Record"]] = {}


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A piece inside a record."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A document of the store.

    Class attributes:
        KIND: the name under which rows of this class are kept; never changed without a migration.
        KEY: the member that identifies a record inside its scope.
        INDEXES: members and properties by which ``View.select`` finds records; one that is a tuple
            is indexed by each of its elements.
        ORDERED: whether ``View.following`` finds records by the order of their keys.
        OF_CALLERS: whether who calls, or what a caller may do by itself, rests on it.
    """

    KIND: ClassVar[str] = ""
    KEY: ClassVar[str] = ""
    INDEXES: ClassVar[tuple[str, ...]] = ()
    ORDERED: ClassVar[bool] = False
    OF_CALLERS: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """Enter the class in the catalogue of kinds."""
        super().__init_subclass__()
        if cls.KIND:
            KINDS[cls.KIND] = cls

    @property
    def key(self) -> str:
        """The record's identity inside its scope."""
        return str(getattr(self, self.KEY))
