"""VPC endpoints: ways to AWS's services from inside a VPC.

A gateway endpoint is a route in route tables; an interface endpoint has a network interface in each
of its subnets. Source: Amazon EC2 API Reference, CreateVpcEndpoint and following; AWS PrivateLink
guide.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.iam.policy_document import PolicyKind, fault_in
from ecsd.decisions.network.endpoint_service import (
    FULL_ACCESS,
    REGISTRY,
    S3,
    SERVICES,
    EndpointService,
    allows_everything,
    find_service,
    own_names,
    private_names,
    service_of,
)
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import DESCRIBING, Answer, Request, action, says_nothing
from ecsd.operations.ec2.endpoint_parts import (
    check_room,
    join_subnets,
    leave_subnets,
    route_to_service,
    unroute,
)
from ecsd.operations.ec2.listing import Listing, chosen, listed
from ecsd.operations.ec2.network_interface import checked_groups
from ecsd.operations.ec2.tagging import specified_tags, tag_set
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.security_group import SecurityGroup
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.ec2.vpc_endpoint import (
    GATEWAY,
    INTERFACE,
    EndpointCertificate,
    VpcEndpoint,
)
from ecsd.store.finders.ec2 import default_security_group, require, require_vpc
from ecsd.store.finders.vpc_endpoint import interfaces_of, tables_of
from ecsd.store.store import Transaction, View

LARGEST_POLICY = 20_480  # characters
HOSTED_ZONE = "Z7HUB22UULQXV"  # AWS's own for names of endpoints in us-east-1
OF_GATEWAYS = ("AddRouteTableIds", "RemoveRouteTableIds")
OF_INTERFACES = (
    "AddSubnetIds",
    "RemoveSubnetIds",
    "AddSecurityGroupIds",
    "RemoveSecurityGroupIds",
    "PrivateDnsEnabled",
)
ENDPOINTS = Listing(
    "VpcEndpoints",
    "VpcEndpointId",
    {
        "ip-address-type": "IpAddressType",
        "service-name": "ServiceName",
        "service-region": "ServiceRegion",
        "vpc-id": "VpcId",
        "vpc-endpoint-id": "VpcEndpointId",
        "vpc-endpoint-state": "State",
        "vpc-endpoint-type": "VpcEndpointType",
    },
)


@action(
    "CreateVpcEndpoint",
    "VpcEndpointType",
    "VpcId",
    "ServiceName",
    "PolicyDocument",
    "RouteTableIds",
    "SubnetIds",
    "SecurityGroupIds",
    "IpAddressType",
    "DnsOptions",
    "ClientToken",
    "PrivateDnsEnabled",
    "SubnetConfigurations",
    "TagSpecifications",
)
async def create_vpc_endpoint(call: Call, request: Request) -> Answer:
    """Open a way to a service. The same token makes no second one."""
    kind = request.get("VpcEndpointType") or GATEWAY
    service = _checked_service(call, request, kind)
    _check_kind(request, kind)
    tags = specified_tags(request, "vpc-endpoint")
    token = request.get("ClientToken") or None
    async with call.transaction() as change:
        vpc = require_vpc(change, request["VpcId"])
        made = _made_by(change, token, request)
        if made is not None:
            return {"VpcEndpoint": described(call, made), "ClientToken": token}
        check_room(change, vpc.vpc_id, kind)
        endpoint = VpcEndpoint(
            vpc_endpoint_id=call.ids.resource_id("vpce"),
            vpc_id=vpc.vpc_id,
            service_name=request["ServiceName"],
            endpoint_type=kind,
            mark=call.ids.resource_id("m")[2:10],
            policy=_checked_policy(request.get("PolicyDocument"), service),
            client_token=token,
            created_at=call.clock.now(),
            tags=tags,
        )
        if kind == INTERFACE:
            endpoint = _with_interfaces(call, change, endpoint, vpc, request)
        change.put(endpoint)
        if kind == GATEWAY:
            route_to_service(change, endpoint, request.get("RouteTableIds") or ())
        _check_private_names(change, endpoint, vpc, service)
    answer: Answer = {"VpcEndpoint": described(call, endpoint)}
    return answer | ({"ClientToken": token} if token else {})


@action(
    "ModifyVpcEndpoint",
    *("VpcEndpointId", "ResetPolicy", "PolicyDocument", "IpAddressType", "DnsOptions"),
    *(*OF_GATEWAYS, *OF_INTERFACES, "SubnetConfigurations"),
)
async def modify_vpc_endpoint(call: Call, request: Request) -> Answer:
    """Change where an endpoint is, who reaches it, and what its policy allows."""
    async with call.transaction() as change:
        endpoint = require(change, VpcEndpoint, request["VpcEndpointId"])
        service, _ = service_of(endpoint)
        other = OF_INTERFACES if endpoint.endpoint_type == GATEWAY else OF_GATEWAYS
        for member in other:
            if not says_nothing(request.get(member)):
                raise _misplaced(member, endpoint.endpoint_type)
        _check_options(request, endpoint.endpoint_type, service)
        if request.get("ResetPolicy") and request.get("PolicyDocument"):
            raise AwsError(
                "InvalidParameterCombination",
                "ResetPolicy and PolicyDocument cannot be specified together.",
            )
        if request.get("ResetPolicy") or request.get("PolicyDocument"):
            policy = _checked_policy(request.get("PolicyDocument"), service)
            endpoint = replace(endpoint, policy=policy)
        if endpoint.endpoint_type == GATEWAY:
            unroute(change, endpoint, request.get("RemoveRouteTableIds") or ())
            route_to_service(change, endpoint, request.get("AddRouteTableIds") or ())
        else:
            endpoint = _with_groups(change, endpoint, request)
            leave_subnets(change, endpoint, request.get("RemoveSubnetIds") or ())
            join_subnets(call, change, endpoint, _places(request, "AddSubnetIds"))
            if "PrivateDnsEnabled" in request:
                endpoint = replace(endpoint, private_dns=bool(request["PrivateDnsEnabled"]))
                vpc = require_vpc(change, endpoint.vpc_id)
                _check_private_names(change, endpoint, vpc, service)
        change.put(endpoint)
    return {"Return": True}


@action("DeleteVpcEndpoints", "VpcEndpointIds")
async def delete_vpc_endpoints(call: Call, request: Request) -> Answer:
    """Close ways; those that are not there are told, the others go all the same."""
    failed = []
    async with call.transaction() as change:
        for endpoint_id in dict.fromkeys(request["VpcEndpointIds"]):
            try:
                endpoint = require(change, VpcEndpoint, endpoint_id)
            except AwsError as error:
                told = {"Code": error.code, "Message": error.message}
                failed.append({"ResourceId": endpoint_id, "Error": told})
                continue
            unroute(change, endpoint, [one.route_table_id for one in tables_of(change, endpoint)])
            change.remove(*interfaces_of(change, endpoint))
            certificate = change.get(EndpointCertificate, endpoint_id)
            change.remove(*([certificate] if certificate else []), endpoint)
    return {"Unsuccessful": failed}


@action("DescribeVpcEndpoints", "VpcEndpointIds", *DESCRIBING)
async def describe_vpc_endpoints(call: Call, request: Request) -> Answer:
    """Return endpoints."""
    endpoints = chosen(call.view, VpcEndpoint, request.get("VpcEndpointIds"))
    return listed(request, ENDPOINTS, [described(call, one) for one in endpoints])


def described(call: Call, endpoint: VpcEndpoint) -> dict[str, Any]:
    """Return an endpoint in EC2's shape."""
    view = call.view
    interfaces = interfaces_of(view, endpoint)
    gateway = endpoint.endpoint_type == GATEWAY
    ready = view.get(EndpointCertificate, endpoint.vpc_endpoint_id) is not None
    return {
        "VpcEndpointId": endpoint.vpc_endpoint_id,
        "VpcEndpointType": endpoint.endpoint_type,
        "VpcId": endpoint.vpc_id,
        "ServiceName": endpoint.service_name,
        "ServiceRegion": call.scope.region,
        "State": "available" if ready else "pending",
        "PolicyDocument": endpoint.policy or FULL_ACCESS,
        "RouteTableIds": [one.route_table_id for one in tables_of(view, endpoint)],
        "SubnetIds": [one.subnet_id for one in interfaces],
        "Groups": [_group(view, one) for one in endpoint.group_ids],
        "IpAddressType": "ipv4",
        "DnsOptions": _dns_options(endpoint),
        "PrivateDnsEnabled": endpoint.private_dns,
        "RequesterManaged": False,
        "NetworkInterfaceIds": [one.network_interface_id for one in interfaces],
        "DnsEntries": [] if gateway else _dns_entries(endpoint, interfaces),
        "CreationTimestamp": endpoint.created_at,
        "OwnerId": call.scope.account,
        "Tags": tag_set(endpoint.tags),
    }


