"""Load balancers, of requests (application) and of flows (network).

Source: Elastic Load Balancing API Reference; ecs_semantics 5.
"""

import re
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.balancers.network_balancer_attributes import load_balancer_attributes
from ecsd.decisions.telemetry.log_place import KINDS, is_enabled, log_place
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.elbv2 import attribute, tag
from ecsd.operations.elbv2.paging import page
from ecsd.operations.elbv2.zones import (
    check_groups,
    entrance,
    let_go,
    parse_subnets,
    zones_in,
)
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule, Zone
from ecsd.store.finders.elbv2 import require_all, require_load_balancer
from ecsd.store.log_delivery import fault_of_place
from ecsd.store.store import View
from ecsd.store.task_roles import Rules

NAME = re.compile(r"(?!internal-)(?!-)[A-Za-z0-9-]{1,32}(?<!-)")
MOST_BALANCERS = 50  # of a type in a region
HOSTED_ZONE = "Z35SXDOTRQ7X7K"
LATER = (
    "CustomerOwnedIpv4Pool",
    "EnablePrefixForIpv6SourceNat",
    "IpamPools",
)
PRIVATE_LINK = "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"
LETTERS = {"application": "app", "network": "net"}  # in ARNs


@operation("elbv2", "CreateLoadBalancer")
async def create_load_balancer(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a balancer, an interface in each subnet; an equal one of the name is answered."""
    _check_kind(request)
    name = request["Name"]
    if not NAME.fullmatch(name):
        raise AwsError(
            "ValidationError",
            f"The load balancer name '{name}' must be 1 to 32 letters, numbers and hyphens, not "
            "begin or end with a hyphen, and not begin with 'internal-'",
        )
    scheme = request.get("Scheme") or "internet-facing"
    kind = request.get("Type") or "application"
    async with call.transaction() as change:
        feet = parse_subnets(change, request, kind, scheme)
        subnets = [one.subnet for one in feet]
        groups = check_groups(change, request.get("SecurityGroups"), subnets[0].vpc_id, kind)
        known = next(iter(change.select(LoadBalancer, name=name)), None)
        if known is not None:
            same = {one.subnet_id for one in known.zones} == {one.subnet_id for one in subnets}
            same = same and (known.type, known.scheme) == (kind, scheme)
            if same and set(known.security_groups) == set(groups):
                return {"LoadBalancers": [describe(change, known)]}
            raise AwsError(
                "DuplicateLoadBalancerName",
                f"A load balancer with the same name '{name}' exists, but with different settings",
            )
        if sum(one.type == kind for one in change.select(LoadBalancer)) >= MOST_BALANCERS:
            raise AwsError("TooManyLoadBalancers", f"At most {MOST_BALANCERS} load balancers")
        balancer_id = call.ids.balancer_id()
        prefix = f"arn:aws:elasticloadbalancing:{call.scope.region}:{call.scope.account}"
        arn = f"{prefix}:loadbalancer/{LETTERS[kind]}/{name}/{balancer_id}"
        number = int(balancer_id, 16) % 10**10
        inside = "internal-" if scheme == "internal" else ""
        balancer = LoadBalancer(
            load_balancer_arn=arn,
            name=name,
            dns_name=f"{inside}{name}-{number:010}.elb.localhost".lower(),
            scheme=scheme,
            type=kind,
            ip_address_type="ipv4",
            vpc_id=subnets[0].vpc_id,
            zones=zones_in(call, change, arn, feet, groups),
            security_groups=groups,
            entrance=entrance(
                [one for _, one in call.store.everywhere(LoadBalancer)], call.settings.instance
            ),
            created_at=call.clock.now(),
            tags=tag.parse(request.get("Tags")),
        )
        change.put(balancer)
        return {"LoadBalancers": [describe(change, balancer)]}


@operation("elbv2", "DescribeLoadBalancers")
async def describe_load_balancers(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe balancers by ARN or name, or all."""
    view = call.view
    arns, names = request.get("LoadBalancerArns"), request.get("Names")
    if arns and names:
        raise AwsError(
            "ValidationError", "Load balancer names and load balancer ARNs cannot both be specified"
        )
    if arns:
        found = require_all(view, LoadBalancer, arns)
    elif names:
        found = [_named(view, name) for name in dict.fromkeys(names)]
    else:
        found = view.select(LoadBalancer)
    chosen, marker = page(found, request, key=lambda one: one.load_balancer_arn)
    return {"LoadBalancers": [describe(view, one) for one in chosen], "NextMarker": marker}


@operation("elbv2", "DeleteLoadBalancer")
async def delete_load_balancer(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a balancer with all that is its own; an unknown one is gone already."""
    async with call.transaction() as change:
        balancer = change.get(LoadBalancer, request["LoadBalancerArn"])
        if balancer is None:
            return {}
        if balancer.attributes.get("deletion_protection.enabled") == "true":
            raise AwsError(
                "OperationNotPermitted",
                f"Load balancer '{balancer.load_balancer_arn}' cannot be deleted because deletion "
                "protection is enabled",
            )
        arn = balancer.load_balancer_arn
        for listener in change.select(Listener, load_balancer_arn=arn):
            change.remove(listener, *change.select(Rule, listener_arn=listener.listener_arn))
        let_go(change, balancer.zones)
        change.remove(balancer)
    return {}


@operation("elbv2", "DescribeLoadBalancerAttributes")
async def describe_load_balancer_attributes(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List every attribute with its value."""
    balancer = require_load_balancer(call.view, request["LoadBalancerArn"])
    return attribute.show(load_balancer_attributes(balancer.type), balancer.attributes)


@operation("elbv2", "ModifyLoadBalancerAttributes")
async def modify_load_balancer_attributes(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change attributes."""
    async with call.transaction() as change:
        balancer = require_load_balancer(change, request["LoadBalancerArn"])
        known = load_balancer_attributes(balancer.type)
        held = attribute.changed("Load balancer", known, balancer.attributes, request["Attributes"])
        _check_logs(call, balancer, held)
        change.put(replace(balancer, attributes=held))
    return attribute.show(known, held)


@operation("elbv2", "SetSecurityGroups")
async def set_security_groups(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Replace a balancer's security groups, on its interfaces too."""
    _refuse_later(request)
    if not request["SecurityGroups"]:
        raise AwsError("ValidationError", "At least one security group must be specified")
    async with call.transaction() as change:
        balancer = require_load_balancer(change, request["LoadBalancerArn"])
        _check_private_link(balancer, request.get(PRIVATE_LINK) or "")
        if not balancer.security_groups:
            raise AwsError(
                "InvalidConfigurationRequest",
                "You cannot set the security groups of a Network Load Balancer that was created "
                "without security groups",
            )
        groups = check_groups(change, request["SecurityGroups"], balancer.vpc_id, balancer.type)
        change.put(replace(balancer, security_groups=groups))
        interfaces = change.select(NetworkInterface, owner=balancer.load_balancer_arn)
        change.put(*(replace(one, group_ids=groups) for one in interfaces))
    return {"SecurityGroupIds": list(groups)}


@operation("elbv2", "SetSubnets")
async def set_subnets(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Replace a balancer's subnets; in those that stay it keeps its address."""
    _refuse_later(request)
    _check_address_type(request)
    async with call.transaction() as change:
        balancer = require_load_balancer(change, request["LoadBalancerArn"])
        feet = parse_subnets(change, request, balancer.type, balancer.scheme)
        subnets = [one.subnet for one in feet]
        if subnets[0].vpc_id != balancer.vpc_id:
            raise AwsError("InvalidSubnet", "The subnets belong to another VPC")
        wanted = {one.subnet_id for one in subnets}
        kept = tuple(one for one in balancer.zones if one.subnet_id in wanted)
        let_go(change, [one for one in balancer.zones if one.subnet_id not in wanted])
        have = {one.subnet_id for one in kept}
        fresh = [one for one in feet if one.subnet.subnet_id not in have]
        arn, groups = balancer.load_balancer_arn, balancer.security_groups
        zones = (*kept, *zones_in(call, change, arn, fresh, groups))
        balancer = replace(balancer, zones=zones)
        change.put(balancer)
    return {"AvailabilityZones": _zones(balancer), "IpAddressType": balancer.ip_address_type}


@operation("elbv2", "SetIpAddressType")
async def set_ip_address_type(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Accept ipv4, the only kind there is here."""
    require_load_balancer(call.view, request["LoadBalancerArn"])
    _check_address_type(request)
    return {"IpAddressType": "ipv4"}


@operation("elbv2", "DescribeCapacityReservation")
async def describe_capacity_reservation(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Tell that nothing is reserved: capacity is the machine's."""
    require_load_balancer(call.view, request["LoadBalancerArn"])
    return {"DecreaseRequestsRemaining": 0, "CapacityReservationState": []}


def _check_logs(call: Call, balancer: LoadBalancer, held: dict[str, str]) -> None:
    """Refuse a log that is to be kept where it cannot be delivered.

    Of an S3 that is not ecsd's own nothing is known here: its refusals are faults of the host.
    """
    for kind in KINDS.values():
        if not is_enabled(kind, held):
            continue
        place = log_place(kind, held, balancer.load_balancer_arn)
        known = log_place(kind, balancer.attributes, balancer.load_balancer_arn)
        if is_enabled(kind, balancer.attributes) and known == place:
            continue
        if not place.bucket:
            raise AwsError(
                "InvalidConfigurationRequest",
                f"'{kind.attributes}.bucket' must be specified when '{kind.attributes}.enabled' "
                "is true",
            )
        if call.settings.s3_endpoint:
            continue
        judged = Rules.of(call.settings).judged
        fault = fault_of_place(call.store, place, balancer.load_balancer_arn, judged=judged)
        if fault is not None:
            raise AwsError("InvalidConfigurationRequest", fault)


def describe(view: View, balancer: LoadBalancer) -> dict[str, Any]:
    """Return a balancer in the API's shape."""
    state: dict[str, Any] = {"Code": balancer.state}
    if balancer.state_reason:
        state["Reason"] = balancer.state_reason
    shown = {
        "LoadBalancerArn": balancer.load_balancer_arn,
        "DNSName": balancer.dns_name,
        "CanonicalHostedZoneId": HOSTED_ZONE,
        "CreatedTime": balancer.created_at,
        "LoadBalancerName": balancer.name,
        "Scheme": balancer.scheme,
        "VpcId": balancer.vpc_id,
        "State": state,
        "Type": balancer.type,
        "AvailabilityZones": _zones(balancer),
        "SecurityGroups": list(balancer.security_groups),
        "IpAddressType": balancer.ip_address_type,
    }
    if balancer.type == "network" and balancer.security_groups:
        shown[PRIVATE_LINK] = "on"
    return shown


def _zones(balancer: LoadBalancer) -> list[dict[str, Any]]:
    return [
        {
            "ZoneName": one.availability_zone,
            "SubnetId": one.subnet_id,
            "LoadBalancerAddresses": _addresses(one),
        }
        for one in balancer.zones
    ]


def _addresses(zone: Zone) -> list[dict[str, Any]]:
    """Return the addresses that the caller chose for a zone."""
    if zone.allocation_id:
        return [{"IpAddress": zone.public_ip, "AllocationId": zone.allocation_id}]
    return [{"PrivateIPv4Address": zone.private_ip_address}] if zone.is_given else []


def _named(view: View, name: str) -> LoadBalancer:
    found = next(iter(view.select(LoadBalancer, name=name)), None)
    if found is None:
        raise AwsError("LoadBalancerNotFound", f"Load balancers '[{name}]' not found")
    return found


def _check_kind(request: dict[str, Any]) -> None:
    """Refuse by name what is no IPv4 balancer of requests or of flows."""
    kind = request.get("Type") or "application"
    if kind not in LETTERS:
        raise AwsError("ValidationError", f"Type '{kind}' is not supported by ecsd yet")
    _refuse_later(request)
    _check_address_type(request)


def _refuse_later(request: dict[str, Any]) -> None:
    for member in LATER:
        if request.get(member):
            raise AwsError("ValidationError", f"{member} is not supported by ecsd yet")


def _check_private_link(balancer: LoadBalancer, said: str) -> None:
    if said and balancer.type != "network":
        raise AwsError("ValidationError", f"{PRIVATE_LINK} is for Network Load Balancers only")
    if said == "off":
        raise AwsError(
            "ValidationError",
            f"{PRIVATE_LINK} 'off' is not supported by ecsd: it has no PrivateLink",
        )


def _check_address_type(request: dict[str, Any]) -> None:
    kind = request.get("IpAddressType") or "ipv4"
    if kind != "ipv4":
        raise AwsError("ValidationError", f"IpAddressType '{kind}' is not supported by ecsd yet")
