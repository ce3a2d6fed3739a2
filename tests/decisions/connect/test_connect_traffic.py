"""Shares of a name between revisions: whole at every stage, and never with nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.connect.connect_traffic import among, digest, given_back, sharing, weights
from ecsd.decisions.rollout import stages
from ecsd.decisions.rollout.stages import Position
from ecsd.records.ecs.service import DeploymentConfiguration
from ecsd.records.ecs.service_connect import ConnectShares

BLUE, GREEN, OTHER = "ecs-svc/1", "ecs-svc/2", "ecs-svc/3"
STRATEGIES = (
    DeploymentConfiguration(strategy="BLUE_GREEN"),
    DeploymentConfiguration(strategy="CANARY", canary={"canaryPercent": 0.1}),
    DeploymentConfiguration(strategy="LINEAR", linear={"stepPercent": 33.3}),
)
percents = st.integers(0, 1000).map(lambda tenths: tenths / 10)
present = st.lists(st.sampled_from([BLUE, GREEN, OTHER]), max_size=12)
shares_of_two = st.builds(
    lambda percent, tested: sharing(BLUE, GREEN, green_percent=percent, tested=tested),
    percents,
    st.booleans(),
)
any_shares = st.one_of(shares_of_two, st.just(given_back(BLUE)))


def positions(configuration):
    """Yield every position of a deployment, with its steps."""
    steps = stages.shifts(configuration, has_blue=True)
    position = Position("RECONCILE_SERVICE")
    while position is not None:
        yield position, steps
        position = stages.following(position, steps)


@pytest.mark.parametrize("configuration", STRATEGIES, ids=lambda one: one.strategy)
def test_at_every_stage_shares_are_whole_and_a_rollback_gives_blue_all(configuration):
    seen = []
    for position, steps in positions(configuration):
        percent = stages.production_percent(position, steps)
        tested = stages.test_percent(position) > 0
        shares = sharing(BLUE, GREEN, green_percent=percent, tested=tested)
        assert sum(shares.percents.values()) == pytest.approx(100)
        assert shares.tested == (GREEN if tested else None)
        seen.append(among(shares, [BLUE, GREEN]).get(GREEN, 0.0))
        back = given_back(BLUE)
        assert weights(back, [BLUE, GREEN, BLUE]) == [256, 0, 256]
        assert back.tested is None
    assert (seen, seen[0], seen[-1]) == (sorted(seen), 0.0, 100.0)


@given(any_shares, present)
def test_shares_are_whole_and_only_of_those_that_have_endpoints(shares, there):
    found = among(shares, there)
    assert set(found) <= set(there)
    assert sum(found.values()) == pytest.approx(100 if there else 0)


@given(any_shares, present)
def test_a_name_leads_to_nobody_only_where_nobody_is(shares, there):
    found = weights(shares, there)
    assert len(found) == len(there)
    assert all(0 <= one <= 256 for one in found)
    assert any(found) is bool(there)
    serving = {name for name, part in shares.percents.items() if part > 0} & set(there)
    if serving:  # then nobody else gets anything
        assert {name for name, one in zip(there, found, strict=True) if one} == serving


@given(percents.filter(lambda one: 1 <= one <= 99), st.integers(1, 9), st.integers(1, 9))
def test_weights_keep_to_the_percent_whatever_the_number_of_tasks(percent, blues, greens):
    shares = sharing(BLUE, GREEN, green_percent=percent, tested=True)
    there = [BLUE] * blues + [GREEN] * greens
    found = weights(shares, there)
    green = sum(found[blues:])
    assert 100 * green / sum(found) == pytest.approx(percent, abs=1.0 + 0.4 * greens)


@pytest.mark.parametrize(
    ("shares", "there", "wanted"),
    [
        (None, [BLUE, GREEN], [1, 1]),
        (sharing(BLUE, GREEN, green_percent=0, tested=True), [BLUE, GREEN], [256, 0]),
        (
            sharing(BLUE, GREEN, green_percent=50, tested=True),
            [BLUE, GREEN, GREEN],
            [256, 128, 128],
        ),
        (sharing(BLUE, GREEN, green_percent=100, tested=True), [BLUE, GREEN], [0, 256]),
        # blue has none left: green, that was to have nothing yet, is all there is
        (sharing(BLUE, GREEN, green_percent=0, tested=False), [GREEN, GREEN], [256, 256]),
        # what is left of a third revision gets nothing beside those that are named
        (sharing(BLUE, GREEN, green_percent=0, tested=False), [BLUE, OTHER], [256, 0]),
        (sharing(BLUE, GREEN, green_percent=0, tested=False), [GREEN, OTHER], [256, 0]),
        (sharing(BLUE, GREEN, green_percent=0, tested=False), [OTHER], [256]),
        # a service's first deployment
        (sharing(None, GREEN, green_percent=0, tested=False), [GREEN], [256]),
        # a thousandth of an endpoint's part is rounded up, never away
        (sharing(BLUE, GREEN, green_percent=0.1, tested=False), [BLUE, GREEN], [256, 1]),
        (sharing(BLUE, GREEN, green_percent=5, tested=False), [], []),
    ],
)
def test_weights_of_endpoints(shares, there, wanted):
    assert weights(shares, there) == wanted


def test_a_digest_tells_shares_apart_and_none_from_some():
    some = [sharing(BLUE, GREEN, green_percent=one, tested=two) for one in (0, 5) for two in (0, 1)]
    assert len({digest({"arn:a": one}) for one in some}) == len(some)
    assert digest({"arn:a": some[0]}) != digest({"arn:b": some[0]})
    assert digest({}) == ""
    again = ConnectShares(percents=dict(reversed(some[1].percents.items())), tested=some[1].tested)
    assert digest({"arn:a": some[1]}) == digest({"arn:a": again})