def _dns_options(endpoint: VpcEndpoint) -> dict[str, Any]:
    if endpoint.endpoint_type == GATEWAY:
        return {"DnsRecordIpType": "service-defined"}
    options: dict[str, Any] = {"DnsRecordIpType": "ipv4"}
    if endpoint.private_dns and service_of(endpoint)[0].name == S3:
        options["PrivateDnsOnlyForInboundResolverEndpoint"] = False
    return options


def _dns_entries(endpoint: VpcEndpoint, interfaces: list[NetworkInterface]) -> list[dict[str, Any]]:
    zones = sorted(one.availability_zone for one in interfaces)
    own = [{"DnsName": one, "HostedZoneId": HOSTED_ZONE} for one in own_names(endpoint, zones)]
    private = private_names(*service_of(endpoint)) if endpoint.private_dns else ()
    return [*own, *({"DnsName": one} for one in private)]


def _group(view: View, group_id: str) -> dict[str, str]:
    group = view.get(SecurityGroup, group_id)
    return {"GroupId": group_id, "GroupName": group.group_name if group else group_id}


# ------------------------------------------------------------------ what is asked for


def _checked_service(call: Call, request: Request, kind: str) -> EndpointService:
    name = str(request.get("ServiceName") or "")
    service = find_service(name, call.scope.region)
    if service is None:
        here = ", ".join(sorted(SERVICES))
        raise AwsError(
            "InvalidServiceName",
            f"The Vpc Endpoint Service '{name}' does not exist: this ecsd has, behind "
            f"com.amazonaws.{call.scope.region}., {here}.",
        )
    if kind not in service.types:
        raise AwsError(
            "InvalidParameter",
            f"Endpoint type ({kind}) does not match available service types "
            f"([{', '.join(service.types)}]).",
        )
    _check_options(request, kind, service)
    return service


