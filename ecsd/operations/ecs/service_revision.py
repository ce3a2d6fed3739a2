"""What CreateService and UpdateService want to run, made a revision.

Source: Amazon ECS API Reference, UpdateService (which members deploy); ecs_semantics 4.1, 4.8.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.services import deployment as deployments
from ecsd.decisions.services.service_load_balancers import resolve
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ecs import (
    capacity,
    load_balancers,
    network,
    service_connect,
    service_registries,
    volume_configurations,
)
from ecsd.operations.ecs.execute_command import check_role
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.service_deployment import ServiceRevision
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.store.finders.ecs import require_cluster, require_runnable, revision_of
from ecsd.store.store import View

DEPLOYING = (
    "taskDefinition",
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "forceNewDeployment",
)
MARKS = (  # what tells revisions apart that are alike
    *("arn", "created_at", "image_digests", "image_references"),
    *("launch_type", "capacity_provider_strategy"),  # no deployment by themselves
    *("resolved_load_balancers", "service_connect"),
)


def first_revision(
    call: Call, view: View, service: Service, request: dict[str, Any]
) -> ServiceRevision:
    """Return what CreateService asks for; ``service`` has no deployment yet."""
    if not request.get("taskDefinition"):
        raise AwsError("InvalidParameterException", "TaskDefinition can not be blank.")
    definition = require_runnable(view, request["taskDefinition"])
    wired = network.parse(view, definition, request.get("networkConfiguration"))
    shifts = service.deployment_configuration.strategy != "ROLLING"
    balancers = load_balancers.parse(
        view, definition, request.get("loadBalancers"), wired, shifts=shifts
    )
    registries = service_registries.parse(view, definition, request.get("serviceRegistries"))
    connect = service_connect.parse(
        view, service, definition, request.get("serviceConnectConfiguration")
    )
    check_role(definition, enabled=service.enable_execute_command)
    chosen = capacity.choose(request, require_cluster(view, service.cluster), definition)
    return ServiceRevision(
        arn=_arn(call, service.arn),
        service_arn=service.arn,
        cluster_arn=service.cluster_arn,
        task_definition=definition.name,
        task_definition_arn=definition.arn,
        launch_type=chosen.launch_type,
        capacity_provider_strategy=chosen.strategy,
        platform_version=capacity.platform_version(request),
        network_configuration=wired,
        load_balancers=balancers,
        resolved_load_balancers=resolve(balancers, (), alternates=shifts),
        service_registries=registries,
        service_connect_configuration=connect,
        volume_configurations=volume_configurations.parse(
            view, definition, request.get("volumeConfigurations"), call.settings
        ),
        created_at=call.clock.now(),
    )


def next_revision(
    call: Call, view: View, service: Service, request: dict[str, Any]
) -> ServiceRevision | None:
    """Return what UpdateService asks to deploy; None when nothing of it differs or deploys."""
    now = revision_of(view, deployments.primary(service))
    definition = _definition(view, service, now, request)
    check_role(definition, enabled=bool(request.get("enableExecuteCommand")))
    if not any(request.get(member) not in (None, False) for member in DEPLOYING):
        return None
    wired, balancers = now.network_configuration, now.load_balancers
    registries = now.service_registries
    shifts = service.deployment_configuration.strategy != "ROLLING"
    if request.get("networkConfiguration") is not None:
        wired = network.parse(view, definition, request["networkConfiguration"])
    if request.get("loadBalancers") is not None or definition.arn != now.task_definition_arn:
        given = request.get("loadBalancers")
        wanted = list(balancers) if given is None else given
        balancers = load_balancers.parse(view, definition, wanted, wired, shifts=shifts)
    if request.get("serviceRegistries") is not None or definition.arn != now.task_definition_arn:
        given = request.get("serviceRegistries")
        wanted = list(registries) if given is None else given
        registries = service_registries.parse(view, definition, wanted)
    given = request.get("serviceConnectConfiguration")
    connect = service_connect.parse(
        view, service, definition, now.service_connect_configuration if given is None else given
    )
    given = request.get("volumeConfigurations")
    volumes = volume_configurations.parse(
        view, definition, now.volume_configurations if given is None else given, call.settings
    )
    service_connect.check_protocols(definition, connect, now.service_connect)
    fresh = replace(
        now,
        arn=_arn(call, service.arn),
        task_definition=definition.name,
        task_definition_arn=definition.arn,
        launch_type=service.launch_type,
        capacity_provider_strategy=service.capacity_provider_strategy,
        platform_version=capacity.platform_version(request) or now.platform_version,
        network_configuration=wired,
        load_balancers=balancers,
        resolved_load_balancers=resolve(
            balancers, _serving(view, service, shifts=shifts), alternates=shifts
        ),
        service_registries=registries,
        service_connect_configuration=connect,
        volume_configurations=volumes,
        service_connect=None,
        image_digests={},
        image_references={},
        created_at=call.clock.now(),
    )
    if _is_alike(fresh, now) and not request.get("forceNewDeployment"):
        return None
    return fresh


def _arn(call: Call, service_arn: str) -> str:
    place = service_arn.replace(":service/", ":service-revision/")
    return f"{place}/{call.ids.revision_number()}"


def _definition(
    view: View, service: Service, now: ServiceRevision, request: dict[str, Any]
) -> TaskDefinition:
    if request.get("taskDefinition"):
        definition = require_runnable(view, request["taskDefinition"])
        capacity.check_fit(definition, service.launch_type or "FARGATE")
        return definition
    known = view.get(TaskDefinition, now.task_definition)
    if known is None:
        raise AwsError("ClientException", "TaskDefinition not found.")
    return known


def _serving(view: View, service: Service, *, shifts: bool) -> tuple[dict[str, Any], ...]:
    """Return the load balancers of the revision that a new one takes the place of."""
    source = service.last_completed if shifts else deployments.primary(service)
    return revision_of(view, source).resolved_load_balancers if source else ()


def _is_alike(one: ServiceRevision, other: ServiceRevision) -> bool:
    marks = {mark: getattr(other, mark) for mark in MARKS}
    return replace(one, **marks) == other
