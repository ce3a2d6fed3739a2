"""What requests to KMS have in common."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ecsd.decisions import paging
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.records.kms.key import AWS, Key
from ecsd.store.finders.kms import require_named_key
from ecsd.store.kms_keys import Workshop
from ecsd.store.store import View

T = TypeVar("T")


def workshop(call: Call) -> Workshop:
    """Return what work with keys needs."""
    return Workshop(call.authority.seal, call.ids, call.clock.now())


def unsupported(member: str) -> AwsError:
    """Return the error for what ecsd cannot do."""
    return AwsError("UnsupportedOperationException", f"{member} is not supported by ecsd yet")


def refuse(request: dict[str, Any], *members: str) -> None:
    """Refuse members that would have no effect."""
    for member in members:
        if request.get(member):
            raise unsupported(member)


def customer_key(call: Call, view: View, reference: str, operation: str) -> Key:
    """Return a key that its owner may change, or refuse: AWS managed keys let nobody do that."""
    key = require_named_key(view, reference)
    if key.manager == AWS:
        action = f"kms:{operation}"
        raise AwsError(
            "AccessDeniedException",
            f"User: {call.caller.arn} is not authorized to perform: {action} on resource: "
            f"{key.arn} because no resource-based policy allows the {action} action",
        )
    return key


def page(
    items: Sequence[T], request: dict[str, Any], key: Callable[[T], str], limit: int
) -> tuple[list[T], dict[str, Any]]:
    """Return one page and its members ``NextMarker`` and ``Truncated``."""
    found = paging.page(items, request.get("Limit") or limit, request.get("Marker"), key)
    if found is None:
        raise AwsError("InvalidMarkerException", "The marker is not valid.")
    chosen, marker = found
    return chosen, {"NextMarker": marker, "Truncated": marker is not None}
