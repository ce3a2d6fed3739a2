"""Tasks. Source: Amazon ECS API Reference, data types Task and Container; ecs_semantics 1."""

from datetime import datetime
from typing import Any, ClassVar

from ecsd.records.ecs.service_connect import ConnectName, ConnectPort
from ecsd.records.record import Part, Record
from ecsd.records.tag import Tag


class Container(Part, frozen=True, kw_only=True):
    """A container as its host last saw it."""

    name: str
    container_arn: str
    image: str
    essential: bool = True
    cpu: str = "0"
    memory: str | None = None
    memory_reservation: str | None = None
    has_health_check: bool = False
    last_status: str = "PENDING"  # PENDING, RUNNING, STOPPED
    health_status: str = "UNKNOWN"
    image_digest: str | None = None
    image_reference: str | None = None  # what runs exactly this image again
    runtime_id: str | None = None
    exit_code: int | None = None
    reason: str | None = None
    ran_seconds: float | None = None  # from its last start to its end
    last_lines: tuple[str, ...] = ()  # what it said last, where it failed


class TargetBinding(Part, frozen=True, kw_only=True):
    """A target group in which this task is a target while it runs."""

    target_group_arn: str
    container_name: str
    container_port: int


class RegistryBinding(Part, frozen=True, kw_only=True):
    """A Cloud Map service in which this task is an instance while it runs."""

    registry_arn: str
    port: int | None = None  # of its SRV record


class VolumeAttachment(Part, frozen=True, kw_only=True):
    """A volume of EBS that this task has. The volume is described here after it is gone, too.

    status: PRECREATED, ATTACHED, DETACHED (kept), DELETED, FAILED.
    """

    attachment_id: str
    volume_name: str
    volume_id: str
    configuration: dict[str, Any]  # managedEBSVolume in AWS's shape, defaults filled in
    device: str
    deleted: bool  # with the task
    status: str = "PRECREATED"
    status_reason: str = ""


class Task(Record, frozen=True, kw_only=True):
    """A running copy of a task definition.

    desired_status is what is wanted, RUNNING or STOPPED; last_status is what was observed, in
    AWS's order PROVISIONING, PENDING, ACTIVATING, RUNNING, DEACTIVATING, STOPPING,
    DEPROVISIONING, STOPPED. Every change of state raises ``version``.
    """

    KIND: ClassVar[str] = "task"
    KEY: ClassVar[str] = "task_arn"
    INDEXES: ClassVar[tuple[str, ...]] = (
        "cluster",
        "service_arn",
        "task_definition",
        "host",
        "vpc_id",
        "last_status",
        "network_interface_id",
        "occupied_host",
        "spread_keys",
        "reached_services",
        "offered_services",
    )

    task_arn: str
    task_id: str
    cluster: str  # name
    cluster_arn: str
    task_definition: str  # family:revision
    task_definition_arn: str
    group: str
    service_arn: str | None = None
    deployment_id: str | None = None
    started_by: str | None = None
    launch_type: str | None = None
    capacity_provider_name: str | None = None
    platform_version: str | None = None
    availability_zone: str | None = None
    cpu: str | None = None
    memory: str | None = None
    cpu_architecture: str = "X86_64"
    ephemeral_storage: int | None = None  # GiB; None: Fargate's default
    log_driver_mode: str | None = None  # None: AWS's default
    containers: tuple[Container, ...]
    overrides: dict[str, Any] = {}  # AWS's shape, as given
    network_configuration: dict[str, Any] | None = None  # awsvpcConfiguration's members
    enable_execute_command: bool = False
    tags: tuple[Tag, ...] = ()
    image_references: dict[str, str] = {}  # container → what it runs instead of its image
    target_bindings: tuple[TargetBinding, ...] = ()
    registry_bindings: tuple[RegistryBinding, ...] = ()
    connect_ports: tuple[ConnectPort, ...] = ()  # offered by Service Connect
    connect_names: tuple[ConnectName, ...] = ()  # reached by it
    connect_log: dict[str, str] | None = None  # awslogs options of its proxy
    connect_traffic: str = ""  # the digest of the shares that its proxy was seen to keep to
    connect_fault: str | None = None  # what keeps its proxy from what was planned
    volume_configurations: tuple[dict[str, Any], ...] = ()  # AWS's shape, as given
    volume_attachments: tuple[VolumeAttachment, ...] = ()
    endpoint_key: str = ""  # unguessable: what paths of its metadata and credentials are made of

    host: str | None = None  # assigned
    vpc_id: str | None = None
    network_interface_id: str | None = None
    attachment_id: str | None = None
    connect_attachment_id: str | None = None  # of Service Connect's proxy
    attachment_status: str = "PRECREATED"  # …, ATTACHED, DETACHED, DELETED

    desired_status: str = "RUNNING"
    last_status: str = "PROVISIONING"
    health_status: str = "UNKNOWN"
    stop_code: str | None = None
    stopped_reason: str | None = None
    healthy_at: datetime | None = None  # first judged healthy by its service's rollout
    protected_until: datetime | None = None  # from scale-in; None: not protected
    end_noted: bool = False  # its service has taken note of how it ended
    version: int = 1
    connectivity: str = "CONNECTED"
    connectivity_at: datetime | None = None
    created_at: datetime
    pull_started_at: datetime | None = None
    pull_stopped_at: datetime | None = None
    started_at: datetime | None = None
    stopping_at: datetime | None = None
    execution_stopped_at: datetime | None = None
    stopped_at: datetime | None = None

    @property
    def occupied_host(self) -> str | None:
        """The host that it burdens: until it has stopped."""
        return None if self.last_status == "STOPPED" else self.host

    @property
    def spread_keys(self) -> tuple[str, ...]:
        """Among which tasks it counts where zones are balanced (``spread_key``): while wanted."""
        if self.desired_status != "RUNNING":
            return ()
        return (spread_key(self.cluster, self.group, self.availability_zone),)

    @property
    def reached_services(self) -> tuple[str, ...]:
        """The Cloud Map services (ARNs) that its proxy leads to."""
        return tuple(dict.fromkeys(one.discovery_arn for one in self.connect_names))

    @property
    def offered_services(self) -> tuple[str, ...]:
        """The Cloud Map services (ARNs) that its proxy answers for."""
        return tuple(one.discovery_arn for one in self.connect_ports)

    @property
    def is_connected(self) -> bool:
        """Tell whether a proxy of Service Connect belongs to it."""
        return bool(self.connect_ports or self.connect_names)


def spread_key(cluster: str, group: str, zone: str | None) -> str:
    """Name the tasks of one service or group in one zone."""
    return f"{cluster}/{group}/{zone}"