def _check_options(request: Request, kind: str, service: EndpointService) -> None:
    """Refuse what would have no effect: addresses are IPv4, and nobody resolves from outside."""
    if request.get("IpAddressType", "ipv4") != "ipv4":
        raise _unsupported("IpAddressType", request["IpAddressType"])
    options = request.get("DnsOptions") or {}
    for member, value in options.items():
        if member == "DnsRecordIpType" and value in {"ipv4", "service-defined"}:
            continue
        if member == "PrivateDnsOnlyForInboundResolverEndpoint" and not value:
            continue
        if not says_nothing(value):
            raise _unsupported(f"DnsOptions.{member}", value)
    if kind == INTERFACE and service.name == S3 and request.get("PrivateDnsEnabled"):
        told = options.get("PrivateDnsOnlyForInboundResolverEndpoint")
        if told is None:  # AWS's default
            raise _unsupported("DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint", "true")


def _unsupported(member: str, value: object) -> AwsError:
    return AwsError("UnsupportedOperation", f"The value {value} of {member} is not supported.")


def _misplaced(member: str, kind: str) -> AwsError:
    return AwsError(
        "InvalidParameter", f"{member} cannot be specified for an endpoint of type {kind}."
    )


def _check_kind(request: Request, kind: str) -> None:
    gateway = ("RouteTableIds",)
    interface = ("SubnetIds", "SecurityGroupIds", "PrivateDnsEnabled", "SubnetConfigurations")
    for member in interface if kind == GATEWAY else gateway:
        if not says_nothing(request.get(member)):
            raise _misplaced(member, kind)


