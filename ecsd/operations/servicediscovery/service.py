"""Services: made, shown, changed, deleted, and their attributes.

Source: AWS Cloud Map API Reference, CreateService, UpdateService, UpdateServiceAttributes.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.dns.discovery import is_name, records_problem
from ecsd.decisions.dns.instance_check import service_problem
from ecsd.decisions.dns.zone_plan import full_name
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.servicediscovery import tag
from ecsd.operations.servicediscovery.operation import note
from ecsd.operations.servicediscovery.requests import EQUAL, invalid, is_own, page, test_of
from ecsd.records.servicediscovery.namespace import Namespace
from ecsd.records.servicediscovery.service import DiscoveryService, DnsRecord, InstanceCheck
from ecsd.store.finders.servicediscovery import (
    arn,
    instances_of,
    require_namespace,
    require_service,
    services_in,
)
from ecsd.store.store import View

MOST_ATTRIBUTES = 30


@operation("servicediscovery", "CreateService")
async def create_service(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a service; answers an equal one that the same CreatorRequestId made."""
    config = request.get("DnsConfig") or {}
    reference = request.get("NamespaceId") or config.get("NamespaceId")
    if not reference:
        raise invalid("NamespaceId has to be specified.")
    async with call.transaction() as change:
        namespace = require_namespace(change, reference)
        own = call.ids.discovery_id("srv")
        wanted = DiscoveryService(
            service_id=own,
            arn=arn(change, "service", own),
            name=request["Name"],
            namespace_id=namespace.namespace_id,
            routing_policy=config.get("RoutingPolicy") or "MULTIVALUE",
            dns_records=_records(namespace, request),
            has_custom_health_check=request.get("HealthCheckCustomConfig") is not None,
            health_check=_check(request),
            description=request.get("Description"),
            creator_request_id=request.get("CreatorRequestId"),
            created_at=call.clock.now(),
            tags=tag.parse(request.get("Tags"), request["Name"]),
        )
        if wanted.dns_records and not is_name(full_name(wanted, namespace)):
            raise invalid(f"Name: {full_name(wanted, namespace)} is no domain name.")
        _judge_check(wanted, namespace)
        known = _known(change, namespace, wanted)
        if known is None:
            change.put(wanted)
        shown = _service(change, known or wanted)
    return {"Service": shown}


