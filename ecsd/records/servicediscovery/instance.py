"""Instances of Cloud Map's services. Source: AWS Cloud Map API 2017-03-14, data type Instance."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record


class Instance(Record, frozen=True, kw_only=True):
    """Something that answers to a service's name.

    health: HEALTHY or UNHEALTHY as last told and in force; a change that was asked for comes into
    force at ``changes_at``. Where Route 53 checks it, what that says, at first UNKNOWN. It means
    something only where the service has health checks.
    """

    KIND: ClassVar[str] = "discovery_instance"
    KEY: ClassVar[str] = "place"
    INDEXES: ClassVar[tuple[str, ...]] = ("service_id", "task_arn")

    place: str  # <service id>|<instance id>
    service_id: str
    instance_id: str
    attributes: dict[str, str]
    creator_request_id: str | None = None
    health: str = "HEALTHY"
    changes_to: str | None = None
    changes_at: datetime | None = None
    task_arn: str | None = None  # the task that ECS registered it for
    registered_at: datetime
