"""Namespaces: made, shown, changed, deleted.

Source: AWS Cloud Map API Reference, CreatePrivateDnsNamespace and its kin; ecs_semantics 6.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.dns.discovery import MOST_NAMESPACES, is_name
from ecsd.decisions.dns.domain_name import canonical
from ecsd.decisions.dns.hosted_zone import conflicting
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.servicediscovery import tag
from ecsd.operations.servicediscovery.operation import note
from ecsd.operations.servicediscovery.requests import (
    BEGINS_WITH,
    EQUAL,
    invalid,
    is_own,
    page,
    test_of,
)
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.route53.hosted_zone import HostedZone
from ecsd.records.servicediscovery.namespace import Namespace
from ecsd.store.finders.servicediscovery import (
    arn,
    named_namespace,
    require_namespace,
    services_in,
)
from ecsd.store.store import View

SOA_TTL = 15  # seconds


@operation("servicediscovery", "CreatePrivateDnsNamespace")
async def create_private_dns_namespace(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a namespace whose names one VPC resolves."""
    return await _create(call, request, "DNS_PRIVATE")


@operation("servicediscovery", "CreatePublicDnsNamespace")
async def create_public_dns_namespace(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a namespace whose names every VPC of the account resolves."""
    return await _create(call, request, "DNS_PUBLIC")


@operation("servicediscovery", "CreateHttpNamespace")
async def create_http_namespace(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a namespace that DiscoverInstances alone asks."""
    return await _create(call, request, "HTTP")


@operation("servicediscovery", "GetNamespace")
async def get_namespace(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe a namespace."""
    view = call.view
    namespace = require_namespace(view, request["Id"])
    shown = _summary(view, namespace) | {"CreatorRequestId": namespace.creator_request_id}
    return {"Namespace": shown}


@operation("servicediscovery", "ListNamespaces")
async def list_namespaces(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List namespaces that pass every filter."""
    view = call.view
    filters = [_filter(given) for given in request.get("Filters") or ()]
    found = [one for one in view.select(Namespace) if all(keep(one) for keep in filters)]
    shown, token = page(request, found, key=lambda one: one.namespace_id)
    return {"Namespaces": [_summary(view, one) for one in shown], "NextToken": token}


@operation("servicediscovery", "UpdatePrivateDnsNamespace")
async def update_private_dns_namespace(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change description and SOA."""
    return await _update(call, request, "DNS_PRIVATE")


@operation("servicediscovery", "UpdatePublicDnsNamespace")
async def update_public_dns_namespace(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change description and SOA."""
    return await _update(call, request, "DNS_PUBLIC")


@operation("servicediscovery", "UpdateHttpNamespace")
async def update_http_namespace(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change the description."""
    return await _update(call, request, "HTTP")


@operation("servicediscovery", "DeleteNamespace")
async def delete_namespace(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a namespace without services."""
    async with call.transaction() as change:
        namespace = require_namespace(change, request["Id"])
        own = namespace.namespace_id
        if services_in(change, own):
            raise AwsError(
                "ResourceInUse",
                f"The namespace {own} still contains services; delete them first.",
            )
        change.remove(namespace)
        return {"OperationId": note(call, change, "DELETE_NAMESPACE", {"NAMESPACE": own}, own)}


async def _create(call: Call, request: dict[str, Any], kind: str) -> dict[str, Any]:
    name, vpc_id = request["Name"], request.get("Vpc")
    if kind != "HTTP" and not is_name(name):
        raise invalid(f"Name: {name} is no domain name: labels of 1 to 63 characters, 253 in all.")
    token = request.get("CreatorRequestId")
    async with call.transaction() as change:
        known = _known(change, name, kind, vpc_id)
        if known is not None:
            if token is not None and token == known.creator_request_id:
                return {"OperationId": known.operation_id}
            raise AwsError(
                "NamespaceAlreadyExists",
                "The namespace that you're trying to create already exists.",
                details={
                    "CreatorRequestId": known.creator_request_id,
                    "NamespaceId": known.namespace_id,
                },
            )
        if len(change.select(Namespace)) >= MOST_NAMESPACES:
            raise AwsError(
                "ResourceLimitExceeded", f"At most {MOST_NAMESPACES} namespaces in a region."
            )
        own = call.ids.discovery_id("ns")
        tags = tag.parse(request.get("Tags"), name)
        problem = _zone_problem(change, name, vpc_id) if vpc_id is not None else None
        if problem is not None:
            fault = ("CANNOT_CREATE_HOSTED_ZONE", problem)
            targets = {"NAMESPACE": own}
            return {"OperationId": note(call, change, "CREATE_NAMESPACE", targets, own, fault)}
        operation_id = note(call, change, "CREATE_NAMESPACE", {"NAMESPACE": own}, own)
        change.put(
            Namespace(
                namespace_id=own,
                arn=arn(change, "namespace", own),
                name=name,
                http_name=name if named_namespace(change, name) is None else f"{name}-{own[3:]}",
                type=kind,
                vpc_id=vpc_id,
                hosted_zone_id=None if kind == "HTTP" else call.ids.hosted_zone_id(),
                soa_ttl=None if kind == "HTTP" else _soa_ttl(request, SOA_TTL),
                description=request.get("Description"),
                creator_request_id=token,
                operation_id=operation_id,
                created_at=call.clock.now(),
                tags=tags,
            )
        )
    return {"OperationId": operation_id}


def _zone_problem(view: View, name: str, vpc_id: str) -> str | None:
    """Return why a private namespace can have no hosted zone, or None."""
    if view.get(Vpc, vpc_id) is None:
        return f"The VPC {vpc_id} does not exist."
    zone = canonical(name)
    known = conflicting(zone, vpc_id, view.globally().select(HostedZone, name=zone))
    if known is None:
        return None
    return f"The VPC {vpc_id} is associated with the hosted zone {known.zone_id} of this name."


def _known(view: View, name: str, kind: str, vpc_id: str | None) -> Namespace | None:
    """Return the namespace that a new one would be the double of: names in DNS have no case."""
    for one in view.select(Namespace, type=kind):
        same = one.name == name if kind == "HTTP" else one.name.lower() == name.lower()
        if same and one.vpc_id == vpc_id:
            return one
    return None


async def _update(call: Call, request: dict[str, Any], kind: str) -> dict[str, Any]:
    given = request["Namespace"]
    async with call.transaction() as change:
        namespace = require_namespace(change, request["Id"])
        own = namespace.namespace_id
        if namespace.type != kind:
            raise invalid(f"The namespace {own} is of type {namespace.type}, not {kind}.")
        if "Description" in given:
            namespace = replace(namespace, description=given["Description"])
        if kind != "HTTP":
            namespace = replace(namespace, soa_ttl=_soa_ttl(given, namespace.soa_ttl or 0))
        change.put(namespace)
        return {"OperationId": note(call, change, "UPDATE_NAMESPACE", {"NAMESPACE": own}, own)}


def _soa_ttl(given: dict[str, Any], otherwise: int) -> int:
    properties = given.get("Properties")
    return int(properties["DnsProperties"]["SOA"]["TTL"]) if properties else otherwise


def _summary(view: View, one: Namespace) -> dict[str, Any]:
    properties: dict[str, Any] = {"HttpProperties": {"HttpName": one.http_name}}
    if one.hosted_zone_id is not None:
        properties["DnsProperties"] = {
            "HostedZoneId": one.hosted_zone_id,
            "SOA": {"TTL": one.soa_ttl},
        }
    return {
        "Id": one.namespace_id,
        "Arn": one.arn,
        "ResourceOwner": view.scope.account,
        "Name": one.name,
        "Type": one.type,
        "Description": one.description,
        "ServiceCount": len(services_in(view, one.namespace_id)),
        "Properties": properties,
        "CreateDate": one.created_at,
    }


def _filter(given: dict[str, Any]) -> Callable[[Namespace], bool]:
    if given["Name"] == "RESOURCE_OWNER":
        own = is_own(given)
        return lambda _: own
    passes = test_of(given, (EQUAL, BEGINS_WITH))
    members = {"TYPE": "type", "NAME": "name", "HTTP_NAME": "http_name"}
    return lambda one: passes(getattr(one, members[given["Name"]]))
