"""Buckets. Source: Amazon S3 API 2006-03-01, CreateBucket and the buckets' sub-resources."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Part, Record
from ecsd.records.tag import Tag


class PublicAccessBlock(Part, frozen=True, kw_only=True):
    """What is kept from making a bucket public."""

    block_public_acls: bool = False
    ignore_public_acls: bool = False
    block_public_policy: bool = False
    restrict_public_buckets: bool = False


class LifecycleRule(Part, frozen=True, kw_only=True):
    """What expires when. Days count from midnight UTC after the day that they are added to.

    written_prefix: the prefix was given beside the filter, as old clients do: told so again.
    """

    rule_id: str
    enabled: bool
    prefix: str = ""
    written_prefix: bool = False
    filtered: bool = True  # a Filter was given
    joined: bool = False  # the filter's members were given inside And
    tags: tuple[Tag, ...] = ()
    greater_than: int | None = None  # bytes
    less_than: int | None = None  # bytes
    expiration_days: int | None = None
    expiration_date: datetime | None = None
    expired_delete_marker: bool = False
    noncurrent_days: int | None = None
    newer_noncurrent: int | None = None  # noncurrent versions that stay whatever their age
    abort_days: int | None = None  # after which unfinished uploads go


class Bucket(Record, frozen=True, kw_only=True):
    """A bucket, in the global scope of the account that owns it; its name is nobody else's."""

    KIND: ClassVar[str] = "s3_bucket"
    KEY: ClassVar[str] = "name"

    name: str
    region: str
    created_at: datetime
    tags: tuple[Tag, ...] = ()
    versioning: str | None = None  # Enabled, Suspended; None: never asked for
    policy: str | None = None  # JSON, as given
    public_access_block: PublicAccessBlock | None = None
    object_ownership: str | None = None
    bucket_key: bool = False  # told again; it has no effect without KMS
    lifecycle: tuple[LifecycleRule, ...] = ()
    lifecycle_minimum_size: str = "all_storage_classes_128K"  # of transitions: there are none
    lifecycle_next: datetime | None = None  # when its objects are looked at again

    @property
    def arn(self) -> str:
        """The bucket's ARN."""
        return f"arn:aws:s3:::{self.name}"
