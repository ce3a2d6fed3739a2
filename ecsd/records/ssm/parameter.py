"""Parameters. Source: AWS Systems Manager API 2014-11-06, Parameter, ParameterHistory."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record
from ecsd.records.tag import Tag

STRING, STRING_LIST, SECURE_STRING = "String", "StringList", "SecureString"
STANDARD, ADVANCED, INTELLIGENT = "Standard", "Advanced", "Intelligent-Tiering"


def version_key(name: str, version: int) -> str:
    """Return the key of a version's record."""
    return f"{name}:{version}"


class Parameter(Record, frozen=True, kw_only=True):
    """A parameter; what it says is in its versions. version: the newest one."""

    KIND: ClassVar[str] = "ssm_parameter"
    KEY: ClassVar[str] = "name"

    name: str
    arn: str
    version: int
    expires_at: datetime | None = None
    tags: tuple[Tag, ...] = ()


class ParameterVersion(Record, frozen=True, kw_only=True):
    """One version of a parameter. No value lies here in plain text.

    kept_value: of a SecureString KMS' ciphertext in base64, else sealed as private keys are.
    key_id: as it was asked for; SecureString alone.
    """

    KIND: ClassVar[str] = "ssm_parameter_version"
    KEY: ClassVar[str] = "place"
    INDEXES: ClassVar[tuple[str, ...]] = ("name",)

    name: str
    version: int
    type: str
    kept_value: str
    key_id: str | None = None
    tier: str = STANDARD
    data_type: str = "text"
    description: str | None = None
    allowed_pattern: str | None = None
    policies: tuple[str, ...] = ()  # JSON, one text each
    labels: tuple[str, ...] = ()
    modified_at: datetime
    modified_by: str

    @property
    def place(self) -> str:
        """Name and version."""
        return version_key(self.name, self.version)
