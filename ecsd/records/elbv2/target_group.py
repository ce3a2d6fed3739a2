"""Target groups and their targets. Source: Elastic Load Balancing API 2015-12-01."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Part, Record
from ecsd.records.tag import Tag

TRANSPORTS = {"TCP": ("tcp",), "TLS": ("tcp",), "UDP": ("udp",), "TCP_UDP": ("tcp", "udp")}
NETWORK_PROTOCOLS = tuple(TRANSPORTS)  # of Network Load Balancers; every other one is over TCP


class HealthCheck(Part, frozen=True, kw_only=True):
    """How a target shows that it is well. Times in seconds.

    Empty over TCP: path, matcher. Empty for Lambda functions: protocol, port.
    """

    enabled: bool = True
    protocol: str = "HTTP"
    port: str = "traffic-port"
    path: str = "/"
    interval: int = 30
    timeout: int = 5
    healthy_threshold: int = 5
    unhealthy_threshold: int = 2
    matcher: str = "200"  # "200", "200,202", "200-299"


class TargetGroup(Record, frozen=True, kw_only=True):
    """Where a listener's requests go. Lambda functions have no protocol, port and VPC: empty, 0."""

    KIND: ClassVar[str] = "target_group"
    KEY: ClassVar[str] = "target_group_arn"
    INDEXES: ClassVar[tuple[str, ...]] = ("name", "vpc_id")

    target_group_arn: str
    name: str
    protocol: str
    protocol_version: str | None
    port: int
    vpc_id: str
    target_type: str  # ip, instance, lambda
    health_check: HealthCheck
    ip_address_type: str = "ipv4"
    attributes: dict[str, str] = {}
    tags: tuple[Tag, ...] = ()


class Target(Record, frozen=True, kw_only=True):
    """A registered (or draining) target of a group.

    Desired: registered until ``draining_since`` is set, then it drains for the group's
    ``deregistration_delay.timeout_seconds`` and the target group controller removes the record.
    Observed (by the agent): state ``initial``, ``healthy``, ``unhealthy``; with AWS's reason code
    and description. ``draining`` and ``unused`` are derived where they are shown.
    """

    KIND: ClassVar[str] = "target"
    KEY: ClassVar[str] = "place"
    INDEXES: ClassVar[tuple[str, ...]] = ("target_group_arn", "target_id", "task_arn")

    place: str  # <target group ARN>|<id>|<port>: see decisions/balancers/target.py: place
    target_group_arn: str
    target_id: str  # address (ip), instance id or a function's ARN
    port: int  # 0: of a function
    availability_zone: str | None = None
    task_arn: str | None = None  # the task that ECS registered it for
    registered_at: datetime
    draining_since: datetime | None = None
    state: str = "initial"
    reason: str | None = "Elb.RegistrationInProgress"
    description: str | None = "Target registration is in progress"
