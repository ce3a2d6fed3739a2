"""What network ACLs let pass, as AWS decides it, without a packet filter.

Every packet is judged for itself, whatever was said before it: where it leaves a subnet by that
subnet's egress rules, where it enters one by that one's ingress rules, inside one not at all.
Source: Amazon VPC User Guide, Network ACLs.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from ecsd.decisions.network.addresses import resolver, router
from ecsd.decisions.network.security_group import FREE, Flow
from ecsd.records.plan_network import AclEntry, NetworkAclPlan, SubnetPlan, VpcPlan

NUMBERS = {"icmp": "1", "tcp": "6", "udp": "17"}
WITH_PORTS = frozenset({"6", "17"})
ICMP = "1"
EVERYTHING = "0.0.0.0/0"
ECHO, ECHO_REPLY = 8, 0


class Judgement(NamedTuple):
    """One ACL's word on one packet. entry: the rule that decided, None for the final denial."""

    subnet_id: str
    network_acl_id: str
    egress: bool
    entry: AclEntry | None

    @property
    def allows(self) -> bool:
        """Whether the packet passes here."""
        return self.entry is not None and self.entry.allow


def judgements(plan: VpcPlan, packet: Flow) -> Iterator[Judgement]:
    """Yield what the ACLs on a packet's way say, in its order."""
    free = free_addresses(plan)
    if packet.source in free or packet.destination in free:
        return
    acls = {one.network_acl_id: one for one in plan.network_acls}
    source, destination = (subnet_of(plan, one) for one in (packet.source, packet.destination))
    if source == destination:
        return
    for subnet, egress in ((source, True), (destination, False)):
        acl = acls.get(subnet.network_acl_id) if subnet else None
        if subnet is not None and acl is not None:
            entry = _deciding(acl, packet, egress=egress)
            yield Judgement(subnet.subnet_id, acl.network_acl_id, egress, entry)


def lets_pass(plan: VpcPlan, packet: Flow) -> bool:
    """Tell whether the ACLs let a single packet pass."""
    return all(one.allows for one in judgements(plan, packet))


def answer_to(flow: Flow) -> Flow:
    """Return the packet that answers a flow's first one."""
    there, back = flow.destination, flow.source
    if flow.protocol == "icmp":
        kind = ECHO_REPLY if flow.port == ECHO else flow.port
        return Flow(flow.protocol, there, back, kind, flow.code)
    return Flow(flow.protocol, there, back, flow.source_port, source_port=flow.port)


def free_addresses(plan: VpcPlan) -> frozenset[str]:
    """Return what ACLs do not judge: names, metadata, credentials, the routers themselves."""
    return FREE | {resolver(plan.cidr), *(router(one.cidr) for one in plan.subnets)}


def subnet_of(plan: VpcPlan, address: str) -> SubnetPlan | None:
    """Return the subnet that an address lies in, or None."""
    number = IPv4Address(address)
    return next((one for one in plan.subnets if number in IPv4Network(one.cidr)), None)


def is_open(acl: NetworkAclPlan) -> bool:
    """Tell whether an ACL lets every packet pass, as a default one does at first."""
    return all(
        side and side[0].allow and (side[0].protocol, side[0].cidr) == ("-1", EVERYTHING)
        for side in (acl.ingress, acl.egress)
    )


def _deciding(acl: NetworkAclPlan, packet: Flow, *, egress: bool) -> AclEntry | None:
    peer = packet.destination if egress else packet.source
    entries = acl.egress if egress else acl.ingress
    return next((one for one in entries if _matches(one, packet, peer)), None)


def _matches(entry: AclEntry, packet: Flow, peer: str) -> bool:
    if IPv4Address(peer) not in IPv4Network(entry.cidr):
        return False
    protocol = NUMBERS.get(packet.protocol, packet.protocol)
    if entry.protocol == "-1":
        return True
    if entry.protocol != protocol:
        return False
    if protocol in WITH_PORTS and entry.from_port is not None and entry.to_port is not None:
        return entry.from_port <= packet.port <= entry.to_port
    if protocol == ICMP:
        kind, code = entry.from_port, entry.to_port
        return kind in {None, -1, packet.port} and code in {None, -1, packet.code}
    return True
