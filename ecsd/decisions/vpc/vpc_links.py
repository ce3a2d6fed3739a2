"""A VPC's addresses, rules and routes: what is wanted, and ``ip`` commands from what is there.

Nothing that is already so is touched, and new routes come before old ones go, so that traffic
goes on. Source: network.md 1 (lo, uplink), 6 (route tables).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ecsd.decisions.containers.task_endpoint import ADDRESS
from ecsd.decisions.network.addresses import (
    FIRST_TABLE,
    PeerLink,
    Uplink,
    gate,
    peer_link,
    relay,
    resolver,
    router,
    routing_table,
)
from ecsd.decisions.network.addressing import overlaps
from ecsd.decisions.vpc.packet_filter import RESOLVER
from ecsd.records.plan_network import SubnetPlan, VpcPlan

RULE_PRIORITY = 32800  # after the main table, which has the VPC's own addresses
OWN_KINDS = frozenset({"load_balancer", "network_load_balancer", "nat", "vpc_endpoint"})
MAIN_TABLE = 254
Routes = Mapping[tuple[int, str], str]


class Links(NamedTuple):
    """What a VPC's namespace holds or is to hold.

    ranges: the VPC's own, where nothing is reached but what has a link or an address. addresses: on
    ``lo``, all /32. rules: subnet → routing table. routes: routing table and destination → how, in
    ``ip``'s words; of the tables that subnets own.
    """

    ranges: frozenset[str]
    addresses: frozenset[str]
    rules: Mapping[str, int]
    routes: Routes


def compile_links(plan: VpcPlan, link: Uplink) -> Links:
    """Return the addresses, rules and routes that a VPC is to have."""
    rules = {one.cidr: routing_table(one.cidr) for one in plan.subnets}
    own = [one.address for one in plan.interfaces if one.kind in OWN_KINDS]
    for entrance in [one.entrance for one in plan.interfaces if one.entrance]:
        own += [gate(entrance), relay(entrance)]
    routers = [router(one.cidr) for one in plan.subnets]
    addresses = frozenset((*routers, resolver(plan.cidr), RESOLVER, ADDRESS, *own))
    routes: dict[tuple[int, str], str] = {}
    for subnet in plan.subnets:
        routes.update(_routes(plan, subnet, rules[subnet.cidr], link))
    return Links(frozenset(plan.cidrs), addresses, rules, routes)


def uplink_commands(link: Uplink) -> list[str]:
    """Return ``ip`` commands for what every VPC has: its uplink."""
    return [
        "link set lo up",
        f"addr replace {link.vpc}/32 dev up0",
        "link set up0 up",
        f"route replace {link.host}/32 dev up0 scope link",
    ]


def clash_of(routes: Iterable[dict[str, Any]], cidr: str, own: str) -> str | None:
    """Return a route of the host's own into a VPC's range, or None.

    routes: of the host, as ``ip -json`` tells them. own: the host's end of the VPC's uplink.
    """
    others = (one["dst"] for one in routes if one["dst"] != "default" and one.get("dev") != own)
    return next((one for one in others if overlaps(one, cidr)), None)


def range_commands(
    routes: Iterable[dict[str, Any]], cidrs: Iterable[str], link: Uplink
) -> list[str]:
    """Return ``ip`` commands for the host's routes by an uplink: to these ranges and no others.

    routes: of the host, as ``ip -json`` tells them; single addresses are of gates and stay.
    """
    device, wanted = link.host_interface, sorted(cidrs)
    held = {one["dst"] for one in routes if one.get("dev") == device and "/" in one["dst"]}
    how = f"via {link.vpc} dev {device} onlink src {link.host}"
    return [
        *(f"route replace {one} {how}" for one in wanted),
        *(f"route del {one} dev {device}" for one in sorted(held - set(wanted))),
    ]


def link_commands(have: Links, wanted: Links) -> list[str]:
    """Return ``ip`` commands that make one into the other; none when they are equal."""
    return [
        *(f"route replace unreachable {one}" for one in sorted(wanted.ranges - have.ranges)),
        *(f"addr add {one}/32 dev lo" for one in sorted(wanted.addresses - have.addresses)),
        *(
            f"route replace {how} table {table}"
            for (table, _), how in sorted(_only(wanted.routes, have.routes))
        ),
        *(
            f"rule add from {subnet} lookup {table} priority {RULE_PRIORITY}"
            for subnet, table in sorted(_only(wanted.rules, have.rules))
        ),
        *(
            f"rule del from {subnet} lookup {table} priority {RULE_PRIORITY}"
            for subnet, table in sorted(_only(have.rules, wanted.rules))
        ),
        *(
            f"route del {how} table {table}"
            for (table, destination), how in sorted(have.routes.items())
            if (table, destination) not in wanted.routes
        ),
        *(f"addr del {one}/32 dev lo" for one in sorted(have.addresses - wanted.addresses)),
        *(f"route del unreachable {one}" for one in sorted(have.ranges - wanted.ranges)),
    ]


def read_links(
    addresses: Iterable[dict[str, Any]],
    rules: Iterable[dict[str, Any]],
    routes: Iterable[dict[str, Any]],
) -> Links:
    """Return what is there, from ``ip -json``: addresses of lo, rules, routes of all tables."""
    held = frozenset(
        entry["local"]
        for link in addresses
        for entry in link.get("addr_info", ())
        if not entry["local"].startswith("127.")
    )
    by_subnet = {
        f"{one['src']}/{one.get('srclen', 32)}": int(one["table"])
        for one in rules
        if one["priority"] == RULE_PRIORITY and str(one["table"]).isdigit()
    }
    found = {}
    ranges = set()
    for one in routes:
        table = str(one.get("table", MAIN_TABLE))
        if one.get("type") == "unreachable" and table == str(MAIN_TABLE):
            ranges.add(str(one["dst"]))
        if table.isdigit() and int(table) >= FIRST_TABLE:
            found[int(table), one["dst"]] = _spelled(one)
    return Links(frozenset(ranges), held, by_subnet, found)


def _spelled(route: dict[str, Any]) -> str:
    """Return a route in the words that ``compile_links`` uses."""
    if "gateway" in route:
        return f"{route['dst']} via {route['gateway']} dev {route['dev']} onlink"
    if route.get("type") == "local":
        return f"local {route['dst']} dev {route['dev']}"
    return f"{route.get('type', 'unicast')} {route['dst']}"


def peer_commands(own: PeerLink, peer: PeerLink) -> list[str]:
    """Return ``ip`` commands for a VPC's end of a peering connection."""
    return [
        f"link set {peer.link} address {own.mac_address} up",  # which forgets neighbours
        f"neigh replace {peer.hop} lladdr {peer.mac_address} nud permanent dev {peer.link}",
    ]


def _routes(
    plan: VpcPlan, subnet: SubnetPlan, table: int, link: Uplink
) -> Iterator[tuple[tuple[int, str], str]]:
    """Yield a subnet's own table; without a default route nothing leaves."""
    doors = {"internet": (link.host, "up0"), "nat": (link.nat, "up0")}
    peers = {one.peering_id: peer_link(one.number) for one in plan.peerings}
    for route in subnet.routes:
        where = "default" if route.destination == "0.0.0.0/0" else route.destination
        where = where.removesuffix("/32")
        if route.target in doors or (route.target == "peering" and route.via in peers):
            peer = peers.get(route.via)
            hop, device = (peer.hop, peer.link) if peer else doors[route.target]
            yield (table, where), f"{where} via {hop} dev {device} onlink"
        elif route.target == "endpoint":
            yield (table, where), f"local {where} dev lo"
        elif route.target != "local":
            yield (table, where), f"blackhole {where}"
    if not any(one.destination == "0.0.0.0/0" for one in subnet.routes):
        yield (table, "default"), "unreachable default"


def _only(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    return [(key, value) for key, value in one.items() if other.get(key) != value]
