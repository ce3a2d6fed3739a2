"""Observations: what a host sees. Reported by the agent, judged by decisions."""

from datetime import datetime
from typing import Any

from ecsd.records.message import Message

RECENT = 15  # periods of traffic that are kept for who asks


class Observation(Message, frozen=True, kw_only=True):
    """What a host tells; of two with the same subject that wait to be told, the newer one is."""

    @property
    def subject(self) -> str:
        """Return what it is about, unique on its host."""
        return type(self).__name__


class ContainerObserved(Message, frozen=True, kw_only=True):
    """A container as the Engine shows it."""

    name: str
    status: str = "PENDING"  # PENDING, RUNNING, STOPPED
    health: str = "UNKNOWN"  # HEALTHY, UNHEALTHY, UNKNOWN
    runtime_id: str | None = None
    image_digest: str | None = None
    image_reference: str | None = None  # names exactly this image: repository@digest, or an id
    exit_code: int | None = None
    reason: str | None = None  # such as OutOfMemoryError: …
    ran_seconds: float | None = None  # from its last start to its end
    last_lines: tuple[str, ...] = ()  # what it said last, where it failed


class TaskObserved(Observation, frozen=True, kw_only=True):
    """A task as its host sees it; always complete.

    phase, in order: ``PENDING`` (accepted), ``ACTIVATING`` (pulling, creating), ``RUNNING`` (all
    containers that have to run do), ``STOPPING`` (signals sent), ``STOPPED`` (containers ended,
    network gone).
    """

    task_arn: str
    phase: str
    containers: tuple[ContainerObserved, ...] = ()
    interface_attached: bool = False
    volumes_attached: bool = False  # those of EBS
    pull_started_at: datetime | None = None
    pull_stopped_at: datetime | None = None
    started_at: datetime | None = None
    execution_stopped_at: datetime | None = None
    stop_code: str | None = None  # TaskFailedToStart, EssentialContainerExited: why it ended
    stopped_reason: str | None = None

    @property
    def subject(self) -> str:
        """Return what it is about."""
        return f"task/{self.task_arn}"


class HookObserved(Observation, frozen=True, kw_only=True):
    """What a lifecycle hook's function answered to a call; no answer: ``words`` say why."""

    deployment_arn: str
    hook_id: str
    call: int
    answer: dict[str, Any] | None = None
    words: str | None = None

    @property
    def subject(self) -> str:
        """Return what it is about."""
        return f"hook/{self.hook_id}"


class SessionOpened(Observation, frozen=True, kw_only=True):
    """Somebody has opened a session: nobody else may."""

    task_arn: str
    session_id: str

    @property
    def subject(self) -> str:
        """Return what it is about."""
        return f"session/{self.session_id}"


class TargetObserved(Message, frozen=True, kw_only=True):
    """A target's health, by the agent's own checks. state: initial, healthy, unhealthy."""

    target_id: str
    port: int
    state: str
    reason: str | None = None  # Target.ResponseCodeMismatch, …
    description: str | None = None


class TargetGroupObserved(Observation, frozen=True, kw_only=True):
    """Every target of one group behind one balancer; always complete."""

    load_balancer_arn: str
    target_group_arn: str
    targets: tuple[TargetObserved, ...] = ()

    @property
    def subject(self) -> str:
        """Return what it is about."""
        return f"targets/{self.load_balancer_arn}/{self.target_group_arn}"


class FileSystemObserved(Observation, frozen=True, kw_only=True):
    """A file system on its host. size: bytes; None: its files are gone, as they were to be."""

    file_system_arn: str
    size: int | None
    at: datetime

    @property
    def subject(self) -> str:
        """Return what it is about."""
        return f"efs/{self.file_system_arn}"


class EndpointObserved(Observation, frozen=True, kw_only=True):
    """How a health check of Route 53 went last.

    healthy: what all its checks have come to; None: too few yet. checker: the address that it came
    from; empty: it did not get that far.
    """

    account: str
    health_check_id: str
    healthy: bool | None
    passed: bool
    words: str
    at: datetime
    checker: str = ""

    @property
    def subject(self) -> str:
        """Return what it is about."""
        return f"endpoint-check/{self.health_check_id}"


class ImageObserved(Observation, frozen=True, kw_only=True):
    """A disk of EBS on its host. outcome: made, erased, failed (``words`` say why)."""

    arn: str
    outcome: str
    words: str = ""
    at: datetime

    @property
    def subject(self) -> str:
        """Return what it is about."""
        return f"ebs/{self.arn}"


class Datapoint(Message, frozen=True, kw_only=True):
    """What CloudWatch's PutMetricData takes of one metric in one period.

    values, counts: of a distribution: each value, ascending, and how many samples had it.
    """

    metric: str
    dimensions: dict[str, str]
    unit: str  # Count, Seconds, Bytes
    sum: float
    minimum: float
    maximum: float
    count: float
    values: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()


class TrafficObserved(Observation, frozen=True, kw_only=True):
    """What passed a load balancer, or a service's proxies, in a period of ``seconds``.

    resource_arn: whose traffic it was; of a service on several hosts, each tells its part. at: the
    period's begin. A datapoint that is not there was not observed.
    """

    resource_arn: str
    namespace: str  # AWS/ApplicationELB, AWS/NetworkELB, AWS/ECS
    at: datetime
    seconds: int
    counted: bool = True  # requests were; else only the targets' states were seen
    datapoints: tuple[Datapoint, ...] = ()

    @property
    def subject(self) -> str:
        """Return what it is about."""
        return f"traffic/{self.resource_arn}/{int(self.at.timestamp()) // self.seconds % RECENT}"


class CountedFlow(Message, frozen=True, kw_only=True):
    """Packets of one direction of a flow, and their bytes, by what its two ends did with them.

    left: let out by the sender's side, kept: refused by it; came: let in by the receiver's side,
    barred: refused by it. Each is ``(packets, bytes)``. Ports are 0 where the protocol has none.
    """

    source: str
    destination: str
    protocol: int
    source_port: int = 0
    destination_port: int = 0
    left: tuple[int, int] = (0, 0)
    kept: tuple[int, int] = (0, 0)
    came: tuple[int, int] = (0, 0)
    barred: tuple[int, int] = (0, 0)


class CountedInterface(Message, frozen=True, kw_only=True):
    """A network interface whose traffic was counted."""

    network_interface_id: str
    address: str
    subnet_id: str


class FlowsObserved(Observation, frozen=True, kw_only=True):
    """What passed or was refused in a VPC between two moments; complete unless packets are lost.

    interval: for flow logs of this maximum aggregation interval. lost: something was not counted.
    """

    vpc_arn: str
    interval: int
    began_at: datetime
    ended_at: datetime
    interfaces: tuple[CountedInterface, ...] = ()
    flows: tuple[CountedFlow, ...] = ()
    lost: bool = False

    @property
    def subject(self) -> str:
        """Return what it is about."""
        return f"flows/{self.vpc_arn}/{self.interval}/{self.began_at}"
