"""What Cloud Map has done: GetOperation and ListOperations, and how each change is noted.

A change and its operation are one transaction: an operation is SUCCESS as soon as it is known, and
stays known through a crash. Source: AWS Cloud Map API Reference, Operation.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.servicediscovery.requests import (
    BETWEEN,
    EQUAL,
    IN,
    condition,
    invalid,
    page,
    test_of,
)
from ecsd.records.servicediscovery.operation import DiscoveryOperation
from ecsd.store.discovery_operations import discovery_operation
from ecsd.store.store import Transaction

SHORT = {"SUCCEED": "SUCCESS"}  # OperationFilter's own word for it


def note(
    call: Call,
    change: Transaction,
    kind: str,
    targets: dict[str, str],
    namespace_id: str | None,
    fault: tuple[str, str] | None = None,
) -> str:
    """Store how a change went; return the operation's id. fault: ErrorCode and ErrorMessage."""
    now = call.clock.now()
    one = discovery_operation(call.ids, now, kind, targets, namespace_id, fault)
    change.put(one)
    return one.operation_id


@operation("servicediscovery", "GetOperation")
async def get_operation(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Tell how a change went."""
    owner = request.get("OwnerAccount") or call.scope.account
    one = call.view.get(DiscoveryOperation, request["OperationId"])
    if one is None or owner != call.scope.account:
        raise AwsError(
            "OperationNotFound", f"Failed to find operation with ID {request['OperationId']}."
        )
    return {
        "Operation": {
            "Id": one.operation_id,
            "OwnerAccount": call.scope.account,
            "Type": one.type,
            "Status": one.status,
            "ErrorCode": one.error_code,
            "ErrorMessage": one.error_message,
            "CreateDate": one.created_at,
            "UpdateDate": one.created_at,
            "Targets": one.targets,
        }
    }


@operation("servicediscovery", "ListOperations")
async def list_operations(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List changes that pass every filter."""
    filters = [_filter(given) for given in request.get("Filters") or ()]
    known = call.view.select(DiscoveryOperation)
    found = [one for one in known if all(keep(one) for keep in filters)]
    shown, token = page(request, found, key=lambda one: one.operation_id)
    listed = [{"Id": one.operation_id, "Status": one.status} for one in shown]
    return {"Operations": listed, "NextToken": token}


def _filter(given: dict[str, Any]) -> Callable[[DiscoveryOperation], bool]:
    match given["Name"]:
        case "NAMESPACE_ID":
            passes = test_of(given, (EQUAL,))
            return lambda one: passes(one.namespace_id)
        case "SERVICE_ID":
            passes = test_of(given, (EQUAL,))
            return lambda one: passes(one.targets.get("SERVICE"))
        case "STATUS":
            values = [SHORT.get(value, value) for value in given["Values"]]
            passes = test_of(given | {"Values": values}, (EQUAL, IN))
            return lambda one: passes(one.status)
        case "TYPE":
            passes = test_of(given, (EQUAL, IN))
            return lambda one: passes(one.type)
        case _:
            condition({"Condition": BETWEEN, **given}, (BETWEEN,))
            first, last = (_moment(value) for value in given["Values"])
            return lambda one: first <= one.created_at <= last


def _moment(value: str) -> datetime:
    try:
        return datetime.fromtimestamp(float(value), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise invalid(f"Filters: UPDATE_DATE: {value} is no Unix time.") from error
