"""Who may start and stop when: tables, and laws that hold for every graph and every state."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.containers.container_order import (
    Seen,
    blocked,
    creatable,
    dependencies,
    is_fulfilled,
    is_up,
    look_again,
    restarts,
    startable,
    stoppable,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CREATED = Seen(status="CREATED")
RUNNING = Seen(status="RUNNING", started_at=NOW)
HEALTHY = Seen(status="RUNNING", started_at=NOW, health="HEALTHY")
DONE = Seen(status="STOPPED", started_at=NOW, finished_at=NOW, exit_code=0)
FAILED = Seen(status="STOPPED", started_at=NOW, finished_at=NOW, exit_code=1)
NEVER_RAN = Seen(status="STOPPED", reason="CannotStartContainerError: no")

CONDITIONS = ["START", "COMPLETE", "SUCCESS", "HEALTHY"]


def after(name, condition="START", **members):
    return {"dependsOn": [{"containerName": name, "condition": condition}], **members}


@pytest.mark.parametrize(
    ("condition", "seen", "fulfilled"),
    [
        ("START", CREATED, False),
        ("START", RUNNING, True),
        ("START", FAILED, True),
        ("START", NEVER_RAN, False),
        ("COMPLETE", RUNNING, False),
        ("COMPLETE", FAILED, True),
        ("COMPLETE", NEVER_RAN, False),
        ("SUCCESS", DONE, True),
        ("SUCCESS", FAILED, False),
        ("HEALTHY", RUNNING, False),
        ("HEALTHY", HEALTHY, True),
        ("HEALTHY", DONE, False),
    ],
)
def test_when_a_dependency_is_fulfilled(condition, seen, fulfilled):
    assert is_fulfilled(condition, seen) is fulfilled


def test_volumes_from_and_links_are_start_dependencies():
    one = {"name": "a", "volumesFrom": [{"sourceContainer": "b"}], "links": ["c:alias"]}
    found = [(each.name, each.condition) for each in dependencies(one)]
    assert found == [("b", "START"), ("c", "START")]


def test_a_container_that_shares_volumes_is_created_after_their_owner():
    pair = [{"name": "a", "volumesFrom": [{"sourceContainer": "b"}]}, {"name": "b"}]
    assert creatable(pair, {}) == ["b"]
    assert creatable(pair, {"b": CREATED}) == ["a"]


@pytest.mark.parametrize(
    ("condition", "dependency", "words"),
    [
        ("SUCCESS", FAILED, "did not exit successfully"),
        ("HEALTHY", FAILED, "stopped before it was healthy"),
        ("START", NEVER_RAN, "did not start"),
        ("SUCCESS", RUNNING, None),
        ("HEALTHY", RUNNING, None),
        ("COMPLETE", FAILED, None),
    ],
)
def test_who_waits_in_vain(condition, dependency, words):
    pair = [{"name": "a", **after("b", condition)}, {"name": "b"}]
    found = blocked(pair, {"a": CREATED, "b": dependency}, NOW)
    assert [one.container for one in found] == (["a"] if words else [])
    assert all(words in one.words for one in found)


def test_start_timeout_is_of_the_dependency_and_without_one_there_is_no_end():
    bounded = [{"name": "a", **after("b", "HEALTHY")}, {"name": "b", "startTimeout": 60}]
    endless = [{"name": "a", "startTimeout": 1, **after("b", "HEALTHY")}, {"name": "b"}]
    view = {"a": CREATED, "b": RUNNING}
    assert look_again(bounded, view) == NOW + timedelta(seconds=60)
    assert look_again(endless, view) is None
    assert blocked(bounded, view, NOW + timedelta(seconds=59)) == []
    assert [one.container for one in blocked(bounded, view, NOW + timedelta(seconds=60))] == ["a"]
    assert blocked(endless, view, NOW + timedelta(days=1)) == []


def test_a_task_is_up_when_all_that_must_run_do():
    pair = [{"name": "a"}, {"name": "b"}]
    assert not is_up(pair, {"a": RUNNING, "b": CREATED})
    assert is_up(pair, {"a": RUNNING, "b": DONE})
    assert not is_up(pair, {"a": DONE, "b": DONE})
    assert not is_up([], {})


def ended(seconds, code=1):
    finished = NOW + timedelta(seconds=seconds)
    return Seen(status="STOPPED", started_at=NOW, finished_at=finished, exit_code=code)


@pytest.mark.parametrize(
    ("policy", "seen", "expected"),
    [
        (None, ended(1000), False),
        ({"enabled": False}, ended(1000), False),
        ({"enabled": True}, ended(299), False),
        ({"enabled": True}, ended(300), True),
        ({"enabled": True, "restartAttemptPeriod": 60}, ended(60, 0), True),
        ({"enabled": True, "ignoredExitCodes": [0]}, ended(300, 0), False),
        ({"enabled": True}, RUNNING, False),
        ({"enabled": True}, NEVER_RAN, False),
    ],
)
def test_when_the_policy_restarts(policy, seen, expected):
    assert restarts({"name": "a", "restartPolicy": policy}, seen) is expected


@st.composite
def tasks(draw):
    """Any acyclic task: each container depends on earlier ones only."""
    size = draw(st.integers(1, 6))
    containers = []
    for index in range(size):
        earlier = draw(st.sets(st.integers(0, index - 1))) if index else set()
        depends = [
            {"containerName": str(one), "condition": draw(st.sampled_from(CONDITIONS))}
            for one in sorted(earlier)
        ]
        containers.append({"name": str(index), "dependsOn": depends})
    return draw(st.permutations(containers))


states = st.sampled_from([Seen(), CREATED, RUNNING, HEALTHY, DONE, FAILED, NEVER_RAN])
views = st.dictionaries(st.sampled_from("012345"), states)


@given(tasks(), views)
def test_nothing_starts_before_what_it_depends_on(containers, view):
    by_name = {one["name"]: one for one in containers}
    for name in startable(containers, view):
        assert view[name].status == "CREATED"
        for one in dependencies(by_name[name]):
            assert is_fulfilled(one.condition, view[one.name])


@given(tasks(), views)
def test_nothing_stops_while_something_running_depends_on_it(containers, view):
    chosen = stoppable(containers, view)
    for one in containers:
        if view.get(one["name"], Seen()).status == "RUNNING":
            assert not {each.name for each in dependencies(one)} & set(chosen)


@given(tasks(), views)
def test_stopping_always_comes_to_an_end(containers, view):
    view = dict(view)
    for _ in containers:
        for name in stoppable(containers, view):
            view[name] = DONE
    names = {one["name"] for one in containers}
    assert not [name for name in names if view.get(name, Seen()).status == "RUNNING"]


@given(tasks(), views)
def test_starting_never_gets_stuck(containers, view):
    """Whoever is created is startable, waits for somebody who may still change, or is blocked."""
    hopeless = {one.container for one in blocked(containers, view, NOW)}
    for one in containers:
        if view.get(one["name"], Seen()).status != "CREATED":
            continue
        waits = [
            each
            for each in dependencies(one)
            if not is_fulfilled(each.condition, view.get(each.name, Seen()))
        ]
        open_ends = [each for each in waits if view.get(each.name, Seen()).status != "STOPPED"]
        assert one["name"] in startable(containers, view) or one["name"] in hopeless or open_ends
