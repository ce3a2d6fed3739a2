"""Rows in SQLite: WAL, synchronous=FULL, a rowid table with a unique index.

Measured against WITHOUT ROWID, apsw and PostgreSQL in shared reference control_plane 4.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from ecsd.errors import StoreError
from ecsd.store.backend import Row
from ecsd.store.migrations import migrate

UPSERT = """insert into document (kind, account, region, key, revision, body)
values (?, ?, ?, ?, ?, ?)
on conflict (kind, account, region, key)
do update set revision = excluded.revision, body = excluded.body"""
DELETE = "delete from document where kind = ? and account = ? and region = ? and key = ?"
PROBE = """insert into probe (id, count) values (1, 0)
on conflict (id) do update set count = count + 1"""


class SqliteBackend:
    """One database file, held by one process (a lock on a side file)."""

    blocking = True

    def __init__(self, path: Path) -> None:
        """Open or create; StoreError if another server holds it or the file cannot be used."""
        self._lock = _lock(path.with_suffix(".lock"))
        try:
            self._database = _connected(path)
        except StoreError:
            os.close(self._lock)
            raise

    def load(self) -> Iterable[Row]:
        """Return every row, in the order in which records came to be."""
        query = "select kind, account, region, key, revision, body from document order by id"
        try:
            return [Row(*row) for row in self._database.execute(query)]
        except sqlite3.Error as error:
            raise StoreError(f"cannot read the store: {error}") from error

    def commit(self, rows: Sequence[Row]) -> None:
        """Make a batch durable, all of it or none."""
        kept = [row for row in rows if row.body is not None]
        removed = [row[:4] for row in rows if row.body is None]
        self._write([(UPSERT, kept), (DELETE, removed)])

    def probe(self) -> None:
        """Write a counter durably."""
        self._write([(PROBE, [()])])

    def close(self) -> None:
        """Close the file and give up the lock."""
        self._database.close()
        os.close(self._lock)

    def _write(self, batches: Sequence[tuple[str, Sequence[Sequence[object]]]]) -> None:
        try:
            self._database.execute("begin immediate")
            for statement, rows in batches:
                self._database.executemany(statement, rows)
            self._database.execute("commit")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.execute("rollback")
            raise StoreError(f"the store cannot write: {error}") from error


def _connected(path: Path) -> sqlite3.Connection:
    try:
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise StoreError(f"cannot open {path}: {error}") from error
    try:
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = full")
        migrate(database)
    except StoreError:
        database.close()
        raise
    except sqlite3.Error as error:
        database.close()
        raise StoreError(f"cannot open {path}: {error}") from error
    return database


def _lock(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreError(f"another ecsd server holds {path.parent}") from error
    return descriptor
