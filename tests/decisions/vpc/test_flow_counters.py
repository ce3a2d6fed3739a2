"""Counters of the kernel, read again and again, made into what happened."""

from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.vpc.flow_counters import (
    FlowKey,
    Happened,
    Reading,
    added,
    read_counters,
    read_lost,
    settle,
    told_flows,
)
from ecsd.decisions.vpc.flow_ruleset import CAME, GAVE, GOT, LEFT, POINTS, SEEN, SETS
from ecsd.records.observed import CountedFlow

KEY = FlowKey("10.0.0.4", "10.0.1.4", 6, 40_000, 80)
NOWHERE = {point: {} for point in SETS}
OTHER = FlowKey("10.0.1.4", "10.0.0.4", 1)


def reading(seen=(0, 0), left=(0, 0), came=(0, 0), lost=0) -> Reading:
    amounts = dict(zip(POINTS, (seen, left, came), strict=True))
    points = {point: {KEY: it} if it != (0, 0) else {} for point, it in amounts.items()}
    return Reading(NOWHERE | points, lost)


def element(*key, packets, size):
    return {
        "elem": {
            "val": {"concat": list(key)},
            "expires": 9,
            "counter": {"packets": packets, "bytes": size},
        }
    }


def test_counters_are_read_as_nft_tells_them():
    ports = element("10.0.0.4", "10.0.1.4", "6", 40000, 80, packets=3, size=180)
    plain = element("10.0.1.4", "10.0.0.4", 1, packets=1, size=84)
    told = [{"metainfo": {}}, {"set": {"name": "seen_ports", "elem": [ports, plain]}}]
    assert read_counters(told) == {KEY: (3, 180), OTHER: (1, 84)}
    assert read_counters([{"set": {"name": "seen_ports"}}]) == {}


def test_what_had_no_place_is_read_from_the_chain_that_counts_it():
    counter = {"counter": {"packets": 4, "bytes": 1}}
    told = [{"chain": {"name": "lost"}}, {"rule": {"chain": "lost", "expr": [counter]}}]
    assert read_lost(told) == 4
    assert read_lost([{"rule": {"chain": "seen", "expr": [counter]}}]) == 0


def test_the_side_that_refused_is_told_by_where_packets_ended():
    flows = settle(reading(), reading((10, 1000), (7, 700), (5, 500)), {}).flows
    assert flows == {KEY: Happened((7, 700), (3, 300), (5, 500), (2, 200))}


def test_what_a_target_alone_has_a_part_in_is_refused_by_nobody():
    now = Reading(NOWHERE | {GAVE: {KEY: (2, 200)}, GOT: {OTHER: (1, 100)}})
    settled = settle(reading(), now, {})
    assert settled.flows == {KEY: Happened(left=(2, 200)), OTHER: Happened(came=(1, 100))}
    assert settled.advances == {}


def test_only_what_is_new_happened_and_a_counter_that_fell_has_begun_anew():
    before = reading((10, 1000), (10, 1000), (10, 1000))
    assert settle(before, before, {}).flows == {}
    grown = settle(before, reading((12, 1100), (12, 1100), (12, 1100)), {})
    assert grown.flows == {KEY: Happened(left=(2, 100), came=(2, 100))}
    anew = settle(before, reading((1, 60), (1, 60), (1, 60)), {})
    assert anew.flows == {KEY: Happened(left=(1, 60), came=(1, 60))}
    assert settle(before, reading(), {}).flows == {}


def test_a_packet_between_two_points_is_never_called_refused():
    """The later point was read after the packet had passed it, the earlier one before."""
    first = reading((3, 300), (4, 400), (4, 400))
    one = settle(reading(), first, {})
    assert one.flows == {KEY: Happened(left=(4, 400), came=(4, 400))}
    two = settle(first, reading((4, 400), (4, 400), (4, 400)), one.advances)
    assert (two.flows, two.advances) == ({}, {})


def test_what_was_not_counted_is_told():
    assert settle(reading(lost=2), reading(lost=3), {}).lost
    assert not settle(reading(lost=3), reading(lost=3), {}).lost
    assert not settle(reading(lost=3), reading(lost=0), {}).lost


def test_nothing_is_called_refused_while_a_later_point_may_be_full():
    settled = settle(reading(), reading((2, 200), (1, 100), lost=1), {})
    assert settled.flows == {KEY: Happened(left=(1, 100))}
    after = settle(reading((2, 200), (1, 100), lost=1), reading((3, 300), (1, 100), lost=1), {})
    assert after.flows == {KEY: Happened(kept=(1, 100))}


amounts = st.integers(0, 5)
packets = st.lists(st.sampled_from(["kept", "barred", "came"]), max_size=30)
cuts = st.lists(st.tuples(amounts, amounts, amounts), max_size=8)


@given(packets, cuts)
def test_readings_at_whatever_moments_add_up_to_what_happened(fates, moments):
    """Each point is read at a moment of its own, later points later, a packet at a time."""
    passing = {
        SEEN: list(fates),
        LEFT: [one for one in fates if one != "kept"],
        CAME: [one for one in fates if one == "came"],
    }

    def counted(until: dict[str, int]) -> Reading:
        points = {}
        for point, end in until.items():
            passed = [one for one in fates[:end] if one in passing[point]]
            points[point] = {KEY: (len(passed), 60 * len(passed))} if passed else {}
        return Reading(NOWHERE | points)

    total: dict = {}
    known, advances, at = counted(dict.fromkeys(POINTS, 0)), {}, 0
    ends = []
    for step in moments:
        ends.append((at + step[0], at + step[0] + step[1], at + sum(step)))
        at += sum(step)
    for end in [*ends, (len(fates),) * 3]:
        now = counted({p: min(one, len(fates)) for p, one in zip(POINTS, end, strict=True)})
        settled = settle(known, now, advances)
        total, known, advances = added(total, settled.flows), now, settled.advances
        so_far = total.get(KEY, Happened())
        assert so_far.kept[0] <= fates.count("kept")
        assert so_far.barred[0] <= fates.count("barred")
    happened = total.get(KEY, Happened())
    counts = [len(passing[LEFT]), fates.count("kept"), len(passing[CAME]), fates.count("barred")]
    assert [one[0] for one in happened] == counts
    assert [one[1] for one in happened] == [60 * one for one in counts]
    assert advances == {}


def test_what_happened_is_told_by_flow_in_their_order():
    one = {OTHER: Happened(left=(1, 84)), KEY: Happened(came=(1, 60))}
    assert told_flows(added(one, {KEY: Happened(came=(2, 120))})) == (
        CountedFlow(
            source=KEY.source,
            destination=KEY.destination,
            protocol=6,
            source_port=40_000,
            destination_port=80,
            came=(3, 180),
        ),
        CountedFlow(source=OTHER.source, destination=OTHER.destination, protocol=1, left=(1, 84)),
    )
