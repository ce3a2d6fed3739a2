"""Network Load Balancers: which targets each address and port leads to, and which flows end.

A zone's address leads to the zone's targets, or to all where the group crosses zones; the entrance
on the host stands for every zone. Source: ecs_semantics 5.4; Network Load Balancers guide, target
groups, target group health, target group attributes.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import NamedTuple

from ecsd.decisions.balancers.network_balancer_attributes import (
    DNS,
    END_DEREGISTERED,
    END_UNHEALTHY,
    IDLE,
    PRESERVE,
    PROXY,
    ROUTING,
    STICKY,
    crosses_zones,
    group_values,
    is_enough,
    listener_attributes,
)
from ecsd.decisions.balancers.target_health import Health
from ecsd.decisions.network.addresses import gate, relay
from ecsd.records.elbv2.target_group import TRANSPORTS
from ecsd.records.plan import BalancerPlan, ListenerPlan, TargetGroupPlan, TargetPlan, TlsPlan

UDP_IDLE = 120  # seconds
EVERY_ZONE = "all"
FIRST_RELAY, RELAYS = 1024, 60_000  # ports of relays

Place = tuple[str, int]  # a target's address and port
Healths = Mapping[tuple[str, str], Mapping[tuple[str, int], Health]]
# (balancer, group) → (target id, port) → what is known


class Relay(NamedTuple):
    """Where a program takes flows over that need more than translation, to targets from ``source``.

    It ends the TLS of clients, or speaks the proxy protocol or TLS to targets.
    """

    address: str
    port: int
    source: str


class Share(NamedTuple):
    """A target group's part of what comes to an address.

    weight: 0 for a group that gets nothing now. targets: sorted. translated: they see the
    balancer's address, not the client's. sticky: a client's address decides. proxied: targets
    are told of clients by the proxy protocol. encrypted: they are spoken to by TLS. relay: set
    where flows go to targets by a program. leaving: draining targets, sorted; while there are no
    others, a program leads to them what the kernel had led to it before.
    """

    target_group_arn: str
    zone: str
    weight: int
    targets: tuple[Place, ...]
    translated: bool
    sticky: bool
    proxied: bool = False
    encrypted: bool = False
    relay: Relay | None = None
    leaving: tuple[Place, ...] = ()


class Door(NamedTuple):
    """An address, a protocol (``tcp``, ``udp``) and a port that lead to targets.

    source: what targets see where a share is translated. idle: seconds until a silent flow ends.
    tls: how clients are met, by the shares' relays.
    """

    address: str
    protocol: str
    port: int
    source: str
    idle: int
    shares: tuple[Share, ...]
    tls: TlsPlan | None = None


class Ending(NamedTuple):
    """Flows to end: those that came to a port of one of these addresses and went to a target.

    relayed: they are a program's connections from these addresses.
    """

    addresses: tuple[str, ...]
    protocol: str
    port: int
    target: Place
    relayed: bool = False


class Carried(NamedTuple):
    """A target's flows as they were: which, and on what occasions they end.

    doors: protocol and port of the listeners, and whether flows are relayed. state: ``used`` (new
    flows reach it), ``draining``, ``unhealthy``, ``waiting`` (for its first check).
    """

    addresses: tuple[str, ...]
    doors: tuple[tuple[str, int, bool], ...]
    target: Place
    state: str
    ends_deregistered: bool
    ends_unhealthy: bool


def addresses_of(plan: BalancerPlan) -> tuple[str, ...]:
    """Return every address at which a balancer takes flows inside its VPC, its gate last."""
    return (*plan.addresses, gate(plan.entrance))


def doors(plan: BalancerPlan, healths: Healths) -> Iterator[Door]:
    """Yield the doors of a network load balancer."""
    groups = {one.target_group_arn: one for one in plan.target_groups}
    zones = dict(zip(plan.addresses, plan.zones, strict=True)) | {gate(plan.entrance): EVERY_ZONE}
    ports = _relay_ports(plan)
    for listener in plan.listeners:
        for address, zone in zones.items():
            shares = tuple(
                _relayed(_share(plan, groups[arn], weight, zone, healths), plan, listener, ports)
                for arn, weight in forwarded(listener)
                if arn in groups
            )
            for protocol in TRANSPORTS[listener.protocol]:
                yield Door(
                    address=address,
                    protocol=protocol,
                    port=listener.port,
                    source=address if address in plan.addresses else plan.addresses[0],
                    idle=_idle(listener) if protocol == "tcp" else UDP_IDLE,
                    shares=shares,
                    tls=listener.tls,
                )


def forwarded(listener: ListenerPlan) -> list[tuple[str, int]]:
    """Return the target groups that a listener forwards to, with their weights."""
    return [
        (one["TargetGroupArn"], one.get("Weight", 1))
        for action in listener.default_actions
        for one in action["ForwardConfig"]["TargetGroups"]
    ]


def answering(plan: BalancerPlan, healths: Healths) -> tuple[str, ...]:
    """Return the addresses that a balancer's name has: of zones where no group lacks targets.

    Where every zone lacks some it has all of them. Source: target group health, DNS failover.
    """
    groups = {one.target_group_arn: one for one in plan.target_groups}
    arns = {arn for one in plan.listeners for arn, weight in forwarded(one) if weight}
    used = [groups[arn] for arn in sorted(arns) if arn in groups]
    well = tuple(
        address
        for address, zone in zip(plan.addresses, plan.zones, strict=True)
        if all(_answers(plan, one, zone, healths) for one in used)
    )
    return well or plan.addresses


def routed(
    group: TargetGroupPlan, zone: str, known: Mapping[tuple[str, int], Health]
) -> list[TargetPlan]:
    """Return the targets of a zone that new flows reach: the healthy ones; too few: all.

    Draining targets get none. Source: target group health, unhealthy state actions.
    """
    registered = _registered(group, zone)
    healthy = [one for one in registered if _is_healthy(group, one, known)]
    values = group_values(group.protocol, group.attributes)
    return healthy if is_enough(values, ROUTING, len(healthy), len(registered)) else registered


def carried(plan: BalancerPlan, healths: Healths) -> dict[tuple[str, str, str, int], Carried]:
    """Return every target with what becomes of its flows, by balancer, group, id and port."""
    reached: dict[str, set[Place]] = {}
    led: dict[str, set[tuple[str, int, bool]]] = {}
    for door in doors(plan, healths):
        for share in door.shares:
            reached.setdefault(share.target_group_arn, set()).update(share.targets)
            way = (door.protocol, door.port, share.relay is not None)
            led.setdefault(share.target_group_arn, set()).add(way)
    found = {}
    for group in plan.target_groups:
        values = group_values(group.protocol, group.attributes)
        known = healths.get((plan.load_balancer_arn, group.target_group_arn), {})
        for one in group.targets:
            place = (one.address, one.port)
            used = place in reached.get(group.target_group_arn, set())
            state = "used" if used else _state(one, known)
            key = (plan.load_balancer_arn, group.target_group_arn, one.target_id, one.port)
            found[key] = Carried(
                addresses=addresses_of(plan),
                doors=tuple(sorted(led.get(group.target_group_arn, ()))),
                target=place,
                state=state,
                ends_deregistered=values[END_DEREGISTERED] == "true",
                ends_unhealthy=values[END_UNHEALTHY] == "true",
            )
    return found


def endings(
    before: Mapping[tuple[str, str, str, int], Carried],
    after: Mapping[tuple[str, str, str, int], Carried],
) -> list[Ending]:
    """Return the flows that end when one state follows another.

    They end with their balancer; with a target whose drain is over, and with one that has become
    unhealthy, where the group says so.
    """
    balancers = {key[0] for key in after}
    ended = []
    for key, old in before.items():
        new = after.get(key)
        if new is None:
            over = old.ends_deregistered or key[0] not in balancers
        else:
            over = new.state == "unhealthy" != old.state and new.ends_unhealthy
        if over:
            ended += [
                Ending(old.addresses, protocol, port, old.target, relayed)
                for protocol, port, relayed in old.doors
            ]
    return ended


def _share(
    plan: BalancerPlan, group: TargetGroupPlan, weight: int, zone: str, healths: Healths
) -> Share:
    values = group_values(group.protocol, group.attributes)
    if crosses_zones(values, plan.attributes):
        zone = EVERY_ZONE
    known = healths.get((plan.load_balancer_arn, group.target_group_arn), {})
    return Share(
        target_group_arn=group.target_group_arn,
        zone=zone,
        weight=weight,
        targets=_places(routed(group, zone, known)),
        translated=values[PRESERVE] != "true",
        sticky=values[STICKY] == "true",
        proxied=values[PROXY] == "true",
        encrypted=group.protocol == "TLS",
        leaving=_places(one for one in _of_zone(group, zone) if one.draining),
    )


def _relayed(
    share: Share, plan: BalancerPlan, listener: ListenerPlan, ports: Mapping[tuple[str, ...], int]
) -> Share:
    """Return a share with its relay, where its flows need one."""
    if not (listener.tls or share.proxied):
        return share
    own = (listener.listener_arn,) if listener.tls else ()
    place = (share.target_group_arn, share.zone, *own)
    of_zone = dict(zip(plan.zones, plan.addresses, strict=True))
    source = of_zone.get(share.zone, plan.addresses[0])
    return share._replace(relay=Relay(relay(plan.entrance), ports[place], source))


def _relay_ports(plan: BalancerPlan) -> dict[tuple[str, ...], int]:
    """Return the ports of relays, which stay the same: of a group as a zone sees it.

    Behind a TLS listener it has one of that listener's own, with its certificates.
    """
    zones = (*sorted(plan.zones), EVERY_ZONE)
    arns = sorted(one.target_group_arn for one in plan.target_groups)
    places: list[tuple[str, ...]] = [(arn, zone) for arn in arns for zone in zones]
    for listener in sorted(plan.listeners, key=lambda one: one.listener_arn):
        if listener.tls:
            own = sorted(arn for arn, _ in forwarded(listener))
            places += [(arn, zone, listener.listener_arn) for arn in own for zone in zones]
    ports: dict[tuple[str, ...], int] = {}
    taken: set[int] = set()
    for place in places:
        port = FIRST_RELAY + int(sha256(" ".join(place).encode()).hexdigest(), 16) % RELAYS
        while port in taken:
            port = FIRST_RELAY + (port + 1 - FIRST_RELAY) % RELAYS
        taken.add(port)
        ports[place] = port
    return ports


def _state(target: TargetPlan, known: Mapping[tuple[str, int], Health]) -> str:
    """Return why new flows do not reach a target."""
    if target.draining:
        return "draining"
    health = known.get((target.target_id, target.port))
    return "unhealthy" if health is not None and health.state == "unhealthy" else "waiting"


def _registered(group: TargetGroupPlan, zone: str) -> list[TargetPlan]:
    return [one for one in _of_zone(group, zone) if not one.draining]


def _of_zone(group: TargetGroupPlan, zone: str) -> list[TargetPlan]:
    return [one for one in group.targets if zone == EVERY_ZONE or one.zone in {zone, EVERY_ZONE}]


def _places(targets: Iterable[TargetPlan]) -> tuple[Place, ...]:
    return tuple(sorted((one.address, one.port) for one in targets))


def _answers(plan: BalancerPlan, group: TargetGroupPlan, zone: str, healths: Healths) -> bool:
    """Tell whether a group has targets enough for a zone's address to be found."""
    values = group_values(group.protocol, group.attributes)
    seen = EVERY_ZONE if crosses_zones(values, plan.attributes) else zone
    registered = _registered(group, seen)
    known = healths.get((plan.load_balancer_arn, group.target_group_arn), {})
    healthy = [one for one in registered if _is_healthy(group, one, known)]
    return is_enough(values, DNS, len(healthy), len(registered))


def _idle(listener: ListenerPlan) -> int:
    """Return how long TCP may be silent; it cannot be chosen for TLS."""
    default = listener_attributes("TCP")[IDLE].default
    chosen = IDLE in listener_attributes(listener.protocol)
    return int(listener.attributes.get(IDLE, default) if chosen else default)


def _is_healthy(
    group: TargetGroupPlan, target: TargetPlan, known: Mapping[tuple[str, int], Health]
) -> bool:
    if not group.health_check.enabled:
        return True
    health = known.get((target.target_id, target.port))
    return health is not None and health.state == "healthy"
