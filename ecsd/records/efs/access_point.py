"""Access points of EFS. Source: Amazon EFS API 2015-02-01, AccessPointDescription."""

from typing import ClassVar

from ecsd.records.record import Part, Record
from ecsd.records.tag import Tag


class PosixUser(Part, frozen=True, kw_only=True):
    """Whom everybody acts as who comes through an access point."""

    uid: int
    gid: int
    secondary_gids: tuple[int, ...] = ()


class DirectoryCreation(Part, frozen=True, kw_only=True):
    """How a directory is made where it is not there yet. permissions: octal digits."""

    owner_uid: int
    owner_gid: int
    permissions: str


class AccessPoint(Record, frozen=True, kw_only=True):
    """A way into a file system: a directory of it, and whom all that come this way act as.

    creation: how the directory is made where it is not there yet; None: it has to be there.
    """

    KIND: ClassVar[str] = "efs_access_point"
    KEY: ClassVar[str] = "access_point_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("file_system_id", "client_token")

    access_point_id: str
    arn: str
    file_system_id: str
    client_token: str
    user: PosixUser | None = None
    path: str = "/"
    creation: DirectoryCreation | None = None
    tags: tuple[Tag, ...] = ()
