"""A service's history: lines in AWS's words, the newest hundred kept.

Source: ecs_semantics 4.1 and 4.6.
"""

from datetime import datetime

from ecsd.ids import IdSource
from ecsd.records.ecs.service import ServiceEvent
from ecsd.store.store import Transaction, View

KEPT = 100


def append(
    change: Transaction, service_arn: str, message: str, ids: IdSource, now: datetime
) -> None:
    """Write a line; ``message`` is complete, with its ``(service NAME)``."""
    known = change.select(ServiceEvent, service_arn=service_arn)
    number = max((one.number for one in known), default=0) + 1
    event = ServiceEvent(
        event_id=ids.uuid(),
        service_arn=service_arn,
        created_at=now,
        number=number,
        message=message,
    )
    change.put(event)
    change.remove(*(one for one in known if one.number <= number - KEPT))


def newest_first(view: View, service_arn: str) -> list[ServiceEvent]:
    """Return a service's lines as DescribeServices shows them."""
    known = view.select(ServiceEvent, service_arn=service_arn)
    return sorted(known, key=lambda one: one.number, reverse=True)
