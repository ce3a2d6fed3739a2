"""Three VPCs in a row, the middle one peered with both others, for tests of networks."""

from msgspec.structs import replace

from ecsd.records.plan_network import (
    PacketRule,
    PeerGroup,
    PeeringPlan,
    RoutePlan,
    SecurityGroupPlan,
    SubnetPlan,
    VpcPlan,
)
from tests.integration.vpc_world import EVERYTHING, allow, interface

NUMBERS = {"a": 2041, "b": 2042, "c": 2043}
RANGES = {"a": "10.207.0.0/16", "b": "10.208.0.0/16", "c": "10.209.0.0/16"}
TASKS = {name: f"{cidr[:6]}.1.11" for name, cidr in RANGES.items()}
OTHER = "10.207.1.12"  # of the first VPC, in another group
GROUP, NOBODYS = "sg-a", "sg-a-other"


def peering(one: str, other: str) -> PeeringPlan:
    """Return a peering connection as the first VPC sees it."""
    groups = (PeerGroup(group_id=GROUP, addresses=(TASKS["a"],)),) if other == "a" else ()
    return PeeringPlan(
        peering_id=f"pcx-{''.join(sorted(one + other))}",
        vpc_id=f"vpc-0{other}",
        number=NUMBERS[other],
        cidr=RANGES[other],
        groups=groups,
    )


def by(destination: str, pair: str) -> RoutePlan:
    return RoutePlan(destination=RANGES[destination], target="peering", via=f"pcx-{pair}")


def peered(name: str, *peers: str, routes: tuple[RoutePlan, ...] = ()) -> VpcPlan:
    """Return a VPC with a task; in the first one with two."""
    local = RoutePlan(destination=RANGES[name], target="local")
    rules: dict[str, tuple[PacketRule, ...]] = {
        "a": (allow("tcp", 8001, cidr=RANGES["b"]),),
        "b": (allow("tcp", 8001, group_id=GROUP), allow("udp", 8001, cidr="10.0.0.0/8")),
        "c": (allow("-1", cidr="0.0.0.0/0"),),
    }
    task = interface(ord(name), TASKS[name], GROUP if name == "a" else f"sg-{name}")
    others = (interface(99, OTHER, NOBODYS),) if name == "a" else ()
    return VpcPlan(
        vpc_id=f"vpc-0{name}",
        number=NUMBERS[name],
        cidr=RANGES[name],
        dns_support=True,
        subnets=(
            SubnetPlan(
                subnet_id=f"subnet-{name}",
                cidr=f"{RANGES[name][:6]}.1.0/24",
                routes=(local, *routes),
            ),
        ),
        security_groups=tuple(
            SecurityGroupPlan(group_id=one, ingress=rules[name], egress=EVERYTHING)
            for one in dict.fromkeys((*task.group_ids, *(NOBODYS for _ in others)))
        ),
        interfaces=tuple(replace(one, subnet_id=f"subnet-{name}") for one in (task, *others)),
        peerings=tuple(peering(name, one) for one in peers),
    )


def row() -> dict[str, VpcPlan]:
    """Return the three, with routes to neighbours and, in vain, beyond them."""
    return {
        "a": peered("a", "b", routes=(by("b", "ab"), by("c", "ab"))),
        "b": peered("b", "a", "c", routes=(by("a", "ab"), by("c", "bc"))),
        "c": peered("c", "b", routes=(by("b", "bc"), by("a", "bc"))),
    }
