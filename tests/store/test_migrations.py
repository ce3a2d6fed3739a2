"""Files of every earlier format open, and nothing of them is lost."""

import json
import sqlite3

import pytest

from ecsd.errors import StoreError
from ecsd.records.ecs.service import Service
from ecsd.store.finders.ecs import attempt_of, revision_by_arn, revision_of
from ecsd.store.migrations import MIGRATIONS, migrate
from ecsd.store.scope import Scope
from ecsd.store.sqlite import SqliteBackend
from ecsd.store.store import Store

# A file as each format's ecsd left it: what follows must keep reading it.
FIRST = """
        create table document (id integer primary key, kind text not null,
            account text not null, region text not null, key text not null,
            revision integer not null, body blob not null);
        create unique index document_place on document (kind, account, region, key);
        create table probe (id integer primary key, count integer not null);
        insert into document (kind, account, region, key, revision, body)
            values ('role', '000000000000', 'aws-global', 'app', 3, '{"role_name":"app"}');
        pragma user_version = 1;
    """
FORMATS = {
    number: FIRST.replace("user_version = 1", f"user_version = {number}") for number in (1, 2, 3)
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


PREFIX = "arn:aws:ecs:us-east-1:000000000000:"
BALANCERS = [{"targetGroupArn": "tg", "containerName": "app", "containerPort": 80}]


def old_deployment(number, **members):
    """A deployment as the first format has it."""
    return {
        "deployment_id": f"ecs-svc/100000000000000000{number}",
        "task_definition": f"web:{number}",
        "task_definition_arn": f"{PREFIX}task-definition/web:{number}",
        "launch_type": "FARGATE",
        "network_configuration": {"subnets": ["subnet-1"]},
        "load_balancers": BALANCERS,
        "created_at": "2026-11-01T00:00:00Z",
        "updated_at": "2026-11-02T00:00:00Z",
        **members,
    }


def old_service(name, **members):
    """A service as the first format has it."""
    return {
        "arn": f"{PREFIX}service/prod/{name}",
        "name": name,
        "cluster": "prod",
        "cluster_arn": f"{PREFIX}cluster/prod",
        "desired_count": 2,
        "launch_type": "FARGATE",
        "created_by": "me",
        "created_at": "2026-11-01T00:00:00Z",
        **members,
    }


def test_services_of_the_first_format_get_revisions_and_an_attempt(tmp_path):
    done = old_deployment(1, status="ACTIVE", rollout_state="COMPLETED")
    now = old_deployment(2, status="PRIMARY")
    services = [
        old_service(
            "web",
            task_definition_arn=now["task_definition_arn"],
            deployments=[now, done],
            last_completed=done,
            maximum_percent=150,
            circuit_breaker={"enable": True, "rollback": True},
            load_balancers=BALANCERS,
            target_group_arns=["tg"],
        ),
        old_service(
            "old",
            status="INACTIVE",
            task_definition_arn=f"{PREFIX}task-definition/web:1",
            deployments=[],
            deleted_at="2026-11-03T00:00:00Z",
        ),
    ]
    path = tmp_path / "store.db"
    database = sqlite3.connect(path)
    database.executescript(FIRST)
    database.execute("delete from document")
    for one in services:
        database.execute(
            "insert into document (kind, account, region, key, revision, body)"
            " values ('service', '000000000000', 'us-east-1', ?, 7, ?)",
            (one["arn"], json.dumps(one).encode()),
        )
    database.commit()
    database.close()
    backend = SqliteBackend(path)
    store = Store.open(backend)
    view = store.view(Scope("000000000000", "us-east-1"))
    web = view.get(Service, f"{PREFIX}service/prod/web")
    assert web.deployment_configuration.maximum_percent == 150
    assert web.deployment_configuration.circuit_breaker == {"enable": True, "rollback": True}
    deployed = [revision_of(view, one) for one in web.deployments]
    assert [one.task_definition for one in deployed] == ["web:2", "web:1"]
    assert [list(one.resolved_load_balancers) for one in deployed] == [BALANCERS] * 2
    assert revision_of(view, web.last_completed) == deployed[1]
    assert (attempt_of(view, web).status, web.revision_arn) == ("IN_PROGRESS", deployed[0].arn)
    old = view.get(Service, f"{PREFIX}service/prod/old")
    assert revision_by_arn(view, old.revision_arn).task_definition == "web:1"
    assert attempt_of(view, old).status == "SUCCESSFUL"
    assert len(attempt_of(view, web).arn.rpartition("/")[2]) == 21
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


def test_sessions_with_plain_secrets_leave_the_file_and_sealed_ones_stay(tmp_path):
    path = tmp_path / "store.db"
    database = sqlite3.connect(path)
    database.executescript(FORMATS[2])
    for key, body in (
        ("ASIAOLD", {"access_key_id": "ASIAOLD", "secret_access_key": "plain-secret"}),
        ("ASIANEW", {"access_key_id": "ASIANEW", "sealed_secret": "sealed"}),
    ):
        database.execute(
            "insert into document (kind, account, region, key, revision, body)"
            " values ('session', '000000000000', 'aws-global', ?, 4, ?)",
            (key, json.dumps(body).encode()),
        )
    database.commit()
    assert b"plain-secret" in path.read_bytes()
    database.execute("pragma secure_delete = off")  # as some builds of SQLite have it
    migrate(database)
    kept = database.execute("select key from document where kind = 'session'").fetchall()
    database.close()
    assert kept == [("ASIANEW",)]
    assert b"plain-secret" not in path.read_bytes()
