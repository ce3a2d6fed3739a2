"""Task sets of services that somebody else deploys. Source: API Reference, data type TaskSet."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record
from ecsd.records.tag import Tag


class TaskSet(Record, frozen=True, kw_only=True):
    """A revision of a service, and the share of its desired count that runs of it.

    Its counts of failures are in the service's deployment of the same id.
    """

    KIND: ClassVar[str] = "task_set"
    KEY: ClassVar[str] = "arn"
    INDEXES: ClassVar[tuple[str, ...]] = ("service_arn",)

    arn: str
    task_set_id: str  # ecs-svc/<19 digits>
    service_arn: str
    cluster_arn: str
    revision_arn: str
    status: str = "ACTIVE"  # PRIMARY, ACTIVE, DRAINING
    percent: float = 0.0
    external_id: str | None = None
    client_token: str | None = None
    stable: bool = False  # STEADY_STATE, else STABILIZING
    stable_at: datetime  # when that changed
    created_at: datetime
    updated_at: datetime
    tags: tuple[Tag, ...] = ()
