"""Secrets. Source: AWS Secrets Manager API 2017-10-17, SecretListEntry, SecretVersionsListEntry."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record
from ecsd.records.secretsmanager.rotation import Rotation
from ecsd.records.tag import Tag


def version_key(secret_arn: str, version_id: str) -> str:
    """Return the key of a version's record."""
    return f"{secret_arn}|{version_id}"


class Secret(Record, frozen=True, kw_only=True):
    """A secret; its values are in its versions.

    stages: staging label → id of the one version that has it.
    A rotation gives AWSPENDING to a version that has no value yet.
    kms_key_id: as it was asked for; None: alias/aws/secretsmanager.
    """

    KIND: ClassVar[str] = "secret"
    KEY: ClassVar[str] = "arn"
    INDEXES: ClassVar[tuple[str, ...]] = ("name",)

    arn: str
    name: str
    created_at: datetime
    changed_at: datetime
    description: str | None = None
    kms_key_id: str | None = None
    stages: dict[str, str] = {}
    policy: str | None = None
    accessed_on: datetime | None = None  # the day's beginning
    deletion_at: datetime | None = None
    rotation: Rotation | None = None
    tags: tuple[Tag, ...] = ()


class SecretVersion(Record, frozen=True, kw_only=True):
    """One value of a secret, encrypted. kept_value: KMS' ciphertext in base64."""

    KIND: ClassVar[str] = "secret_version"
    KEY: ClassVar[str] = "place"
    INDEXES: ClassVar[tuple[str, ...]] = ("secret_arn",)

    secret_arn: str
    version_id: str
    kept_value: str
    is_binary: bool = False
    key_id: str  # as ListSecretVersionIds shows it
    created_at: datetime
    accessed_on: datetime | None = None

    @property
    def place(self) -> str:
        """Secret and version."""
        return version_key(self.secret_arn, self.version_id)
