"""Mount targets of EFS. Source: Amazon EFS API 2015-02-01, MountTargetDescription."""

from typing import ClassVar

from ecsd.records.record import Record


class MountTarget(Record, frozen=True, kw_only=True):
    """Where tasks of one zone of a VPC reach a file system.

    Its security groups are those of its network interface.
    """

    KIND: ClassVar[str] = "efs_mount_target"
    KEY: ClassVar[str] = "mount_target_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("file_system_id", "vpc_id")

    mount_target_id: str
    file_system_id: str
    vpc_id: str
    subnet_id: str
    availability_zone: str
    network_interface_id: str
    ip_address: str
