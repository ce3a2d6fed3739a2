"""What was asked of a hosted zone. Source: Amazon Route 53 API 2013-04-01, ChangeInfo."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record

PENDING, INSYNC = "PENDING", "INSYNC"


class ZoneChange(Record, frozen=True, kw_only=True):
    """A change that GetChange tells of: PENDING until the hosts were told, then INSYNC."""

    KIND: ClassVar[str] = "zone_change"
    KEY: ClassVar[str] = "change_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("waiting_zone",)

    change_id: str
    zone_id: str
    status: str = PENDING
    comment: str | None = None
    submitted_at: datetime
    expires_at: datetime  # when it is forgotten

    @property
    def waiting_zone(self) -> str | None:
        """The zone, while the hosts have yet to be told."""
        return self.zone_id if self.status == PENDING else None
