"""Staging labels: a partition that follows every move."""

from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.secretsmanager.stages import (
    CURRENT,
    PENDING,
    PREVIOUS,
    attached,
    by_version,
    moved,
)

LABELS = st.sampled_from([CURRENT, PREVIOUS, PENDING, "mine"])
VERSIONS = st.sampled_from(["v1", "v2", "v3"])
attaching = st.tuples(st.just("attach"), VERSIONS, st.lists(LABELS, max_size=3))
moving = st.tuples(st.just("move"), LABELS, st.none() | VERSIONS, st.none() | VERSIONS)
steps = st.lists(attaching | moving, max_size=12)


def after(stages, step):
    if step[0] == "attach":
        return attached(stages, *step[1:])
    result = moved(stages, *step[1:])
    return stages if isinstance(result, str) else result


@given(steps)
def test_each_label_is_on_one_version_and_the_current_one_stays(done):
    stages = {}
    for step in done:
        before, stages = stages, after(stages, step)
        shown = by_version(stages)
        labels = [label for held in shown.values() for label in held]
        assert sorted(labels) == sorted(stages)  # every label once
        assert CURRENT in stages or CURRENT not in before  # never lost again
        if before.get(CURRENT) not in (None, stages.get(CURRENT)):
            explicit = step[0] == "attach" and PREVIOUS in step[2]
            assert explicit or stages[PREVIOUS] == before[CURRENT]


@given(steps, LABELS, VERSIONS)
def test_a_label_leaves_only_the_version_that_is_named(done, label, target):
    stages = {}
    for step in done:
        stages = after(stages, step)
    holder = stages.get(label)
    unnamed = moved(stages, label, None, target)
    assert isinstance(unnamed, str) is (holder not in (None, target))
    for version in ("v1", "v2", "v3"):
        named = moved(stages, label, version, target)
        assert isinstance(named, str) is (holder != version)


def test_the_first_version_is_current_whatever_it_asks_for():
    assert attached({}, "v1", ["mine"]) == {"mine": "v1", CURRENT: "v1"}
    assert attached({CURRENT: "v1"}, "v2", ["mine"]) == {"mine": "v2", CURRENT: "v1"}
    assert attached({CURRENT: "v1"}, "v2", []) == {CURRENT: "v2", PREVIOUS: "v1"}
