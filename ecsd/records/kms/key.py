"""Keys and aliases. Source: AWS Key Management Service API 2014-11-01, KeyMetadata."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Part, Record
from ecsd.records.tag import Tag

ENABLED, DISABLED, PENDING_DELETION = "Enabled", "Disabled", "PendingDeletion"
CUSTOMER, AWS = "CUSTOMER", "AWS"
AUTOMATIC, ON_DEMAND = "AUTOMATIC", "ON_DEMAND"


class BackingKey(Part, frozen=True, kw_only=True):
    """256 bits of key material, sealed. rotation: what made it; empty for the first one."""

    sealed_material: str
    material_id: str  # 64 hexadecimal digits
    made_at: datetime
    rotation: str = ""  # AUTOMATIC, ON_DEMAND


class Key(Record, frozen=True, kw_only=True):
    """A symmetric key. The last backing key encrypts; each of them decrypts what it encrypted."""

    KIND: ClassVar[str] = "kms_key"
    KEY: ClassVar[str] = "arn"

    arn: str
    key_id: str
    backing_keys: tuple[BackingKey, ...]
    policy: str
    created_at: datetime
    manager: str = CUSTOMER
    state: str = ENABLED
    description: str = ""
    deletion_at: datetime | None = None
    rotation_period: int | None = None  # days; None: it is not rotated by itself
    rotation_at: datetime | None = None  # when it is rotated next by itself
    tags: tuple[Tag, ...] = ()


class Alias(Record, frozen=True, kw_only=True):
    """Another name of a key, with its prefix ``alias/``."""

    KIND: ClassVar[str] = "kms_alias"
    KEY: ClassVar[str] = "name"
    INDEXES: ClassVar[tuple[str, ...]] = ("key_arn",)

    name: str
    arn: str
    key_arn: str
    created_at: datetime
    updated_at: datetime
