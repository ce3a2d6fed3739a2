"""What the disk's share has cost: remembered for a day, so that ``ecsd doctor`` tells it."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record

SHED = "logs"  # there is one


class LogsShed(Record, frozen=True, kw_only=True):
    """Log events that went before their retention, because their disk share was full."""

    KIND: ClassVar[str] = "logs_shed"
    KEY: ClassVar[str] = "name"

    name: str = SHED
    freed_bytes: int  # on disk, since ``began_at``
    most_bytes: int  # the share
    began_at: datetime
    last_at: datetime
