"""Whose an access key is, and when its secret is opened."""

import sqlite3

import pytest

from ecsd.certificates.authority import Authority
from ecsd.clock import VIRTUAL_START
from ecsd.processes.keys import find_key
from ecsd.records.iam.user import AccessKey, User
from ecsd.settings import Settings
from ecsd.store.scope import Scope
from ecsd.store.sessions import new_session
from ecsd.store.sqlite import SqliteBackend
from ecsd.store.store import Store

HOME = Scope("111122223333", "us-east-1").globally()
STRICT = Settings(mode="strict", access_key_id="AKROOT", secret_access_key="s")
KEY = "AKIA0000000000000001"
ARN = "arn:aws:iam::111122223333:user/bob"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
async def kept(store, ids, authority):
    """A user's key and a session; returns the session's credentials."""
    session, credentials = new_session(
        ids, authority.seal, VIRTUAL_START, 900, arn=ARN, user_id="AIDA", role_name=None
    )
    async with store.transaction(HOME) as change:
        change.put(
            User(user_name="bob", user_id="AIDA", path="/", arn=ARN, created_at=VIRTUAL_START),
            AccessKey(
                access_key_id=KEY,
                user_name="bob",
                sealed_secret=authority.seal.seal("hidden", KEY),
                created_at=VIRTUAL_START,
            ),
            session,
        )
    return credentials


async def test_strict_mode_opens_secrets(store, authority, kept):
    find = find_key(store, STRICT, authority)
    known = find(KEY)
    assert (known.secret, known.account, known.caller.arn) == ("hidden", "111122223333", ARN)
    known = find(kept.access_key_id)
    assert known.secret == kept.secret_access_key
    assert known.expires_at == kept.expires_at
    assert find("AKROOT").caller.arn.endswith(":root")
    assert find("AKIA0000000000000002") is None
    assert find("ASIA0000000000000002") is None


async def test_local_mode_opens_none(store, kept, tmp_path):
    find = find_key(store, Settings(), Authority(tmp_path / "elsewhere"))
    assert (find(KEY).secret, find(KEY).caller.arn) == ("", ARN)
    assert find(kept.access_key_id).caller.arn == ARN
    assert find("111122223333") is None


async def test_a_secret_sealed_under_a_lost_key_is_nobodys(store, kept, tmp_path, caplog):
    find = find_key(store, STRICT, Authority(tmp_path / "elsewhere"))
    assert find(KEY) is None
    assert find(kept.access_key_id) is None
    assert "does not open" in caplog.text


def test_a_session_of_an_older_store_is_nobodys(tmp_path, authority):
    row = (
        b'{"access_key_id":"ASIA0000000000000009","secret_access_key":"s","session_token":"t",'
        b'"arn":"a","user_id":"u","role_name":null,"created_at":"2026-01-01T00:00:00Z",'
        b'"expires_at":"2026-01-01T01:00:00Z"}'
    )
    SqliteBackend(tmp_path / "store.db").close()
    database = sqlite3.connect(tmp_path / "store.db")
    database.execute(
        "insert into document (kind, account, region, key, revision, body)"
        " values ('session', ?, ?, 'ASIA0000000000000009', 1, ?)",
        (HOME.account, HOME.region, row),
    )
    database.execute("pragma user_version = 2")
    database.commit()
    database.close()
    opened = Store.open(SqliteBackend(tmp_path / "store.db"))
    assert find_key(opened, STRICT, authority)("ASIA0000000000000009") is None
    opened.close()