def _checked_policy(document: str | None, service: EndpointService) -> str:
    """Return a policy; "" for the one that allows everything, the registry's only one."""
    if not document:
        return ""
    fault = fault_in(document, PolicyKind.RESOURCE)
    if len(document) > LARGEST_POLICY:
        fault = f"The policy is longer than {LARGEST_POLICY} characters."
    if fault is not None:
        raise AwsError("InvalidPolicyDocument", f"Invalid policy document: {fault}")
    if service.name == REGISTRY and not allows_everything(document):
        raise AwsError(
            "UnsupportedOperation",
            f"A PolicyDocument that does not allow everything is not supported for {REGISTRY}.",
        )
    return document


def _made_by(view: View, token: str | None, request: Request) -> VpcEndpoint | None:
    if token is None:
        return None
    wanted = (request["VpcId"], request["ServiceName"], request.get("VpcEndpointType") or GATEWAY)
    for one in view.select(VpcEndpoint):
        if one.client_token != token:
            continue
        if (one.vpc_id, one.service_name, one.endpoint_type) != wanted:
            raise AwsError(
                "IdempotentParameterMismatch",
                "The client token was used with other parameters before.",
            )
        return one
    return None


def _with_interfaces(
    call: Call, change: Transaction, endpoint: VpcEndpoint, vpc: Vpc, request: Request
) -> VpcEndpoint:
    groups = request.get("SecurityGroupIds")
    if not groups:
        groups = [default_security_group(change, vpc.vpc_id).group_id]
    endpoint = replace(
        endpoint,
        group_ids=checked_groups(change, vpc.vpc_id, groups),
        private_dns=bool(request.get("PrivateDnsEnabled")),
    )
    join_subnets(call, change, endpoint, _places(request, "SubnetIds"))
    return endpoint


def _places(request: Request, member: str) -> dict[str, str | None]:
    """Return the subnets to be in, with the address that is asked for in each, if any."""
    places: dict[str, str | None] = dict.fromkeys(request.get(member) or ())
    for one in request.get("SubnetConfigurations") or ():
        if one.get("Ipv6"):
            raise _unsupported("SubnetConfigurations.Ipv6", one["Ipv6"])
        if one.get("SubnetId") not in places:
            raise AwsError(
                "InvalidParameter",
                f"SubnetConfigurations names {one.get('SubnetId')}, which {member} does not.",
            )
        places[one["SubnetId"]] = one.get("Ipv4") or None
    return places


def _with_groups(change: Transaction, endpoint: VpcEndpoint, request: Request) -> VpcEndpoint:
    """Return the endpoint with its groups changed; its interfaces follow."""
    gone = request.get("RemoveSecurityGroupIds") or ()
    wanted = [one for one in endpoint.group_ids if one not in gone]
    wanted += request.get("AddSecurityGroupIds") or ()
    group_ids = checked_groups(change, endpoint.vpc_id, wanted)
    if not group_ids:
        raise AwsError("InvalidParameter", "An endpoint must have at least one security group.")
    for one in interfaces_of(change, endpoint):
        change.put(replace(one, group_ids=group_ids))
    return replace(endpoint, group_ids=group_ids)


def _check_private_names(
    view: View, endpoint: VpcEndpoint, vpc: Vpc, service: EndpointService
) -> None:
    """Refuse AWS's own names where the VPC has none, or has them already."""
    if not endpoint.private_dns:
        return
    if not (vpc.enable_dns_support and vpc.enable_dns_hostnames):
        raise AwsError(
            "InvalidParameter",
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC "
            f"attributes set to true for {vpc.vpc_id}",
        )
    for other in view.select(VpcEndpoint, vpc_id=vpc.vpc_id):
        same = other.service_name == endpoint.service_name and other.private_dns
        if same and other.vpc_endpoint_id != endpoint.vpc_endpoint_id:
            name = private_names(service, service_of(endpoint)[1])[0]
            raise AwsError(
                "InvalidParameter",
                "private-dns-enabled cannot be set because there is already a conflicting DNS "
                f"domain for {name} in the VPC {vpc.vpc_id}",
            )
