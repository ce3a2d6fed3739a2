"""Numbered changes of the stored format, applied in order, each in one transaction."""

import sqlite3
from collections.abc import Callable

from ecsd.errors import StoreError
from ecsd.store.migrations import m001_documents, m002_service_revisions, m003_sealed_sessions

MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    m001_documents.apply,
    m002_service_revisions.apply,
    m003_sealed_sessions.apply,
)


def migrate(database: sqlite3.Connection) -> None:
    """Bring a database up to date; StoreError when it was written by a newer ecsd."""
    (version,) = database.execute("pragma user_version").fetchone()
    if version > len(MIGRATIONS):
        raise StoreError(
            f"the store has format {version}, this ecsd knows {len(MIGRATIONS)}: use a newer ecsd"
        )
    for number, apply in enumerate(MIGRATIONS[version:], version + 1):
        database.execute("begin immediate")
        apply(database)
        database.execute(f"pragma user_version = {number}")
        database.execute("commit")
