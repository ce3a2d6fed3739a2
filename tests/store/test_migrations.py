"""Files of every earlier format open, and nothing of them is lost."""

import sqlite3

import pytest

from ecsd.errors import StoreError
from ecsd.store.migrations import MIGRATIONS, migrate
from ecsd.store.sqlite import SqliteBackend

# A file as each format's ecsd left it: what follows must keep reading it.
FORMATS = {
    1: """
        create table document (id integer primary key, kind text not null,
            account text not null, region text not null, key text not null,
            revision integer not null, body blob not null);
        create unique index document_place on document (kind, account, region, key);
        create table probe (id integer primary key, count integer not null);
        insert into document (kind, account, region, key, revision, body)
            values ('role', '000000000000', 'aws-global', 'app', 3, '{"role_name":"app"}');
        pragma user_version = 1;
    """,
}


def test_every_format_has_its_file():
    assert set(FORMATS) == set(range(1, len(MIGRATIONS) + 1))


@pytest.mark.parametrize("number", FORMATS)
def test_an_older_file_opens(tmp_path, number):
    path = tmp_path / "store.db"
    database = sqlite3.connect(path)
    database.executescript(FORMATS[number])
    database.close()
    backend = SqliteBackend(path)
    (row,) = backend.load()
    assert row[:5] == ("role", "000000000000", "aws-global", "app", 3)
    backend.probe()
    backend.close()


def test_a_newer_file_is_refused(tmp_path):
    path = tmp_path / "store.db"
    database = sqlite3.connect(path)
    database.execute(f"pragma user_version = {len(MIGRATIONS) + 1}")
    database.close()
    for _ in range(2):
        with pytest.raises(StoreError, match="newer ecsd"):
            SqliteBackend(path)


def test_migrating_twice_changes_nothing(tmp_path):
    database = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    migrate(database)
    before = database.execute("select sql from sqlite_master order by name").fetchall()
    migrate(database)
    assert database.execute("select sql from sqlite_master order by name").fetchall() == before
    database.close()
