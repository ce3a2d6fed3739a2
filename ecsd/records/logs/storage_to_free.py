"""Storage of log streams that are gone; the log group controller frees it."""

from typing import ClassVar

from ecsd.records.record import Record


class StorageToFree(Record, frozen=True, kw_only=True):
    """Segments that no log stream names any more: remembered until they are removed."""

    KIND: ClassVar[str] = "storage_to_free"
    KEY: ClassVar[str] = "storage"

    storage: str
