"""File systems of EFS. Source: Amazon EFS API 2015-02-01, FileSystemDescription."""

from datetime import datetime
from typing import Any, ClassVar

from ecsd.records.record import Record
from ecsd.records.tag import Tag

CREATING, AVAILABLE, DELETING = "creating", "available", "deleting"


class FileSystem(Record, frozen=True, kw_only=True):
    """A file system: a folder of the host.

    state: ``creating`` until a host has the folder, ``deleting`` until its files are gone.
    lifecycle_policies are in AWS's shape. policy: the document, as it was given.
    """

    KIND: ClassVar[str] = "efs_file_system"
    KEY: ClassVar[str] = "file_system_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("creation_token",)

    file_system_id: str
    arn: str
    creation_token: str
    state: str = CREATING
    performance_mode: str = "generalPurpose"
    throughput_mode: str = "bursting"
    provisioned_throughput: float | None = None  # MiB/s
    encrypted: bool = False
    availability_zone: str | None = None  # of a One Zone file system
    overwrite_protection: str = "ENABLED"  # against being overwritten by replication
    backup: str | None = None  # ENABLED, DISABLED; None: never asked for
    lifecycle_policies: tuple[dict[str, Any], ...] = ()
    policy: str | None = None
    size: int = 0  # bytes, as a host measured it last
    measured_at: datetime | None = None
    created_at: datetime
    tags: tuple[Tag, ...] = ()
