"""Hosted zones of Route 53. Source: Amazon Route 53 API 2013-04-01, data type HostedZone."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Part, Record
from ecsd.records.tag import Tag


class ZoneVpc(Part, frozen=True, kw_only=True):
    """A VPC that asks a private zone."""

    vpc_id: str
    region: str


class HostedZone(Record, frozen=True, kw_only=True):
    """A domain and its records: private (of its VPCs) or public. Kept in the account's own scope.

    linked_arn: the Cloud Map namespace that it belongs to; such a zone is shown, never stored.
    """

    KIND: ClassVar[str] = "hosted_zone"
    KEY: ClassVar[str] = "zone_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("name", "caller_reference", "vpc_ids")

    zone_id: str
    name: str  # lower case, with its final dot: see decisions/dns/domain_name.py
    caller_reference: str
    comment: str | None = None
    private: bool = False
    vpcs: tuple[ZoneVpc, ...] = ()
    linked_arn: str | None = None
    created_at: datetime
    tags: tuple[Tag, ...] = ()

    @property
    def vpc_ids(self) -> tuple[str, ...]:
        """The VPCs that ask it."""
        return tuple(one.vpc_id for one in self.vpcs)
