"""How a change in Cloud Map went, to be stored by the transaction that makes it.

Source: AWS Cloud Map API Reference, Operation.
"""

from datetime import datetime, timedelta

from ecsd.ids import IdSource
from ecsd.records.servicediscovery.operation import DiscoveryOperation

KEPT = timedelta(days=14)  # that an operation is told of


def discovery_operation(
    ids: IdSource,
    now: datetime,
    kind: str,
    targets: dict[str, str],
    namespace_id: str | None,
    fault: tuple[str, str] | None = None,
) -> DiscoveryOperation:
    """Return what tells how a change went. fault: ErrorCode and ErrorMessage."""
    code, message = fault or (None, None)
    return DiscoveryOperation(
        operation_id=ids.discovery_operation_id(),
        type=kind,
        status="SUCCESS" if fault is None else "FAIL",
        targets=targets,
        namespace_id=namespace_id,
        error_code=code,
        error_message=message,
        created_at=now,
        expires_at=now + KEPT,
    )
