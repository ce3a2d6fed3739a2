"""An account's wishes for its certificates. Source: API Reference, PutAccountConfiguration."""

from typing import Any

from ecsd.operations.acm.refusal import invalid
from ecsd.operations.call import Call, operation
from ecsd.records.acm.account_configuration import AccountConfiguration
from ecsd.store.finders.acm import account_configuration

MOST_DAYS = 45


@operation("acm", "GetAccountConfiguration")
async def get_account_configuration(call: Call, _: dict[str, Any]) -> dict[str, Any]:
    """Tell from when on expiring certificates are told of."""
    held = account_configuration(call.view)
    return {"ExpiryEvents": {"DaysBeforeExpiry": held.days_before_expiry}}


@operation("acm", "PutAccountConfiguration")
async def put_account_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change it; the same request twice changes nothing."""
    days = (request.get("ExpiryEvents") or {}).get("DaysBeforeExpiry")
    async with call.transaction() as change:
        if days is not None:
            if not 1 <= days <= MOST_DAYS:
                raise invalid(f"DaysBeforeExpiry must be between 1 and {MOST_DAYS}, got {days}")
            change.put(AccountConfiguration(days_before_expiry=days))
    return {}
