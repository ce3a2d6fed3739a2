"""A load balancer's feet: subnets, security groups, interfaces, and its entrance on the host."""

from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import Any, NamedTuple

from ecsd.decisions.network.addressing import is_usable
from ecsd.decisions.network.network_interface import new_interface
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.vpc import Address, Subnet
from ecsd.records.elbv2.load_balancer import LoadBalancer, Zone
from ecsd.store.elastic_ips import associate, dissociate
from ecsd.store.finders.ec2 import (
    default_security_group,
    free_address,
    require_security_group,
    require_subnet,
)
from ecsd.store.store import Transaction, View

FIRST_ENTRANCE = int(IPv4Address("127.64.0.1"))
ENTRANCES = 2**18  # for one ecsd
LEAST_ZONES = 2
MOST_GROUPS = 5


class Foot(NamedTuple):
    """A subnet to stand in, with the addresses that the caller chose, if any."""

    subnet: Subnet
    private_address: str | None = None
    elastic: Address | None = None


def parse_subnets(view: View, request: dict[str, Any], kind: str, scheme: str) -> list[Foot]:
    """Return where a balancer of a type and scheme is to stand, or refuse.

    In one VPC, one subnet a zone; an application load balancer in two zones at least.
    """
    mappings = request.get("SubnetMappings") or []
    names = list(request.get("Subnets") or [])
    if names and mappings:
        raise AwsError("ValidationError", "Subnets and SubnetMappings cannot both be specified")
    feet = [Foot(_subnet(view, name)) for name in names]
    feet += [_mapped(view, one, kind, scheme) for one in mappings]
    subnets = [one.subnet for one in feet]
    if len({one.subnet_id for one in subnets}) < len(subnets):
        raise AwsError("ValidationError", "A subnet is named twice")
    if len({one.vpc_id for one in subnets}) > 1:
        raise AwsError("InvalidConfigurationRequest", "The subnets belong to different VPCs")
    zones = {one.availability_zone for one in subnets}
    if len(zones) < len(subnets):
        raise AwsError(
            "InvalidConfigurationRequest",
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
        )
    if kind == "application" and len(zones) < LEAST_ZONES:
        raise AwsError(
            "ValidationError",
            "At least two subnets in two different Availability Zones must be specified",
        )
    if not zones:
        raise AwsError("ValidationError", "At least one subnet must be specified")
    return feet


def _mapped(view: View, mapping: dict[str, Any], kind: str, scheme: str) -> Foot:
    """Return the foot that a SubnetMapping asks for."""
    for member in ("IPv6Address", "SourceNatIpv6Prefix"):
        if mapping.get(member):
            raise AwsError(
                "ValidationError", f"SubnetMappings: {member} is not supported by ecsd yet"
            )
    if not mapping.get("SubnetId"):
        raise AwsError("ValidationError", "SubnetMappings: a SubnetId must be specified")
    subnet = _subnet(view, mapping["SubnetId"])
    private, allocation = mapping.get("PrivateIPv4Address"), mapping.get("AllocationId")
    for member, wanted in (("PrivateIPv4Address", "internal"), ("AllocationId", "internet-facing")):
        if mapping.get(member) and (kind, scheme) != ("network", wanted):
            raise AwsError(
                "InvalidConfigurationRequest",
                f"{member} can be specified for {wanted} Network Load Balancers only",
            )
    if private and not is_usable(subnet.cidr_block, private):
        raise AwsError(
            "InvalidConfigurationRequest",
            f"The private IPv4 address '{private}' is not in the subnet '{subnet.subnet_id}'",
        )
    return Foot(subnet, private, _elastic(view, allocation) if allocation else None)


def _elastic(view: View, allocation_id: str) -> Address:
    address = view.get(Address, allocation_id)
    if address is None:
        raise AwsError(
            "AllocationIdNotFound",
            f"The allocation IDs '{allocation_id}' are not available for use",
        )
    if address.association_id:
        raise AwsError(
            "ResourceInUse", f"The allocation ID '{allocation_id}' is already associated"
        )
    return address


