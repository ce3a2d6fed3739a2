"""A load balancer's feet: subnets, security groups, interfaces, and its entrance on the host."""

from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import Any

from ecsd.decisions.network_interface import new_interface
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.records.ec2.vpc import Subnet
from ecsd.records.elbv2.load_balancer import LoadBalancer, Zone
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


def parse_subnets(view: View, request: dict[str, Any]) -> list[Subnet]:
    """Return the subnets: of one VPC, at least two zones, one subnet a zone; or refuse."""
    mappings = request.get("SubnetMappings") or []
    names = list(request.get("Subnets") or [])
    if names and mappings:
        raise AwsError("ValidationError", "Subnets and SubnetMappings cannot both be specified")
    for mapping in mappings:
        extra = [one for one in mapping if one != "SubnetId" and mapping[one]]
        if extra:
            raise AwsError(
                "ValidationError", f"SubnetMappings: {extra[0]} is not supported by ecsd yet"
            )
        if not mapping.get("SubnetId"):
            raise AwsError("ValidationError", "SubnetMappings: a SubnetId must be specified")
        names.append(mapping["SubnetId"])
    if len(set(names)) < len(names):
        raise AwsError("ValidationError", "A subnet is named twice")
    subnets = [_subnet(view, name) for name in names]
    if len({one.vpc_id for one in subnets}) > 1:
        raise AwsError("InvalidConfigurationRequest", "The subnets belong to different VPCs")
    zones = {one.availability_zone for one in subnets}
    if len(zones) < len(subnets):
        raise AwsError(
            "InvalidConfigurationRequest",
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
        )
    if len(zones) < LEAST_ZONES:
        raise AwsError(
            "ValidationError",
            "At least two subnets in two different Availability Zones must be specified",
        )
    return subnets


def check_groups(view: View, names: list[str] | None, vpc_id: str) -> tuple[str, ...]:
    """Return the groups, the VPC's default one if none is named; or refuse."""
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
    subnets: Sequence[Subnet],
    groups: tuple[str, ...],
) -> tuple[Zone, ...]:
    """Give a balancer an interface in each of these subnets."""
    label = load_balancer_arn.partition("loadbalancer/")[2]
    zones = []
    for subnet in subnets:
        address = free_address(change, subnet)
        if address is None:
            raise AwsError("InvalidSubnet", f"Not enough IP space available in {subnet.subnet_id}")
        interface = new_interface(
            subnet,
            network_interface_id=call.ids.resource_id("eni"),
            address=address,
            mac_address=call.ids.mac_address(),
            group_ids=groups,
            owner=load_balancer_arn,
            description=f"ELB {label}",
            requester_id="amazon-elb",
        )
        change.put(interface)
        zones.append(
            Zone(
                subnet_id=subnet.subnet_id,
                availability_zone=subnet.availability_zone,
                network_interface_id=interface.network_interface_id,
                private_ip_address=address,
            )
        )
    return tuple(zones)


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
