"""The document store: all or nothing, durable before told, and as it was after a restart."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecsd.clock import VIRTUAL_START
from ecsd.errors import StoreError
from ecsd.records.iam.role import InstanceProfile
from ecsd.records.logs.storage_to_free import StorageToFree
from ecsd.records.record import Record
from ecsd.store.backend import MemoryBackend
from ecsd.store.scope import Scope
from ecsd.store.sqlite import SqliteBackend
from ecsd.store.store import Store

ROOT = Path(__file__).parents[2]


class Thing(Record, frozen=True, kw_only=True):
    """A record with a plain and a manifold index."""

    KIND: ClassVar[str] = "test_thing"
    KEY: ClassVar[str] = "name"
    INDEXES: ClassVar[tuple[str, ...]] = ("colour", "labels")

    name: str
    colour: str = "red"
    labels: tuple[str, ...] = ()
    size: int = 0


def thing(name, **members):
    return Thing(name=name, **members)


class ThreadedMemory(MemoryBackend):
    """A backend whose commits run in a thread and wait for permission."""

    blocking = True

    def __init__(self):
        super().__init__()
        self.commits = []

    def commit(self, rows):
        super().commit(rows)
        self.commits.append(rows)


@pytest.fixture(params=["memory", "threaded", "sqlite"])
def backend(request, tmp_path):
    if request.param == "sqlite":
        return SqliteBackend(tmp_path / "store.db")
    return MemoryBackend() if request.param == "memory" else ThreadedMemory()


@pytest.fixture
def opened(backend):
    store = Store.open(backend)
    yield store
    store.close()


async def put(store, scope, *records):
    async with store.transaction(scope) as change:
        change.put(*records)


async def test_a_transaction_that_raises_leaves_nothing(opened, scope):
    await put(opened, scope, thing("a", colour="red"), thing("b", labels=("x",)))
    view = opened.view(scope)
    before = (opened.revision, view.select(Thing))

    async def failing():
        async with opened.transaction(scope) as change:
            change.put(thing("a", colour="blue"), thing("c"))
            change.remove(thing("b"))
            change.put(thing("a", colour="green"))
            assert change.get(Thing, "a").colour == "green"
            assert [one.name for one in change.select(Thing, colour="green")] == ["a"]
            raise KeyError("changed my mind")

    with pytest.raises(KeyError):
        await failing()
    assert opened.revision == before[0]
    assert sorted(view.select(Thing), key=lambda one: one.name) == before[1]
    assert [one.name for one in view.select(Thing, labels="x")] == ["b"]
    assert view.select(Thing, colour="blue") == view.select(Thing, colour="green") == []


async def test_indexes_follow(opened, scope):
    view = opened.view(scope)
    await put(opened, scope, thing("a", labels=("x", "y", "x")), thing("b", labels=("y",)))
    assert [one.name for one in view.select(Thing, labels="y")] == ["a", "b"]
    assert view.count(Thing, "labels", "x") == 1
    await put(opened, scope, thing("a", colour="blue", labels=("z",)))
    assert [one.name for one in view.select(Thing, labels="y")] == ["b"]
    assert [one.name for one in view.select(Thing, labels="z", colour="blue")] == ["a"]
    async with opened.transaction(scope) as change:
        change.remove(thing("a"), thing("never was"))
    assert view.count(Thing, "labels", "z") == 0
    assert view.count(Thing, "colour", "blue") == 0
    with pytest.raises(LookupError, match="no index"):
        view.select(Thing, size=1)


async def test_the_newest_and_the_number_are_known_without_a_search(opened, scope):
    view = opened.view(scope)
    assert view.newest(Thing, "colour", "red") is None
    await put(opened, scope, thing("a"), thing("b"), thing("c", colour="blue"))
    await put(opened, Scope(scope.account, "eu-west-1"), thing("a"))
    assert view.newest(Thing, "colour", "red").name == "b"
    assert opened.count_everywhere(Thing, "colour", "red") == 3
    async with opened.transaction(scope) as change:
        change.remove(thing("b"))
    assert view.newest(Thing, "colour", "red").name == "a"
    assert opened.count_everywhere(Thing, "colour", "red") == 2


async def test_scopes_do_not_mix(opened, scope):
    other = Scope(scope.account, "eu-west-1")
    await put(opened, scope, thing("a"))
    await put(opened, other, thing("a", colour="blue"))
    await put(opened, scope.globally(), thing("g"))
    async with opened.transaction(scope) as change:
        assert change.get(Thing, "g") is None
        assert change.globally().get(Thing, "g") is not None
    assert opened.view(scope).get(Thing, "a").colour == "red"
    assert [(where.region, one.name) for where, one in opened.everywhere(Thing)] == [
        (scope.region, "a"),
        ("eu-west-1", "a"),
        ("aws-global", "g"),
    ]
    async with opened.transaction(scope.globally()) as change:
        change.remove(thing("g"))
    assert opened.view(scope.globally()).get(Thing, "g") is None


async def test_watchers_hear_durable_changes_of_their_kinds_in_order(opened, scope):
    heard = []
    end = opened.watch([Thing], heard.extend)
    await put(opened, scope, thing("a"), thing("b"))
    await put(opened, scope, thing("a"))  # equal: no change
    await put(opened, scope, thing("a", size=1))
    await put(
        opened,
        scope,
        InstanceProfile(
            instance_profile_name="p",
            instance_profile_id="i",
            path="/",
            arn="arn",
            created_at=VIRTUAL_START,
        ),
    )
    async with opened.transaction(scope) as change:
        change.remove(thing("b"))
    end()
    await put(opened, scope, thing("c"))
    told = [
        (one.key, one.before and one.before.size, one.after and one.after.size) for one in heard
    ]
    assert told == [("a", None, 0), ("b", None, 0), ("a", 0, 1), ("b", 0, None)]
    revisions = [one.revision for one in heard]
    assert revisions == sorted(revisions)


async def test_a_change_is_told_only_once_it_is_on_disk(scope):
    backend = ThreadedMemory()
    store = Store.open(backend)
    seen = []
    store.watch([Thing], lambda changes: seen.append((len(backend.commits), len(changes))))
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(put(store, scope, thing(f"t{number}")))
    assert sum(count for _, count in seen) == 20
    assert [commits for commits, _ in seen] == sorted(commits for commits, _ in seen)
    assert all(commits >= place for place, (commits, _) in enumerate(seen, 1))
    assert len(backend.commits) < 20  # they shared
    store.close()


async def test_readers_of_what_is_not_durable_wait_with_it(scope):
    store = Store.open(ThreadedMemory())
    async with asyncio.TaskGroup() as group:
        group.create_task(put(store, scope, thing("a")))
        await asyncio.sleep(0)
        assert store.view(scope).get(Thing, "a") is not None
        assert store._current is not None
        await store.durable()
        assert store._current is None
    store.close()


async def test_a_failed_commit_undoes_its_batch_and_all_since_and_recovers(backend, scope):
    if isinstance(backend, SqliteBackend):
        backend._database.execute("pragma max_page_count = 1")
    store = Store.open(backend)
    if isinstance(backend, MemoryBackend):
        await put(store, scope, thing("kept"))
        backend.fail_with = StoreError("disk full")
    heard = []
    store.watch([Thing], heard.extend)
    results = []

    async def attempt(number):
        try:
            await put(store, scope, thing("kept", size=number), thing(f"t{number}" * 3000))
        except StoreError as error:
            results.append(str(error))

    async with asyncio.TaskGroup() as group:
        for number in range(1, 6):
            group.create_task(attempt(number))
    assert len(results) == 5
    assert heard == []
    expected = [thing("kept")] if isinstance(backend, MemoryBackend) else []
    assert store.view(scope).select(Thing) == expected
    assert store.view(scope).count(Thing, "colour", "red") == len(expected)
    if isinstance(backend, MemoryBackend):
        with pytest.raises(StoreError):  # still full: refused before anything changes
            await put(store, scope, thing("b"))
        backend.fail_with = None
    else:
        backend._database.execute("pragma max_page_count = 100000")
    await put(store, scope, thing("after"))
    assert [one.key for one in heard] == ["after"]
    store.close()


async def test_what_cannot_be_written_harms_nobody_else(opened, scope):
    async with asyncio.TaskGroup() as group:
        group.create_task(put(opened, scope, thing("a")))
        with pytest.raises(UnicodeEncodeError):
            await put(opened, scope, thing("b", colour="\ud800"))
        group.create_task(put(opened, scope, thing("c")))
    assert [one.name for one in opened.view(scope).select(Thing)] == ["a", "c"]


async def test_sqlite_returns_what_was_written(tmp_path, scope):
    path = tmp_path / "store.db"
    store = Store.open(SqliteBackend(path))
    await put(store, scope, *(thing(f"t{number}", labels=("é",)) for number in range(10)))
    async with store.transaction(scope) as change:
        change.remove(thing("t3"))
        change.put(thing("t4", size=5))
    revision, before = store.revision, store.view(scope).select(Thing)
    store.close()
    again = Store.open(SqliteBackend(path))
    assert again.revision == revision
    assert again.view(scope).select(Thing) == before  # in the same order too
    assert again.view(scope).count(Thing, "labels", "é") == 8
    await put(again, scope, thing("new"))
    assert again.revision == revision + 1
    again.close()


def test_one_server_holds_the_store(tmp_path):
    first = SqliteBackend(tmp_path / "store.db")
    with pytest.raises(StoreError, match="another ecsd server"):
        SqliteBackend(tmp_path / "store.db")
    first.close()
    SqliteBackend(tmp_path / "store.db").close()


def test_a_file_that_is_no_store_is_refused_and_released(tmp_path):
    path = tmp_path / "store.db"
    path.write_bytes(b"not a database" * 100)
    for _ in range(2):
        with pytest.raises(StoreError, match="cannot open"):
            SqliteBackend(path)


def test_a_kind_that_is_not_known_is_told(tmp_path, scope):
    backend = SqliteBackend(tmp_path / "store.db")
    backend._database.execute(
        "insert into document (kind, account, region, key, revision, body)"
        " values ('from_the_future', 'a', 'r', 'k', 1, '{}')"
    )
    with pytest.raises(StoreError, match="from_the_future"):
        Store.open(backend)
    backend.close()


WRITER = """
    import asyncio, sys
    from pathlib import Path
    from ecsd.records.logs.storage_to_free import StorageToFree
    from ecsd.store.scope import HOSTS
    from ecsd.store.sqlite import SqliteBackend
    from ecsd.store.store import Store

    async def write(store, worker):
        number = 0
        while True:
            async with store.transaction(HOSTS) as change:
                change.put(StorageToFree(storage=f"{sys.argv[2]}-{worker}-{number}"))
            print(f"{sys.argv[2]}-{worker}-{number}", flush=True)
            number += 1

    async def main():
        store = Store.open(SqliteBackend(Path(sys.argv[1])))
        async with asyncio.TaskGroup() as group:
            for worker in range(8):
                group.create_task(write(store, worker))

    asyncio.run(main())
