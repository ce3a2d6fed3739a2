"""Names of network load balancers and file systems as clients of one zone see them.

Source: Network Load Balancers guide, Availability Zone DNS affinity; EFS User Guide, Mounting with
a DNS name (the zone of the client has to have a mount target).
"""

from ipaddress import IPv4Address, IPv4Network

from msgspec.structs import replace

from ecsd.decisions.balancers.network_balancer_attributes import NEAR, OWN_ZONE
from ecsd.records.plan_network import VpcPlan

ROUTED = "routed"  # known to subnets with a route to an endpoint alone
NEAR_PERCENT = 85  # of the questions where affinity is partial


def seen_from(plan: VpcPlan, client: str, number: int) -> VpcPlan:
    """Return the plan with names' addresses as a client is to see them.

    With affinity it gets the address in its own zone, as long as the name has that one; of names
    that are for each zone's own clients it gets no other. Names for those with a route are unknown
    to all others.

    Args:
        plan: the VPC.
        client: the address that asks.
        number: of the question, which its asker has drawn at random.
    """
    near: dict[str, tuple[str, ...]] = {}
    routed = {name for name, policy in plan.affinities.items() if policy == ROUTED}
    unknown = set() if routed and _has_route(plan, client) else routed
    for name, policy in plan.affinities.items():
        if name in routed:
            continue
        if policy in {NEAR, OWN_ZONE} or number % 100 < NEAR_PERCENT:
            zone = _zone(plan, client)
            own = tuple(one for one in plan.names.get(name, ()) if _zone(plan, one) == zone)
            near |= {name: own} if zone and (own or policy == OWN_ZONE) else {}
    if not near and not unknown:
        return plan
    names = plan.names | near
    return replace(plan, names={name: names[name] for name in names.keys() - unknown})


def _has_route(plan: VpcPlan, address: str) -> bool:
    """Tell whether a subnet has a route to an endpoint."""
    where = IPv4Address(address)
    return any(
        where in IPv4Network(subnet.cidr) and any(one.target == "endpoint" for one in subnet.routes)
        for subnet in plan.subnets
    )


def _zone(plan: VpcPlan, address: str) -> str:
    where = IPv4Address(address)
    return next((one.zone for one in plan.subnets if where in IPv4Network(one.cidr)), "")
