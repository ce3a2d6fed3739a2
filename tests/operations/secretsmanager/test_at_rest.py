"""On a real disk: what was acknowledged is there after a kill, and nowhere in plain text."""

import shutil

import pytest

from ecsd.certificates.authority import Authority
from ecsd.store.sqlite import SqliteBackend
from ecsd.store.store import Store
from tests.operations.conftest import OPERATIONS, load_operations, make_call

VALUE = "hunter2-in-plain-text"
SERVICES = ("kms", "secretsmanager", "ssm")


@pytest.fixture
def opened(ids):
    """Return a maker of callers on the store of a folder."""
    stores = []

    def call(folder):
        for service in SERVICES:
            load_operations(service)
        store = Store.open(SqliteBackend(folder / "store.db"))
        stores.append(store)
        surroundings = make_call(store, ids, authority=Authority(folder / "certificates"))

        async def ask(service, name, **request):
            return await OPERATIONS[service, name](surroundings, request)

        return ask

    yield call
    for store in stores:
        store.close()


async def test_values_survive_a_kill_and_are_readable_nowhere(opened, tmp_path):
    ask = opened(tmp_path / "first")
    key = (await ask("kms", "CreateKey"))["KeyMetadata"]["Arn"]
    made = await ask("kms", "Encrypt", KeyId=key, Plaintext=VALUE.encode())
    await ask("secretsmanager", "CreateSecret", Name="s", SecretString=VALUE)
    for kind in ("String", "StringList", "SecureString"):
        await ask("ssm", "PutParameter", Name=kind, Value=VALUE, Type=kind)

    # What the disk holds at this moment, with the first store still open: no orderly end.
    shutil.copytree(tmp_path / "first", tmp_path / "killed")
    again = opened(tmp_path / "killed")
    told = await again("secretsmanager", "GetSecretValue", SecretId="s")
    assert told["SecretString"] == VALUE
    for kind in ("String", "StringList", "SecureString"):
        read = await again("ssm", "GetParameter", Name=kind, WithDecryption=True)
        assert read["Parameter"]["Value"] == VALUE
    opened_text = await again("kms", "Decrypt", CiphertextBlob=made["CiphertextBlob"])
    assert opened_text["Plaintext"] == VALUE.encode()

    files = [one for one in tmp_path.rglob("*") if one.is_file()]
    assert len(files) >= 2
    for file in files:
        assert VALUE.encode() not in file.read_bytes(), file
