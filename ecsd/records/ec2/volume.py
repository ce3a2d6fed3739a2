"""Volumes of EBS and snapshots of them. Source: Amazon EC2 API, data types Volume and Snapshot."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record
from ecsd.records.tag import Tag

CREATING, AVAILABLE, IN_USE, DELETING, ERROR = (
    *("creating", "available", "in-use"),
    *("deleting", "error"),
)
PENDING, COMPLETED = "pending", "completed"


class Volume(Record, frozen=True, kw_only=True):
    """A disk image of a host.

    state: ``creating`` until there is an image, ``in-use`` while a task has it, ``deleting`` until
    the image is gone. ECS's own volumes are made by the host when their task starts.
    """

    KIND: ClassVar[str] = "ebs_volume"
    KEY: ClassVar[str] = "volume_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("task_arn", "snapshot_id")

    volume_id: str
    availability_zone: str
    size: int  # GiB
    volume_type: str = "gp2"
    iops: int | None = None
    throughput: int | None = None  # MiB/s
    encrypted: bool = False
    snapshot_id: str = ""  # what it was made of; empty: nothing
    initialization_rate: int | None = None  # MiB/s, of the snapshot's data
    filesystem: str = ""  # what ECS makes in it: ext3, ext4, xfs; empty: nothing
    state: str = CREATING
    state_message: str = ""
    host: str | None = None  # where its image is; None: nowhere yet
    task_arn: str | None = None  # whose it is until the task has stopped
    device: str = ""
    managed: bool = False  # ECS made it
    delete_on_termination: bool = False
    attached_at: datetime | None = None
    created_at: datetime
    client_token: str = ""
    tags: tuple[Tag, ...] = ()


class Snapshot(Record, frozen=True, kw_only=True):
    """A copy of a volume's image, as it was at one moment. state: pending, completed, error."""

    KIND: ClassVar[str] = "ebs_snapshot"
    KEY: ClassVar[str] = "snapshot_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("volume_id",)

    snapshot_id: str
    volume_id: str
    volume_size: int  # GiB
    description: str = ""
    encrypted: bool = False
    filesystem: str = ""  # that ECS made in the volume; empty: not known
    state: str = PENDING  # and ``deleting``, which the API does not show
    state_message: str = ""
    host: str | None = None
    started_at: datetime
    completed_at: datetime | None = None
    tags: tuple[Tag, ...] = ()
