"""Doors as nftables: shares by weight, and changes that touch what they are about alone."""

import re
from collections import Counter
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.balancers.nlb_plan import Door, Share
from ecsd.decisions.balancers.nlb_ruleset import compile_idle, compile_nlb, slots
from ecsd.decisions.network.ruleset import Table, difference, read_table, whole
from tests.decisions.vpc.test_packet_filter import obey, told_by_nft

ADDRESSES = ("10.0.1.20", "10.0.2.20")
places = st.tuples(st.integers(1, 40).map("10.0.9.{}".format), st.sampled_from([80, 7000]))
some_targets = st.sets(places, max_size=6).map(lambda found: tuple(sorted(found)))


def share(targets=(("10.0.9.1", 80),), name="g", zone="a", weight=1, **more):
    facts = {"translated": True, "sticky": False} | more
    return Share(name, zone, weight, tuple(targets), **facts)


def door(*shares, address=ADDRESSES[0], protocol="tcp", port=90, idle=350):
    return Door(address, protocol, port, ADDRESSES[0], idle, shares)


@st.composite
def some_doors(draw):
    """Return doors on different places, whose equal groups and zones have equal targets."""
    groups = {(name, zone): draw(some_targets) for name in ("g", "h", "i") for zone in ("a", "b")}
    sticky = draw(st.booleans())
    found = []
    for number, address in enumerate(ADDRESSES):
        zone = "ab"[number]
        for port in sorted(draw(st.sets(st.sampled_from([53, 90, 443])))):
            shares = [
                share(groups[name, zone], name, zone, draw(st.integers(0, 5)), sticky=sticky)
                for name in sorted(draw(st.sets(st.sampled_from(["g", "h", "i"]), min_size=1)))
            ]
            found.append(door(*shares, address=address, port=port))
    return found


def chances(table: Table, address: str, protocol: str, port: int) -> Counter:
    """Return how likely each target is; what is missing to 1 finds no target."""
    held = dict(one.split(" : goto ") for one in table.collections["vip"].elements)
    chain = held.get(f"{address} . {protocol} . {port}")
    return Counter() if chain is None else _of_chain(table, chain)


def _of_chain(table, chain):
    found = Counter()
    for rule in table.chains[chain].rules:
        if single := re.search(r"dnat ip to ([\d.]+):(\d+)$", rule):
            found[single[1], int(single[2])] += Fraction(1)
            continue
        whole_of, listed = re.search(r"mod (\d+)[^{]*(?:v?map) \{ (.*) \}$", rule).groups()
        covered = 0
        for part in listed.split(", "):
            span, _, to = part.partition(" : ")
            first, _, last = span.partition("-")
            width = int(last or first) - int(first) + 1
            assert int(first) == covered  # no gap, nothing twice
            covered += width
            some = Fraction(width, int(whole_of))
            if to.startswith("goto "):
                for place, chance in _of_chain(table, to.removeprefix("goto ")).items():
                    found[place] += some * chance
            else:
                host, _, port = to.partition(" . ")
                found[host, int(port)] += some
        assert covered == int(whole_of)
    return found


@given(some_doors())
def test_every_target_has_its_groups_part_of_the_weight_and_nobody_else_any(doors):
    table = compile_nlb(doors)
    for one in doors:
        found = chances(table, one.address, one.protocol, one.port)
        total = sum(share.weight for share in one.shares)
        wanted = Counter()
        for part in one.shares:
            if part.sticky:
                continue
            for place in part.targets:
                wanted[place] += Fraction(part.weight, total * len(part.targets)) if total else 0
        if not any(part.sticky for part in one.shares):
            assert +found == +wanted
        reachable = {place for part in one.shares if part.weight for place in part.targets}
        assert set(+found) == reachable


@given(some_doors(), some_doors())
def test_a_difference_makes_one_into_the_other_without_touching_what_stays(before, after):
    for compile_one in (compile_nlb, compile_idle):
        old, new = compile_one(before), compile_one(after)
        commands = difference(old, new)
        assert "delete table" not in commands
        assert obey(old, commands) == new
        assert obey(Table(new.name, {}, {}), whole(new)) == new
        found = read_table(old.name, told_by_nft(old))
        assert found.collections == old.collections
        assert set(found.timeouts) == set(old.timeouts)
        assert obey(old, difference(found, new)) == new


@given(some_targets.filter(bool), places, st.booleans())
def test_a_target_that_comes_touches_the_chain_of_its_group_and_zone_alone(some, fresh, sticky):
    others = [share(name="h"), share(name="g", zone="b")]

    def table(targets):
        own = share(targets, sticky=sticky)
        return compile_nlb([door(own, *others), door(*others, address=ADDRESSES[1])])

    old, new = table(some), table(tuple(sorted({*some, fresh})))
    chain = compile_nlb([door(share(some))]).chains.keys() - {"pick", "pre", "post"}
    touched = {line.split()[4] for line in difference(old, new).splitlines()}
    assert touched <= chain


@given(st.sets(places, min_size=1, max_size=30), places)
def test_a_sticky_group_moves_only_the_clients_of_a_target_that_comes_or_goes(some, one):
    without, within = sorted(some - {one}), sorted(some | {one})
    if not without:
        return
    few, many = slots(tuple(without)), slots(tuple(within))
    if len(few) != len(many):
        return
    moved = [number for number, place in enumerate(many) if place != few[number]]
    assert moved == [number for number, place in enumerate(many) if place == one]
    assert set(many) <= set(within)


def test_sticky_slots_are_shared_about_evenly():
    targets = tuple((f"10.0.9.{number}", 80) for number in range(4))
    held = Counter(slots(targets))
    assert set(held) == set(targets)
    assert all(40 <= count <= 90 for count in held.values())  # of 256


def test_only_translated_flows_are_marked():
    for translated in (True, False):
        rules = compile_nlb([door(share(translated=translated))]).chains.values()
        assert any("ct mark set" in rule for one in rules for rule in one.rules) is translated


def test_a_port_says_how_long_its_flows_may_be_silent():
    table = compile_idle([door(share(), idle=60), door(share(), protocol="udp", idle=120)])
    assert table.timeouts == {
        "tcp_60": "protocol tcp; l3proto ip; policy = { established : 60 };",
        "udp_120": "protocol udp; l3proto ip; policy = { unreplied : 120, replied : 120 };",
    }
    assert table.collections["idle"].elements == {
        "10.0.1.20 . tcp . 90 : goto set_tcp_60",
        "10.0.1.20 . udp . 90 : goto set_udp_120",
    }
