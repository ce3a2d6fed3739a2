"""What the document store asks of the thing that keeps rows: SQLite, PostgreSQL, or nothing."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol


class Row(NamedTuple):
    """One document as it is kept. ``body`` is JSON; None removes the row."""

    kind: str
    account: str
    region: str
    key: str
    revision: int
    body: bytes | None


class Backend(Protocol):
    """Rows made durable in batches. One writer at a time.

    Errors: every method raises ``StoreError`` when the disk or the database says no.
    """

    blocking: bool  # commit() waits on I/O, so it runs in a thread

    def load(self) -> Iterable[Row]:
        """Return every row, in the order in which records came to be."""
        ...

    def commit(self, rows: Sequence[Row]) -> None:
        """Make a batch durable, all of it or none."""
        ...

    def probe(self) -> None:
        """Write something small durably: does writing work (again)?"""
        ...

    def close(self) -> None:
        """Release what is held."""
        ...


class MemoryBackend:
    """Keeps nothing: tests, the simulator. ``fail_with`` makes commits fail on demand."""

    blocking = False

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.rows: dict[tuple[str, str, str, str], Row] = {row[:4]: row for row in rows}
        self.fail_with: Exception | None = None

    def load(self) -> Iterable[Row]:
        """Return every row, in the order in which records came to be."""
        return list(self.rows.values())

    def commit(self, rows: Sequence[Row]) -> None:
        """Keep a batch."""
        if self.fail_with:
            raise self.fail_with
        for row in rows:
            if row.body is None:
                self.rows.pop(row[:4], None)
            else:
                self.rows[row[:4]] = row

    def probe(self) -> None:
        """Fail as commit would."""
        if self.fail_with:
            raise self.fail_with

    def close(self) -> None:
        """Do nothing."""
