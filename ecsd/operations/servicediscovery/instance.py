"""Instances: registered, deregistered, listed, and how they are.

Source: AWS Cloud Map API Reference, RegisterInstance, UpdateInstanceCustomHealthStatus.
"""

from typing import Any

from ecsd.decisions.dns.discovery import (
    ALIAS,
    INIT_HEALTH,
    ask_health,
    attributes_problem,
    place,
    shown_health,
)
from ecsd.decisions.dns.instance_check import instance_problem
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.servicediscovery.operation import note
from ecsd.operations.servicediscovery.requests import invalid, page
from ecsd.records.elbv2.load_balancer import LoadBalancer
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.service import DiscoveryService
from ecsd.store.finders.servicediscovery import instances_of, name_of, require_service
from ecsd.store.registrations import deregister, register
from ecsd.store.store import View

MOST = 1000  # of a service


@operation("servicediscovery", "RegisterInstance")
async def register_instance(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Let something answer to a service's name, or change what it answers."""
    attributes = dict(request["Attributes"])
    async with call.transaction() as change:
        service = require_service(change, request["ServiceId"])
        own = request["InstanceId"]
        name = name_of(change, service)
        strict = call.settings.mode == "strict"
        problem = attributes_problem(service, name, own, attributes)
        problem = problem or instance_problem(service, attributes, strict=strict)
        if problem is not None:
            raise invalid(problem)
        _check_alias(change, attributes)
        known = change.get(Instance, place(service.service_id, own))
        if known is None and len(instances_of(change, service)) >= MOST:
            raise AwsError("ResourceLimitExceeded", f"At most {MOST} instances in a service.")
        instance = Instance(
            place=place(service.service_id, own),
            service_id=service.service_id,
            instance_id=own,
            attributes=attributes,
            creator_request_id=request.get("CreatorRequestId"),
            health="UNKNOWN" if service.health_check else attributes.get(INIT_HEALTH, "HEALTHY"),
            task_arn=known.task_arn if known else None,
            registered_at=call.clock.now(),
        )
        register(change, instance)
        targets = {"INSTANCE": own, "SERVICE": service.service_id}
        operation_id = note(call, change, "REGISTER_INSTANCE", targets, service.namespace_id)
    return {"OperationId": operation_id}


@operation("servicediscovery", "DeregisterInstance")
async def deregister_instance(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Let it answer no more."""
    async with call.transaction() as change:
        service = require_service(change, request["ServiceId"])
        instance = _require(change, service, request["InstanceId"])
        deregister(change, [instance])
        targets = {"INSTANCE": instance.instance_id, "SERVICE": service.service_id}
        operation_id = note(call, change, "DEREGISTER_INSTANCE", targets, service.namespace_id)
    return {"OperationId": operation_id}


@operation("servicediscovery", "GetInstance")
async def get_instance(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe an instance."""
    service = require_service(call.view, request["ServiceId"])
    instance = _require(call.view, service, request["InstanceId"])
    shown = _show(instance, call.scope.account)
    shown["CreatorRequestId"] = instance.creator_request_id
    return {"ResourceOwner": call.scope.account, "Instance": shown}


@operation("servicediscovery", "ListInstances")
async def list_instances(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List a service's instances."""
    service = require_service(call.view, request["ServiceId"])
    chosen, token = page(request, instances_of(call.view, service), key=lambda one: one.instance_id)
    return {
        "ResourceOwner": call.scope.account,
        "Instances": [_show(one, call.scope.account) for one in chosen],
        "NextToken": token,
    }


@operation("servicediscovery", "GetInstancesHealthStatus")
async def get_instances_health_status(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Tell how the named instances are, or all."""
    view = call.view
    service = require_service(view, request["ServiceId"])
    named = request.get("Instances")
    if named:
        found = [_require(view, service, one) for one in dict.fromkeys(named)]
    else:
        found = instances_of(view, service)
    chosen, token = page(request, found, key=lambda one: one.instance_id)
    return {
        "Status": {one.instance_id: shown_health(one, service) for one in chosen},
        "NextToken": token,
    }


@operation("servicediscovery", "UpdateInstanceCustomHealthStatus")
async def update_instance_custom_health_status(
    call: Call, request: dict[str, Any]
) -> dict[str, Any]:
    """Say how an instance is; in force after 30 seconds, as AWS says."""
    async with call.transaction() as change:
        service = require_service(change, request["ServiceId"])
        instance = _require(change, service, request["InstanceId"])
        if not service.has_custom_health_check:
            raise AwsError(
                "CustomHealthNotFound",
                f"The service {service.service_id} does not have a custom health check.",
            )
        if instance.task_arn is not None:
            raise invalid(
                f"The instance {instance.instance_id} is a task of Amazon ECS, which tells its "
                "health itself."
            )
        change.put(ask_health(instance, request["Status"], call.clock.now()))
    return {}


def _require(view: View, service: DiscoveryService, instance_id: str) -> Instance:
    found = view.get(Instance, place(service.service_id, instance_id))
    if found is None:
        raise AwsError("InstanceNotFound", f"Failed to find instance with ID {instance_id}.")
    return found


def _check_alias(view: View, attributes: dict[str, str]) -> None:
    alias = attributes.get(ALIAS)
    if alias is None:
        return
    wanted = alias.lower().removesuffix(".")
    if not any(one.dns_name == wanted for one in view.select(LoadBalancer)):
        raise invalid(f"{ALIAS}: no load balancer of this account and region is called {alias}.")
    attributes[ALIAS] = wanted


def _show(instance: Instance, account: str) -> dict[str, Any]:
    return {
        "Id": instance.instance_id,
        "Attributes": instance.attributes,
        "CreatedByAccount": account,
    }
