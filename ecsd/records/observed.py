"""Observations: what a host sees. Reported by the agent, judged by decisions."""

from datetime import datetime
from typing import Any

from ecsd.records.message import Message


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


class TaskObserved(Message, frozen=True, kw_only=True):
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


class HookObserved(Message, frozen=True, kw_only=True):
    """What a lifecycle hook's function answered to a call; no answer: ``words`` say why."""

    deployment_arn: str
    hook_id: str
    call: int
    answer: dict[str, Any] | None = None
    words: str | None = None


class SessionOpened(Message, frozen=True, kw_only=True):
    """Somebody has opened a session: nobody else may."""

    task_arn: str
    session_id: str


class TargetObserved(Message, frozen=True, kw_only=True):
    """A target's health, by the agent's own checks. state: initial, healthy, unhealthy."""

    target_id: str
    port: int
    state: str
    reason: str | None = None  # Target.ResponseCodeMismatch, …
    description: str | None = None


class TargetGroupObserved(Message, frozen=True, kw_only=True):
    """Every target of one group behind one balancer; always complete."""

    load_balancer_arn: str
    target_group_arn: str
    targets: tuple[TargetObserved, ...] = ()


class FileSystemObserved(Message, frozen=True, kw_only=True):
    """A file system on its host. size: bytes; None: its files are gone, as they were to be."""

    file_system_arn: str
    size: int | None
    at: datetime


class EndpointObserved(Message, frozen=True, kw_only=True):
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


class ImageObserved(Message, frozen=True, kw_only=True):
    """A disk of EBS on its host. outcome: made, erased, failed (``words`` say why)."""

    arn: str
    outcome: str
    words: str = ""
    at: datetime


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


class TrafficObserved(Message, frozen=True, kw_only=True):
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


RECENT = 15  # periods that are kept for who asks


def traffic_key(message: TrafficObserved) -> str:
    """Return under what a period waits to be told: no more than ``RECENT`` of a resource do."""
    period = int(message.at.timestamp()) // message.seconds % RECENT
    return f"traffic/{message.resource_arn}/{period}"
