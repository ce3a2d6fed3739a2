"""A rollout moves towards what is wanted and never passes its limits."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.rollout.fleet import Condition, Member, Step, surplus
from ecsd.decisions.rollout.rolling import Limits, is_early_success, limits, next_step

C = Condition


def member(number, condition, deployment="new", zone="a"):
    return Member(f"task-{number}", deployment, condition, zone, number)


def fleet(**groups):
    """fleet(new=[...conditions], old=[...]) → members."""
    number, members = 0, []
    for deployment, conditions in groups.items():
        for condition in conditions:
            members.append(member(number, condition, deployment))
            number += 1
    return members


conditions = st.sampled_from(list(Condition))
fleets = st.builds(
    lambda new, old: fleet(new=new, old=old),
    st.lists(conditions, max_size=12),
    st.lists(conditions, max_size=12),
)
percents = st.tuples(st.integers(0, 100), st.integers(100, 300))


@given(fleets, st.integers(0, 10), percents)
def test_a_step_never_passes_the_ceiling(members, desired, percent):
    bounds = limits(desired, *percent)
    step = next_step(members, "new", desired, bounds)
    assert len(members) + step.start <= max(len(members), bounds.ceiling)


@given(fleets, st.integers(0, 10), percents)
def test_a_step_never_takes_health_below_the_floor(members, desired, percent):
    bounds = limits(desired, *percent)
    step = next_step(members, "new", desired, bounds)
    healthy = {one.task_arn for one in members if one.condition is C.HEALTHY}
    left = healthy - set(step.stop)
    assert len(left) >= min(bounds.floor, len(healthy))


@given(fleets, st.integers(0, 10), percents)
def test_a_step_stops_nothing_twice_and_nothing_that_already_leaves(members, desired, percent):
    step = next_step(members, "new", desired, limits(desired, *percent))
    leaving = {one.task_arn for one in members if one.condition is C.LEAVING}
    assert len(set(step.stop)) == len(step.stop)
    assert not leaving & set(step.stop)


@given(fleets, st.integers(0, 10), percents)
def test_a_throttled_step_starts_nothing(members, desired, percent):
    assert next_step(members, "new", desired, limits(desired, *percent), may_start=False).start == 0


def test_limits_round_the_floor_up_and_the_ceiling_down():
    assert limits(3, 50, 150) == Limits(2, 4)
    assert limits(1, 100, 200) == Limits(1, 2)
    assert limits(4, 50, 100) == Limits(2, 4)
    assert limits(0, 100, 200) == Limits(0, 0)


def test_with_100_and_200_percent_new_tasks_start_before_old_ones_stop():
    step = next_step(fleet(old=[C.HEALTHY] * 4), "new", 4, limits(4, 100, 200))
    assert (step.start, step.stop) == (4, ())


def test_with_50_and_100_percent_half_of_the_old_ones_stop_first():
    step = next_step(fleet(old=[C.HEALTHY] * 4), "new", 4, limits(4, 50, 100))
    assert (step.start, len(step.stop)) == (0, 2)


def test_a_new_healthy_task_releases_one_old_one():
    members = fleet(new=[C.HEALTHY, C.UNJUDGED], old=[C.HEALTHY] * 2)
    step = next_step(members, "new", 2, limits(2, 100, 200))
    assert (step.start, len(step.stop)) == (0, 1)


def test_a_failing_task_is_replaced_before_it_is_stopped():
    bounds = limits(2, 100, 200)
    failing = fleet(new=[C.HEALTHY, C.FAILING])
    assert next_step(failing, "new", 2, bounds) == Step(1)
    replaced = fleet(new=[C.HEALTHY, C.FAILING, C.UNJUDGED])
    assert next_step(replaced, "new", 2, bounds) == Step()
    well = fleet(new=[C.HEALTHY, C.FAILING, C.HEALTHY])
    assert next_step(well, "new", 2, bounds) == Step(0, ("task-1",))


def test_at_the_ceiling_a_failing_task_makes_room_for_its_replacement():
    step = next_step(fleet(new=[C.HEALTHY, C.FAILING]), "new", 2, limits(2, 0, 100))
    assert (step.start, step.stop) == (0, ("task-1",))


def test_old_tasks_that_were_healthy_and_are_not_known_now_wait_for_the_new_ones():
    """An agent that starts anew may not know them for a moment: they serve all the while."""
    bounds = limits(2, 100, 200)
    members = fleet(new=[C.STARTING] * 2, old=[C.DOUBTED] * 2)
    assert next_step(members, "new", 2, bounds) == Step()
    members = fleet(new=[C.HEALTHY] * 2, old=[C.DOUBTED] * 2)
    assert next_step(members, "new", 2, bounds).stop == ("task-2", "task-3")
    never_well = fleet(new=[C.STARTING] * 2, old=[C.UNJUDGED] * 2)
    assert next_step(never_well, "new", 2, bounds).stop == ("task-2", "task-3")


def test_at_the_ceiling_a_task_that_stays_unknown_makes_room():
    step = next_step(fleet(old=[C.DOUBTED] * 2), "new", 2, limits(2, 50, 100))
    assert (step.start, step.stop) == (0, ("task-0",))


def test_percentages_that_allow_nothing_are_reported_as_blocked():
    step = next_step(fleet(old=[C.HEALTHY] * 2), "new", 2, limits(2, 75, 100))
    assert step.blocked
    assert (step.start, step.stop) == (0, ())


def test_scaling_in_stops_the_least_useful_from_the_fullest_zone():
    members = [
        member(0, C.HEALTHY, zone="a"),
        member(1, C.HEALTHY, zone="a"),
        member(2, C.HEALTHY, zone="b"),
        member(3, C.STARTING, zone="b"),
    ]
    step = next_step(members, "new", 2, limits(2, 100, 200))
    assert step.stop == ("task-3", "task-1")


@pytest.mark.parametrize(
    ("criteria", "healthy", "older", "expected"),
    [
        (None, 4, 0, False),
        ({"enable": False, "healthyPercent": 50}, 4, 0, False),
        ({"enable": True, "healthyPercent": 50}, 2, 0, True),
        ({"enable": True, "healthyPercent": 50}, 1, 0, False),
        ({"enable": True, "healthyPercent": 50}, 2, 1, False),
        (
            {
                "enable": True,
                "healthyPercent": 75,
                "sourceServiceRevisionCleanup": "DEFERRED",
            },
            3,
            4,
            True,
        ),
    ],
)
def test_success_may_come_early(criteria, healthy, older, expected):
    assert is_early_success(criteria, 4, healthy, older) is expected


@given(st.integers(1, 8), percents, st.integers(0, 2**32))
def test_every_rollout_whose_limits_leave_room_ends_with_exactly_the_new_tasks(
    desired, percent, seed
):
    """Play a fleet to its end: started tasks become healthy, stopped ones leave, in any order."""
    bounds = limits(desired, *percent)
    if bounds.ceiling <= desired and bounds.floor >= desired:
        return
    chance = random.Random(seed)
    members = fleet(old=[C.HEALTHY] * desired)
    number = len(members)
    for _ in range(400):
        step = next_step(members, "new", desired, bounds)
        members = [
            one._replace(condition=C.LEAVING) if one.task_arn in step.stop else one
            for one in members
        ]
        for _ in range(step.start):
            members.append(member(number, C.STARTING))
            number += 1
        moving = [one for one in members if one.condition in {C.STARTING, C.LEAVING}]
        if not moving:
            break
        chosen = chance.choice(moving)
        members.remove(chosen)
        if chosen.condition is C.STARTING:
            members.append(chosen._replace(condition=C.HEALTHY))
    assert [one.deployment_id for one in members] == ["new"] * desired
    assert {one.condition for one in members} == {C.HEALTHY}


@given(st.lists(st.sampled_from("abc"), max_size=20), st.integers(0, 20))
def test_a_scale_in_takes_the_newest_of_the_fullest_zone_each_time(zones, wanted):
    left = [member(number, C.HEALTHY, zone=zone) for number, zone in enumerate(zones)]
    for stopped in surplus(left, wanted):
        (gone,) = [one for one in left if one.task_arn == stopped]
        most = max(sum(one.zone == zone for one in left) for zone in "abc")
        fullest = [z for z in "abc" if sum(one.zone == z for one in left) == most]
        assert gone.number == max(one.number for one in left if one.zone in fullest)
        left.remove(gone)
    assert len(left) == min(len(zones), wanted)
