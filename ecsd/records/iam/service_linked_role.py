"""Deletions of service-linked roles; stored in the account's global scope."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Part, Record


class RoleUsage(Part, frozen=True, kw_only=True):
    """Resources of one region that need the role."""

    region: str
    resources: tuple[str, ...]


class ServiceLinkedRoleDeletion(Record, frozen=True, kw_only=True):
    """What became of a DeleteServiceLinkedRole: it succeeded unless somebody used the role."""

    KIND: ClassVar[str] = "service_linked_role_deletion"
    KEY: ClassVar[str] = "deletion_task_id"

    deletion_task_id: str
    created_at: datetime
    used_by: tuple[RoleUsage, ...] = ()