"""


def test_kill_9_loses_nothing_acknowledged(tmp_path):
    path = tmp_path / "store.db"
    acknowledged = set()
    for life in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(path), str(life)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for _ in range(400):
            acknowledged.add(writer.stdout.readline().strip())
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged |= set(writer.stdout.read().split("\n")[:-1])
        writer.wait()
        writer.stdout.close()
        store = Store.open(SqliteBackend(path))
        held = {record.key for _, record in store.everywhere(StorageToFree)}
        store.close()
        assert len(acknowledged) >= 400 * (life + 1)
        assert acknowledged - {""} <= held


names = st.sampled_from("abcdef")
operations = st.lists(
    st.lists(
        st.one_of(
            st.tuples(
                st.just("put"),
                names,
                st.sampled_from(["red", "blue"]),
                st.lists(st.sampled_from("xyz"), max_size=3).map(tuple),
            ),
            st.tuples(st.just("remove"), names),
            st.tuples(st.just("fail")),
        ),
        max_size=5,
    ),
    max_size=15,
)


class AbandonedError(Exception):
    """The transaction ends without a change."""


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations)
def test_random_transactions_agree_with_a_dictionary(tmp_path_factory, transactions):
    asyncio.run(compare(tmp_path_factory.mktemp("p") / "store.db", transactions))


async def compare(path, transactions):
    scope = Scope("1" * 12, "r")
    store, model, heard = Store.open(SqliteBackend(path)), {}, {}

    def hear(changes):
        for change in changes:
            assert heard.get(change.key) == change.before
            heard[change.key] = change.after

    store.watch([Thing], hear)
    for steps in transactions:
        trial = dict(model)
        try:
            async with store.transaction(scope) as change:
                for step in steps:
                    apply(change, trial, step)
            model = trial
        except AbandonedError:
            pass  # the model keeps what it was
        check(store.view(scope), model)
    assert {key: value for key, value in heard.items() if value is not None} == model
    store.close()
    again = Store.open(SqliteBackend(path))
    check(again.view(scope), model)
    again.close()


def apply(change, trial, step):
    if step[0] == "put":
        trial[step[1]] = thing(step[1], colour=step[2], labels=step[3])
        change.put(trial[step[1]])
    elif step[0] == "remove":
        trial.pop(step[1], None)
        change.remove(thing(step[1]))
    else:
        raise AbandonedError


def check(view, model):
    assert {one.name: one for one in view.select(Thing)} == model
    for colour in ("red", "blue"):
        found = {one.name for one in view.select(Thing, colour=colour)}
        assert found == {one.name for one in model.values() if one.colour == colour}
    for label in "xyz":
        found = {one.name for one in view.select(Thing, labels=label)}
        assert found == {one.name for one in model.values() if label in one.labels}
        assert view.count(Thing, "labels", label) == len(found)
