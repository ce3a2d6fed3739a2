"""Task definitions. Source: Amazon ECS API Reference, data type TaskDefinition."""

from datetime import datetime
from typing import Any, ClassVar

from ecsd.records.record import Record
from ecsd.records.tag import Tag


class TaskDefinition(Record, frozen=True, kw_only=True):
    """A blueprint.

    Containers, volumes and the like are kept in AWS's shape (camelCase members),
    normalised as RegisterTaskDefinition answers them: what was given plus AWS's defaults.
    """

    KIND: ClassVar[str] = "task_definition"
    KEY: ClassVar[str] = "name"
    INDEXES: ClassVar[tuple[str, ...]] = ("family",)

    name: str  # family:revision
    arn: str
    family: str
    revision: int
    status: str = "ACTIVE"  # ACTIVE, INACTIVE, DELETE_IN_PROGRESS
    container_definitions: tuple[dict[str, Any], ...]
    volumes: tuple[dict[str, Any], ...] = ()
    network_mode: str | None = None
    cpu: str | None = None  # CPU units, as text
    memory: str | None = None  # MiB, as text
    task_role_arn: str | None = None
    execution_role_arn: str | None = None
    requires_compatibilities: tuple[str, ...] | None = None
    compatibilities: tuple[str, ...] = ()
    requires_attributes: tuple[dict[str, Any], ...] = ()
    placement_constraints: tuple[dict[str, Any], ...] = ()
    pid_mode: str | None = None
    ipc_mode: str | None = None
    ephemeral_storage: dict[str, Any] | None = None
    runtime_platform: dict[str, Any] | None = None
    enable_fault_injection: bool | None = None
    registered_at: datetime
    registered_by: str
    deregistered_at: datetime | None = None
    delete_requested_at: datetime | None = None
    tags: tuple[Tag, ...] = ()


class TaskDefinitionFamily(Record, frozen=True, kw_only=True):
    """The last revision number ever given in a family: never reused."""

    KIND: ClassVar[str] = "task_definition_family"
    KEY: ClassVar[str] = "family"

    family: str
    last_revision: int