@operation("servicediscovery", "GetService")
async def get_service(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe a service."""
    view = call.view
    return {"Service": _service(view, require_service(view, request["Id"]))}


@operation("servicediscovery", "ListServices")
async def list_services(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List services that pass every filter."""
    view = call.view
    filters = [_filter(given) for given in request.get("Filters") or ()]
    found = [one for one in view.select(DiscoveryService) if all(keep(one) for keep in filters)]
    shown, token = page(request, found, key=lambda one: one.service_id)
    return {"Services": [_summary(view, one) for one in shown], "NextToken": token}


@operation("servicediscovery", "UpdateService")
async def update_service(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change the description, the TTL of records, and the health check: none given ends it."""
    given = request["Service"]
    async with call.transaction() as change:
        service = require_service(change, request["Id"])
        namespace = require_namespace(change, service.namespace_id)
        if namespace.type == "HTTP":
            raise invalid("A service in an HTTP namespace cannot be updated.")
        if given.get("DnsConfig") is not None:
            records = _parsed(given["DnsConfig"])
            if {one.type for one in records} != {one.type for one in service.dns_records}:
                raise invalid("DnsRecords: the record types of a service cannot be changed.")
            service = replace(service, dns_records=records)
        if "Description" in given:
            service = replace(service, description=given["Description"])
        service = replace(service, health_check=_check(given))
        _judge_check(service, namespace)
        change.put(service)
        own = namespace.namespace_id
        targets = {"SERVICE": service.service_id}
        return {"OperationId": note(call, change, "UPDATE_SERVICE", targets, own)}


@operation("servicediscovery", "DeleteService")
async def delete_service(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a service without instances."""
    async with call.transaction() as change:
        service = require_service(change, request["Id"])
        if instances_of(change, service):
            raise AwsError(
                "ResourceInUse",
                "Service contains registered instances; delete the instances before deleting the "
                "service",
            )
        change.remove(service)
    return {}


@operation("servicediscovery", "GetServiceAttributes")
async def get_service_attributes(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return a service's own attributes."""
    service = require_service(call.view, request["ServiceId"])
    shown = {"ServiceArn": service.arn, "ResourceOwner": call.scope.account}
    return {"ServiceAttributes": shown | {"Attributes": service.attributes}}


@operation("servicediscovery", "UpdateServiceAttributes")
async def update_service_attributes(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Add or replace attributes."""
    async with call.transaction() as change:
        service = require_service(change, request["ServiceId"])
        merged = service.attributes | request["Attributes"]
        if len(merged) > MOST_ATTRIBUTES:
            raise AwsError(
                "ServiceAttributesLimitExceededException",
                f"A service can have at most {MOST_ATTRIBUTES} attributes.",
            )
        change.put(replace(service, attributes=merged))
    return {}


@operation("servicediscovery", "DeleteServiceAttributes")
async def delete_service_attributes(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove attributes by key."""
    async with call.transaction() as change:
        service = require_service(change, request["ServiceId"])
        gone = set(request["Attributes"])
        kept = {key: value for key, value in service.attributes.items() if key not in gone}
        change.put(replace(service, attributes=kept))
    return {}


def _check(request: dict[str, Any]) -> InstanceCheck | None:
    given = request.get("HealthCheckConfig")
    if given is None:
        return None
    return InstanceCheck(
        type=given["Type"],
        resource_path=given.get("ResourcePath"),
        failure_threshold=given.get("FailureThreshold") or 1,
    )


def _judge_check(service: DiscoveryService, namespace: Namespace) -> None:
    if service.health_check is not None:
        problem = service_problem(service, namespace.type, service.health_check)
        if problem is not None:
            raise invalid(problem)


def _records(namespace: Namespace, request: dict[str, Any]) -> tuple[DnsRecord, ...]:
    config = request.get("DnsConfig")
    if config is None:
        return ()
    if namespace.type == "HTTP" or request.get("Type") == "HTTP":
        raise invalid("DnsConfig cannot be specified for a service that is found by API alone.")
    records = _parsed(config)
    policy = config.get("RoutingPolicy") or "MULTIVALUE"
    problem = records_problem([one.type for one in records], policy)
    if problem is not None:
        raise invalid(problem)
    return records


def _parsed(config: dict[str, Any]) -> tuple[DnsRecord, ...]:
    return tuple(DnsRecord(type=one["Type"], ttl=one["TTL"]) for one in config["DnsRecords"])


def _known(view: View, namespace: Namespace, wanted: DiscoveryService) -> DiscoveryService | None:
    """Return the service if this is the same request again; refuse another of the name."""
    cased = namespace.type == "HTTP"
    for known in services_in(view, namespace.namespace_id):
        names = (known.name, wanted.name)
        if len({one if cased else one.lower() for one in names}) > 1:
            continue
        again = replace(
            wanted,
            service_id=known.service_id,
            arn=known.arn,
            created_at=known.created_at,
            instances_revision=known.instances_revision,
            attributes=known.attributes,
            tags=known.tags,
        )
        if wanted.creator_request_id is not None and again == known:
            return known
        raise AwsError(
            "ServiceAlreadyExists",
            f"Service with the name {wanted.name} already exists in the namespace "
            f"{namespace.namespace_id}.",
            details={
                "CreatorRequestId": known.creator_request_id,
                "ServiceId": known.service_id,
                "ServiceArn": known.arn,
            },
        )
    return None


def _summary(view: View, service: DiscoveryService) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "Id": service.service_id,
        "Arn": service.arn,
        "ResourceOwner": view.scope.account,
        "Name": service.name,
        "Description": service.description,
        "InstanceCount": len(instances_of(view, service)),
        "Type": "DNS_HTTP" if service.dns_records else "HTTP",
        "CreateDate": service.created_at,
        "CreatedByAccount": view.scope.account,
    }
    if service.dns_records:
        shown["DnsConfig"] = {
            "NamespaceId": service.namespace_id,
            "RoutingPolicy": service.routing_policy,
            "DnsRecords": [{"Type": one.type, "TTL": one.ttl} for one in service.dns_records],
        }
    if service.health_check is not None:
        shown["HealthCheckConfig"] = {
            "Type": service.health_check.type,
            "ResourcePath": service.health_check.resource_path,
            "FailureThreshold": service.health_check.failure_threshold,
        }
    if service.has_custom_health_check:
        shown["HealthCheckCustomConfig"] = {"FailureThreshold": 1}  # always, AWS says
    return shown


def _service(view: View, service: DiscoveryService) -> dict[str, Any]:
    return _summary(view, service) | {
        "NamespaceId": service.namespace_id,
        "CreatorRequestId": service.creator_request_id,
    }


def _filter(given: dict[str, Any]) -> Callable[[DiscoveryService], bool]:
    if given["Name"] == "RESOURCE_OWNER":
        own = is_own(given)
        return lambda _: own
    values = [value.rpartition("/")[2] for value in given["Values"]]  # an id, or an ARN
    passes = test_of(given | {"Values": values}, (EQUAL,))
    return lambda one: passes(one.namespace_id)
