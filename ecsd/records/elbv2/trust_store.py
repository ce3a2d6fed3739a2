"""Trust stores: whom clients' certificates are checked by. Source: ELBv2 API 2015-12-01."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record
from ecsd.records.tag import Tag


class TrustStore(Record, frozen=True, kw_only=True):
    """Certificates of authorities, taken out of S3 once and kept: the object may go."""

    KIND: ClassVar[str] = "trust_store"
    KEY: ClassVar[str] = "trust_store_arn"
    INDEXES: ClassVar[tuple[str, ...]] = ("name",)

    trust_store_arn: str
    name: str
    created_at: datetime
    authorities: str  # PEM, written anew from what was read
    number: int  # of the certificates in it
    last_revocation: int = 0  # the last id that was given to a revocation list
    tags: tuple[Tag, ...] = ()


class TrustStoreRevocation(Record, frozen=True, kw_only=True):
    """A list of certificates that a trust store's authorities have revoked."""

    KIND: ClassVar[str] = "trust_store_revocation"
    KEY: ClassVar[str] = "place"
    INDEXES: ClassVar[tuple[str, ...]] = ("trust_store_arn",)

    place: str  # <trust store ARN>/<id>
    trust_store_arn: str
    revocation_id: int
    content: str  # PEM, written anew from what was read
    entries: int
    added_at: datetime
