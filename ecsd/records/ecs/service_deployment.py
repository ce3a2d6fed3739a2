"""The history of a service: what was to run, and how each attempt at it went.

Source: Amazon ECS API Reference, data types ServiceRevision and ServiceDeployment; ecs_semantics
4.8. Kept for 90 days, or until the service is forgotten.
"""

from datetime import datetime
from typing import Any, ClassVar

from ecsd.records.ecs.service import DeploymentConfiguration
from ecsd.records.ecs.service_connect import ServiceConnect
from ecsd.records.record import Part, Record


class ServiceRevision(Record, frozen=True, kw_only=True):
    """A frozen copy of all that a service's tasks are made of."""

    KIND: ClassVar[str] = "service_revision"
    KEY: ClassVar[str] = "arn"
    INDEXES: ClassVar[tuple[str, ...]] = ("service_arn", "task_definition")

    arn: str
    service_arn: str
    cluster_arn: str
    task_definition: str  # family:revision
    task_definition_arn: str
    launch_type: str | None = None
    capacity_provider_strategy: tuple[dict[str, Any], ...] = ()
    platform_version: str | None = None
    network_configuration: dict[str, Any] | None = None  # awsvpcConfiguration's members
    load_balancers: tuple[dict[str, Any], ...] = ()  # AWS's shape, as given
    resolved_load_balancers: tuple[dict[str, Any], ...] = ()  # with the groups it registers in
    service_registries: tuple[dict[str, Any], ...] = ()  # AWS's shape, as given
    service_connect_configuration: dict[str, Any] | None = None  # AWS's shape, as given
    volume_configurations: tuple[dict[str, Any], ...] = ()  # AWS's shape, as given
    service_connect: ServiceConnect | None = None  # what that comes to; None: not enabled
    image_digests: dict[str, str] = {}  # container → sha256:…, of its first task
    image_references: dict[str, str] = {}  # container → what the other tasks run
    created_at: datetime


class HookRun(Part, frozen=True, kw_only=True):
    """A lifecycle hook at one stage of a deployment.

    status: AWAITING_ACTION (a pause), IN_PROGRESS, SUCCEEDED, FAILED, TIMED_OUT. call: how often
    its function was, or is being, asked; asked again at ``call_at``.
    """

    hook_id: str
    stage: str
    step: int
    number: int  # in deploymentConfiguration.lifecycleHooks
    target_type: str  # AWS_LAMBDA, PAUSE
    target_arn: str | None = None
    status: str
    expires_at: datetime
    timeout_action: str
    call: int = 1
    call_at: datetime | None = None  # None: being asked now
    details: dict[str, Any] | None = None  # what the function said last, for its next call
    words: str | None = None  # why it failed


class ServiceDeployment(Record, frozen=True, kw_only=True):
    """One attempt to bring a service to a revision.

    status: PENDING, IN_PROGRESS, STOP_REQUESTED, STOPPED, SUCCESSFUL, ROLLBACK_REQUESTED,
    ROLLBACK_IN_PROGRESS, ROLLBACK_SUCCESSFUL, ROLLBACK_FAILED. Counts are derived from tasks
    while it lasts, and kept (``failure_count``) when it has ended.
    """

    KIND: ClassVar[str] = "service_deployment"
    KEY: ClassVar[str] = "arn"
    INDEXES: ClassVar[tuple[str, ...]] = ("service_arn", "status")

    arn: str
    service_arn: str
    cluster_arn: str
    target_revision_arn: str
    source_revision_arns: tuple[str, ...] = ()
    blue_revision_arn: str | None = None  # that served before: the last completed one
    configuration: DeploymentConfiguration
    status: str = "PENDING"
    status_reason: str | None = None
    stage: str | None = None  # where a deployment that shifts traffic is
    step: int = 0
    stage_since: datetime | None = None
    hooks: tuple[HookRun, ...] = ()
    failure_count: int = 0
    breaker_triggered: bool = False
    rollback_reason: str | None = None
    rollback_started_at: datetime | None = None
    rollback_revision_arn: str | None = None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    stopped_at: datetime | None = None
