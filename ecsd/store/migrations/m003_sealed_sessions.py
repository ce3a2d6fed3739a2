"""Temporary credentials keep no secret in plain text: those that did are taken away.

Nobody can use them any more; whoever held one asks for another.
"""

import sqlite3


def apply(database: sqlite3.Connection) -> None:
    """Remove every session whose secret is not sealed, from the file's free pages too."""
    database.execute("pragma secure_delete = on")
    database.execute(
        "delete from document where kind = 'session'"
        " and json_extract(cast(body as text), '$.sealed_secret') is null"
    )
