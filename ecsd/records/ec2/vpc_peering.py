"""VPC peering connections. Source: Amazon EC2 API Reference, VpcPeeringConnection."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record
from ecsd.records.tag import Tag


class VpcPeeringConnection(Record, frozen=True, kw_only=True):
    """A way between two VPCs.

    status: ``pending-acceptance``, ``active``, ``rejected``, ``deleted``, ``failed``; a pending one
    whose time is over is ``expired``.
    """

    KIND: ClassVar[str] = "vpc_peering_connection"
    KEY: ClassVar[str] = "vpc_peering_connection_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_ids", "status")

    vpc_peering_connection_id: str
    requester_vpc_id: str
    requester_cidr: str
    accepter_vpc_id: str
    accepter_cidr: str
    status: str
    expires_at: datetime  # unless it is accepted before
    ended_at: datetime | None = None
    tags: tuple[Tag, ...] = ()

    @property
    def vpc_ids(self) -> tuple[str, ...]:
        """Its two VPCs."""
        return self.requester_vpc_id, self.accepter_vpc_id
