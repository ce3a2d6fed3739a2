"""Namespaces of Cloud Map. Source: AWS Cloud Map API 2017-03-14, data type Namespace."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record
from ecsd.records.tag import Tag


class Namespace(Record, frozen=True, kw_only=True):
    """A naming scheme. type: DNS_PRIVATE (of one VPC), DNS_PUBLIC, HTTP (asked by API alone)."""

    KIND: ClassVar[str] = "discovery_namespace"
    KEY: ClassVar[str] = "namespace_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("name", "http_name", "vpc_id", "type")

    namespace_id: str
    arn: str
    name: str
    http_name: str  # by which DiscoverInstances finds it; differs where a name is used twice
    type: str
    vpc_id: str | None = None
    hosted_zone_id: str | None = None
    soa_ttl: int | None = None  # seconds that a name's absence may be remembered
    description: str | None = None
    creator_request_id: str | None = None
    operation_id: str  # that made it
    created_at: datetime
    tags: tuple[Tag, ...] = ()
