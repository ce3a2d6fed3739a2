"""Names of network load balancers as clients of one zone see them.

Source: Network Load Balancers guide, Availability Zone DNS affinity.
"""

from ipaddress import IPv4Address, IPv4Network

from msgspec.structs import replace

from ecsd.decisions.network_balancer_attributes import NEAR
from ecsd.records.plan import VpcPlan

NEAR_PERCENT = 85  # of the questions where affinity is partial


def seen_from(plan: VpcPlan, name: str, client: str, number: int) -> VpcPlan:
    """Return the plan with a name's addresses as a client is to see them.

    With affinity it gets the address in its own zone, as long as the name has that one.

    Args:
        plan: the VPC.
        name: what is asked for.
        client: the address that asks.
        number: of the question, which its asker has drawn at random.
    """
    policy = plan.affinities.get(name)
    if policy is None or (policy != NEAR and number % 100 >= NEAR_PERCENT):
        return plan
    zone = _zone(plan, client)
    near = tuple(one for one in plan.names.get(name, ()) if zone and _zone(plan, one) == zone)
    return replace(plan, names=plan.names | {name: near}) if near else plan


def _zone(plan: VpcPlan, address: str) -> str:
    where = IPv4Address(address)
    return next((one.zone for one in plan.subnets if where in IPv4Network(one.cidr)), "")
