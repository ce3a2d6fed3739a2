"""Network Load Balancers of one VPC as nftables: maps from doors to chains that pick a target.

Only a flow's first packet passes here; what was picked holds for its life (connection tracking).
A group has a chain for each zone that it is seen from, so a change of its targets touches that
chain alone. Source: network.md 5; nft(8).
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import sha256

from ecsd.decisions.balancers.nlb_plan import Door, Place, Share
from ecsd.decisions.network.ruleset import Chain, Collection, Table

TRANSLATED = "0x2"  # the mark of flows whose targets see the balancer's address
BEFORE_TRANSLATION = -150  # after connection tracking has found the flow
AFTER_TRANSLATION = 105
FEWEST_SLOTS, MOST_SLOTS = 256, 1024  # of a sticky group
DOORS = "type ipv4_addr . inet_proto . inet_service : verdict;"
EITHER = "meta l4proto { tcp, udp }"


def compile_nlb(doors: Sequence[Door]) -> Table:
    """Return the table that leads new flows to targets."""
    chains = {
        "pick": Chain(("ip daddr . meta l4proto . th dport vmap @vip",)),
        "pre": Chain(("jump pick",), "type nat hook prerouting priority -100; policy accept;"),
        "post": Chain(
            (f"ct mark {TRANSLATED} snat ip to ct original ip daddr map @source",),
            "type nat hook postrouting priority 100; policy accept;",
        ),
    }
    vip = set()
    for door in doors:
        shares = [one for one in door.shares if one.weight]
        chains |= {_target_chain(one): Chain(_target_rules(one)) for one in shares}
        if len(shares) == 1:
            chain = _target_chain(shares[0])
        elif shares:
            chain = f"l_{_digest(*(f'{_target_chain(one)}={one.weight}' for one in shares))}"
            chains[chain] = Chain((_weighted(shares),))
        else:
            continue  # nothing takes part: the balancer's address refuses
        vip.add(f"{door.address} . {door.protocol} . {door.port} : goto {chain}")
    collections = {
        "vip": Collection("map", DOORS, frozenset(vip)),
        "source": Collection(
            "map",
            "type ipv4_addr : ipv4_addr;",
            frozenset(f"{one.address} : {one.source}" for one in doors),
        ),
    }
    return Table("ip nlb", collections, chains)


def compile_idle(doors: Sequence[Door]) -> Table:
    """Return the table that says how long flows may be silent, for kernels that can be told."""
    chains = {
        "pre": Chain(
            ("ct state new ip daddr . meta l4proto . th dport vmap @idle",),
            f"type filter hook prerouting priority {BEFORE_TRANSLATION}; policy accept;",
        )
    }
    timeouts: dict[str, str] = {}
    idle = set()
    for door in doors:
        name = f"{door.protocol}_{door.idle}"
        states = ("established",) if door.protocol == "tcp" else ("unreplied", "replied")
        policy = ", ".join(f"{state} : {door.idle}" for state in states)
        timeouts[name] = f"protocol {door.protocol}; l3proto ip; policy = {{ {policy} }};"
        chains[f"set_{name}"] = Chain((f'ct timeout set "{name}"',))
        idle.add(f"{door.address} . {door.protocol} . {door.port} : goto set_{name}")
    return Table(
        "ip nlb_idle", {"idle": Collection("map", DOORS, frozenset(idle))}, chains, timeouts
    )


@lru_cache(maxsize=256)
def slots(targets: tuple[Place, ...]) -> list[Place]:
    """Return a sticky group's slots: a client's address decides on one.

    Each slot has the target that ranks highest for it (rendezvous hashing), so a target that
    comes takes slots from all, one that goes gives its own away, and no other slot moves.
    """
    wide = FEWEST_SLOTS if len(targets) * 8 <= FEWEST_SLOTS else MOST_SLOTS
    return [max(targets, key=lambda one: (_rank(number, one), one)) for number in range(wide)]


def _target_rules(share: Share) -> tuple[str, ...]:
    """Return the rule that picks one of a group's targets; none where it has none."""
    if not share.targets:
        return ()
    if share.relay is not None:
        return (f"meta l4proto tcp dnat ip to {share.relay.address}:{share.relay.port}",)
    mark = f"ct mark set {TRANSLATED} " if share.translated else ""
    if len(share.targets) == 1:
        ((address, port),) = share.targets
        return (f"{EITHER} {mark}dnat ip to {address}:{port}",)
    if share.sticky:
        held = slots(share.targets)
        pick = f"jhash ip saddr mod {len(held)} seed 0x1"
    else:
        held = list(share.targets)
        pick = f"numgen random mod {len(held)}"
    listed = ", ".join(f"{span} : {address} . {port}" for span, (address, port) in _spans(held))
    return (f"{EITHER} {mark}dnat ip to {pick} map {{ {listed} }}",)


def _spans(held: Sequence[Place]) -> Iterator[tuple[str, Place]]:
    """Yield runs of equal slots: nft refuses neighbours that could be one interval."""
    first = 0
    for number, place in enumerate(held):
        if number + 1 == len(held) or held[number + 1] != place:
            yield (f"{first}-{number}" if first != number else f"{number}"), place
            first = number + 1


def _weighted(shares: Sequence[Share]) -> str:
    """Return the rule that shares flows between groups, whether they have targets or not."""
    parts, first = [], 0
    for one in shares:
        last = first + one.weight - 1
        span = f"{first}-{last}" if last > first else f"{first}"
        parts.append(f"{span} : goto {_target_chain(one)}")
        first = last + 1
    return f"numgen random mod {first} vmap {{ {', '.join(parts)} }}"


def _target_chain(share: Share) -> str:
    own = [str(share.relay.port)] if share.relay else []
    return f"t_{_digest(share.target_group_arn, share.zone, *own)}"


def _rank(slot: int, target: Place) -> bytes:
    return sha256(f"{slot} {target[0]} {target[1]}".encode()).digest()


def _digest(*parts: str) -> str:
    return sha256(" ".join(parts).encode()).hexdigest()[:16]