def check_groups(view: View, names: list[str] | None, vpc_id: str, kind: str) -> tuple[str, ...]:
    """Return the groups, or refuse.

    Where none is named an application load balancer has the VPC's default one, a network load
    balancer none.
    """
    if not names and kind == "network":
        return ()
    if not names:
        return (default_security_group(view, vpc_id).group_id,)
    if len(names) > MOST_GROUPS:
        raise AwsError("InvalidConfigurationRequest", f"At most {MOST_GROUPS} security groups")
    for name in names:
        try:
            group = require_security_group(view, name)
        except AwsError as error:
            raise AwsError(
                "InvalidSecurityGroup", f"Security group '{name}' does not exist"
            ) from error
        if group.vpc_id != vpc_id:
            raise AwsError(
                "InvalidConfigurationRequest",
                f"Security group '{name}' does not belong to VPC '{vpc_id}'",
            )
    return tuple(dict.fromkeys(names))


def zones_in(
    call: Call,
    change: Transaction,
    load_balancer_arn: str,
    feet: Sequence[Foot],
    groups: tuple[str, ...],
) -> tuple[Zone, ...]:
    """Give a balancer an interface in each of these subnets."""
    label = load_balancer_arn.partition("loadbalancer/")[2]
    zones = []
    for foot in feet:
        subnet = foot.subnet
        address = _free(change, foot)
        interface = new_interface(
            subnet,
            network_interface_id=call.ids.resource_id("eni"),
            address=address,
            mac_address=call.ids.mac_address(),
            group_ids=groups,
            owner=load_balancer_arn,
            description=f"ELB {label}",
            requester_id="amazon-elb",
            attached_at=call.clock.now(),
            interface_type="network_load_balancer" if label.startswith("net/") else "interface",
        )
        change.put(interface)
        if foot.elastic is not None:
            name = interface.network_interface_id
            associate(change, foot.elastic, name, call.ids.resource_id("eipassoc"))
        zones.append(
            Zone(
                subnet_id=subnet.subnet_id,
                availability_zone=subnet.availability_zone,
                network_interface_id=interface.network_interface_id,
                private_ip_address=address,
                is_given=foot.private_address is not None,
                allocation_id=foot.elastic.allocation_id if foot.elastic else None,
                public_ip=foot.elastic.public_ip if foot.elastic else None,
            )
        )
    return tuple(zones)


def let_go(change: Transaction, zones: Sequence[Zone]) -> None:
    """Take a balancer out of these zones: interfaces go, Elastic IPs are free again."""
    for zone in zones:
        if zone.allocation_id:
            elastic = change.get(Address, zone.allocation_id)
            if elastic is not None:
                dissociate(change, elastic)
        interface = change.get(NetworkInterface, zone.network_interface_id)
        if interface is not None:
            change.remove(interface)


def _free(view: View, foot: Foot) -> str:
    """Return a free address of a subnet, the chosen one if the caller chose."""
    subnet, wanted = foot.subnet, foot.private_address
    if wanted is None:
        address = free_address(view, subnet)
        if address is None:
            raise AwsError("InvalidSubnet", f"Not enough IP space available in {subnet.subnet_id}")
        return address
    interfaces = view.select(NetworkInterface, subnet_id=subnet.subnet_id)
    if any(one.private_ip_address == wanted for one in interfaces):
        raise AwsError(
            "InvalidConfigurationRequest", f"The private IPv4 address '{wanted}' is in use"
        )
    return wanted


def entrance(everywhere: Sequence[LoadBalancer], instance: int) -> str:
    """Return the lowest address of 127.64.0.0/10 that no balancer of any account has.

    Each ecsd of a machine has a sixteenth of it.
    """
    taken = {one.entrance for one in everywhere}
    number = FIRST_ENTRANCE + instance * ENTRANCES
    while str(IPv4Address(number)) in taken or number & 0xFF in {0, 0xFF}:
        number += 1
    return str(IPv4Address(number))


def _subnet(view: View, name: str) -> Subnet:
    try:
        return require_subnet(view, name)
    except AwsError as error:
        raise AwsError("SubnetNotFound", f"The subnet ID '{name}' does not exist") from error
