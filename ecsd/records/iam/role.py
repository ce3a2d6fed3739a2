"""IAM roles, policies and instance profiles; stored in the account's global scope."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Part, Record
from ecsd.records.tag import Tag

SERVICE_LINKED_PATH = "/aws-service-role/"  # before the service's name


class Role(Record, frozen=True, kw_only=True):
    """A role. Inline policies by name; attached managed policies by ARN. Documents are raw JSON."""

    KIND: ClassVar[str] = "role"
    KEY: ClassVar[str] = "role_name"
    OF_CALLERS: ClassVar[bool] = True
    INDEXES: ClassVar[tuple[str, ...]] = (
        "attached_policy_arns",
        "permissions_boundary",
        "folded_name",
    )

    role_name: str
    role_id: str
    path: str
    arn: str
    assume_role_policy_document: str
    created_at: datetime
    description: str | None = None
    max_session_duration: int = 3600  # seconds
    permissions_boundary: str | None = None
    inline_policies: dict[str, str] = {}
    attached_policy_arns: tuple[str, ...] = ()
    tags: tuple[Tag, ...] = ()
    last_used_at: datetime | None = None
    last_used_region: str | None = None

    @property
    def folded_name(self) -> str:
        """The name without case: IAM names differ by more than that."""
        return self.role_name.lower()

    @property
    def is_service_linked(self) -> bool:
        """Whether only its service may change it."""
        return self.path.startswith(SERVICE_LINKED_PATH)


class PolicyVersion(Part, frozen=True, kw_only=True):
    """One version of a managed policy."""

    version_id: str
    document: str
    is_default: bool
    created_at: datetime


class Policy(Record, frozen=True, kw_only=True):
    """A customer-managed policy (AWS-managed ones are data, not records)."""

    KIND: ClassVar[str] = "policy"
    KEY: ClassVar[str] = "arn"
    OF_CALLERS: ClassVar[bool] = True
    INDEXES: ClassVar[tuple[str, ...]] = ("folded_name",)

    arn: str
    policy_name: str
    policy_id: str
    path: str
    created_at: datetime
    updated_at: datetime
    versions: tuple[PolicyVersion, ...]
    next_version: int = 2
    description: str | None = None
    tags: tuple[Tag, ...] = ()

    @property
    def folded_name(self) -> str:
        """The name without case."""
        return self.policy_name.lower()

    @property
    def default_version(self) -> PolicyVersion:
        """The version that is in force."""
        return next(one for one in self.versions if one.is_default)


class InstanceProfile(Record, frozen=True, kw_only=True):
    """A role in the form that instances wear."""

    KIND: ClassVar[str] = "instance_profile"
    KEY: ClassVar[str] = "instance_profile_name"
    INDEXES: ClassVar[tuple[str, ...]] = ("roles", "folded_name")

    instance_profile_name: str
    instance_profile_id: str
    path: str
    arn: str
    created_at: datetime
    roles: tuple[str, ...] = ()
    tags: tuple[Tag, ...] = ()

    @property
    def folded_name(self) -> str:
        """The name without case."""
        return self.instance_profile_name.lower()
