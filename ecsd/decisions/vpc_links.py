"""A VPC's addresses, routes and rules as ``ip`` commands; what differs is found by the driver.

Source: network.md 1 (lo, uplink), 6 (route tables).
"""

from collections.abc import Iterator
from typing import NamedTuple

from ecsd.decisions.addresses import Uplink, resolver, router, routing_table
from ecsd.decisions.packet_filter import RESOLVER
from ecsd.records.plan import SubnetPlan, VpcPlan

RULE_PRIORITY = 32800  # after the main table, which has the VPC's own addresses
OWN_KINDS = frozenset({"load_balancer", "nat"})


class Links(NamedTuple):
    """What a VPC's namespace is to hold.

    addresses: on ``lo``, all /32. rules: subnet → routing table. commands: ``ip`` batch lines that
    make everything so and may be repeated.
    """

    addresses: frozenset[str]
    rules: dict[str, int]
    commands: tuple[str, ...]


def compile_links(plan: VpcPlan, link: Uplink) -> Links:
    """Return addresses, rules and the commands for them."""
    rules = {one.cidr: routing_table(plan.cidr, one.cidr) for one in plan.subnets}
    own = [one.address for one in plan.interfaces if one.kind in OWN_KINDS]
    addresses = [
        *(router(one.cidr) for one in plan.subnets),
        resolver(plan.cidr),
        RESOLVER,
        *own,
    ]
    commands = [
        "link set lo up",
        *(f"addr replace {address}/32 dev lo" for address in dict.fromkeys(addresses)),
        f"addr replace {link.vpc}/32 dev up0",
        "link set up0 up",
        f"route replace {link.host}/32 dev up0 scope link",
        f"route replace unreachable {plan.cidr}",
    ]
    for subnet in plan.subnets:
        commands += _routes(subnet, rules[subnet.cidr], link.host)
    return Links(frozenset(addresses), rules, tuple(commands))


def _routes(subnet: SubnetPlan, table: int, gateway: str) -> Iterator[str]:
    """Yield a subnet's own table; without a default route nothing leaves."""
    yield f"route flush table {table}"
    for route in subnet.routes:
        if route.target in {"internet", "nat"}:
            yield f"route replace {route.destination} via {gateway} dev up0 onlink table {table}"
        elif route.target == "blackhole":
            yield f"route replace blackhole {route.destination} table {table}"
    if not any(one.destination == "0.0.0.0/0" for one in subnet.routes):
        yield f"route replace unreachable default table {table}"
