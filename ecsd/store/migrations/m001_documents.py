"""The first format: one table of documents, and the row that a write probe counts in."""

import sqlite3


def apply(database: sqlite3.Connection) -> None:
    """Create the tables."""
    database.execute(
        """create table document (
            id integer primary key,
            kind text not null,
            account text not null,
            region text not null,
            key text not null,
            revision integer not null,
            body blob not null
        )"""
    )
    database.execute("create unique index document_place on document (kind, account, region, key)")
    database.execute("create table probe (id integer primary key, count integer not null)")
