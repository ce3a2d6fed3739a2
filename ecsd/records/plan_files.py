"""What a host is told of file systems: folders to hold, and volumes of tasks that lie in them."""

from ecsd.records.efs.access_point import DirectoryCreation, PosixUser
from ecsd.records.message import Message


class FileSystemPlan(Message, frozen=True, kw_only=True):
    """A file system of EFS: a folder of the host. erased: its files are to go, for good."""

    file_system_arn: str
    file_system_id: str
    erased: bool = False


class EfsMount(Message, frozen=True, kw_only=True):
    """A volume of a task that lies in a file system.

    refusal: why it cannot be mounted, as EFS's mount helper says it, with its exit status. server:
    what the mount helper calls the other end in its own words.
    """

    volume: str
    file_system_id: str
    server: str
    path: str = "/"
    access_point_id: str = ""
    creation: DirectoryCreation | None = None
    user: PosixUser | None = None
    read_only: bool = False
    refusal: str = ""


class DiskImage(Message, frozen=True, kw_only=True):
    """A disk of EBS: a file of the host. filesystem: what is made in it; empty: nothing.

    source: the image that it is a copy of; empty: of none.
    """

    image_id: str  # vol-…, snap-…
    size: int  # GiB
    filesystem: str = ""
    source: str = ""


class ImagePlan(Message, frozen=True, kw_only=True):
    """An image to make, once, or to erase for good."""

    arn: str
    image: DiskImage
    erased: bool = False


class EbsMount(Message, frozen=True, kw_only=True):
    """A volume of a task that is a disk of EBS. refusal: why it cannot have it.

    open_to: the group (gid) of the containers' users that it is made writable for; -1: everybody;
    None: only root. iops, throughput (MiB/s): what the volume may do.
    """

    volume: str
    image: DiskImage
    refusal: str = ""
    open_to: int | None = None
    iops: int | None = None
    throughput: int | None = None
