"""Services, their deployments and events. Source: Amazon ECS API Reference, data type Service."""

from datetime import datetime
from typing import Any, ClassVar

from ecsd.records.record import Part, Record
from ecsd.records.tag import Tag


class DeploymentConfiguration(Part, frozen=True, kw_only=True):
    """How deployments go about it. Members of AWS's shape are kept as given; None: not given.

    Source: Amazon ECS API Reference, DeploymentConfiguration.
    """

    strategy: str = "ROLLING"  # ROLLING, BLUE_GREEN, LINEAR, CANARY
    maximum_percent: int = 200
    minimum_healthy_percent: int = 100
    circuit_breaker: dict[str, Any] | None = None
    bake_time_in_minutes: int | None = None
    linear: dict[str, Any] | None = None
    canary: dict[str, Any] | None = None
    lifecycle_hooks: tuple[dict[str, Any], ...] = ()
    early_success: dict[str, Any] | None = None


class Deployment(Part, frozen=True, kw_only=True):
    """How one revision of a service is being rolled out, as ``deployments[]`` shows it.

    status: PRIMARY (the newest), ACTIVE (being replaced). Counts are derived from tasks.
    """

    deployment_id: str  # ecs-svc/<19 digits>: its revision's number
    revision_arn: str
    status: str
    created_at: datetime
    updated_at: datetime
    rollout_state: str = "IN_PROGRESS"  # IN_PROGRESS, COMPLETED, FAILED
    rollout_state_reason: str = ""
    failed_tasks: int = 0  # consecutive failures; AWS's failedTasks
    failures: int = 0  # the circuit breaker's count
    ever_ran: bool = False  # a task of it reached RUNNING: the breaker's second stage
    launch_failures: int = 0  # consecutive never-started tasks: the throttle's count
    last_failure_at: datetime | None = None


class Service(Record, frozen=True, kw_only=True):
    """What the user wants running. Observed counts are derived, never stored.

    What its tasks are made of is in the revisions of its deployments.
    """

    KIND: ClassVar[str] = "service"
    KEY: ClassVar[str] = "arn"
    INDEXES: ClassVar[tuple[str, ...]] = ("cluster", "status")

    arn: str
    name: str
    cluster: str  # name
    cluster_arn: str
    status: str = "ACTIVE"  # ACTIVE, DRAINING, INACTIVE
    desired_count: int
    revision_arn: str = ""  # of the PRIMARY deployment, also after the service's end
    deployments: tuple[Deployment, ...]  # newest first; the first is PRIMARY
    last_completed: Deployment | None = None  # what a rollback goes back to
    service_deployment_arn: str = ""  # of the newest attempt
    launch_type: str | None = None  # or capacity_provider_strategy: of tasks to be launched
    capacity_provider_strategy: tuple[dict[str, Any], ...] = ()
    scheduling_strategy: str = "REPLICA"
    deployment_controller: str | None = None  # as given; None: not given
    deployment_configuration: DeploymentConfiguration = DeploymentConfiguration()
    health_check_grace_period_seconds: int | None = None
    availability_zone_rebalancing: str = "ENABLED"
    placement_constraints: tuple[dict[str, Any], ...] = ()
    placement_strategy: tuple[dict[str, Any], ...] = ()
    enable_ecs_managed_tags: bool = False
    enable_execute_command: bool = False
    propagate_tags: str = "NONE"
    role_arn: str | None = None
    created_by: str
    created_at: datetime
    client_token: str | None = None
    deleted_at: datetime | None = None
    steady: bool = False  # the steady-state event was sent since the last disturbance
    reported: tuple[str, ...] = ()  # faults already told in events, not told again until cleared
    tags: tuple[Tag, ...] = ()


class ServiceEvent(Record, frozen=True, kw_only=True):
    """One line of a service's history; the newest hundred are kept."""

    KIND: ClassVar[str] = "service_event"
    KEY: ClassVar[str] = "event_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("service_arn",)

    event_id: str
    service_arn: str
    created_at: datetime
    number: int  # order within a service
    message: str
