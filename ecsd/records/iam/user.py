"""IAM users, groups and access keys; stored in the account's global scope."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record
from ecsd.records.tag import Tag


class User(Record, frozen=True, kw_only=True):
    """A user. Inline policies by name, managed ones by ARN, groups by name."""

    KIND: ClassVar[str] = "user"
    KEY: ClassVar[str] = "user_name"
    OF_CALLERS: ClassVar[bool] = True
    INDEXES: ClassVar[tuple[str, ...]] = (
        "attached_policy_arns",
        "permissions_boundary",
        "folded_name",
        "groups",
    )

    user_name: str
    user_id: str
    path: str
    arn: str
    created_at: datetime
    permissions_boundary: str | None = None
    inline_policies: dict[str, str] = {}
    attached_policy_arns: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    tags: tuple[Tag, ...] = ()

    @property
    def folded_name(self) -> str:
        """The name without case: IAM names differ by more than that."""
        return self.user_name.lower()


class Group(Record, frozen=True, kw_only=True):
    """A group: policies that its users share. Who belongs to it is the users' to say."""

    KIND: ClassVar[str] = "group"
    KEY: ClassVar[str] = "group_name"
    OF_CALLERS: ClassVar[bool] = True
    INDEXES: ClassVar[tuple[str, ...]] = ("attached_policy_arns", "folded_name")

    group_name: str
    group_id: str
    path: str
    arn: str
    created_at: datetime
    inline_policies: dict[str, str] = {}
    attached_policy_arns: tuple[str, ...] = ()

    @property
    def folded_name(self) -> str:
        """The name without case."""
        return self.group_name.lower()


class AccessKey(Record, frozen=True, kw_only=True):
    """A user's key; its secret is sealed for the key's id."""

    KIND: ClassVar[str] = "access_key"
    KEY: ClassVar[str] = "access_key_id"
    OF_CALLERS: ClassVar[bool] = True
    INDEXES: ClassVar[tuple[str, ...]] = ("user_name",)

    access_key_id: str
    user_name: str
    sealed_secret: str
    created_at: datetime
    status: str = "Active"  # or Inactive
    last_used_at: datetime | None = None
    last_used_service: str | None = None
    last_used_region: str | None = None
