"""What requests to Cloud Map have in common: refusals, filters, paging.

Source: AWS Cloud Map API Reference, NamespaceFilter, ServiceFilter, OperationFilter.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ecsd.errors import AwsError

Item = TypeVar("Item")
PAGE = 100
EQUAL, IN, BETWEEN, BEGINS_WITH = "EQ", "IN", "BETWEEN", "BEGINS_WITH"


def invalid(message: str) -> AwsError:
    """Return Cloud Map's error for a wrong value."""
    return AwsError("InvalidInput", message)


def page(
    request: Mapping[str, Any], items: Sequence[Item], key: Callable[[Item], str]
) -> tuple[list[Item], str | None]:
    """Return one page, by key ascending, and the token that leads on."""
    ordered = sorted(items, key=key)
    token = request.get("NextToken")
    if token:
        try:
            last = base64.b64decode(token, altchars=b"-_", validate=True).decode()
        except ValueError as error:
            raise invalid("NextToken is not one that was given out.") from error
        ordered = [one for one in ordered if key(one) > last]
    size = request.get("MaxResults") or PAGE
    shown = ordered[:size]
    if len(shown) == len(ordered):
        return shown, None
    return shown, base64.urlsafe_b64encode(key(shown[-1]).encode()).decode()


def condition(given: Mapping[str, Any], allowed: Sequence[str]) -> str:
    """Return a filter's condition, or refuse one that the filter does not know."""
    chosen = given.get("Condition") or EQUAL
    if chosen not in allowed:
        raise invalid(f"Filters: {given['Name']} does not support the condition {chosen}.")
    number = {EQUAL: 1, BEGINS_WITH: 1, BETWEEN: 2}.get(chosen)
    if number is not None and len(given["Values"]) != number:
        raise invalid(f"Filters: {given['Name']} {chosen} needs {number} values.")
    return str(chosen)


def test_of(given: Mapping[str, Any], allowed: Sequence[str]) -> Callable[[str | None], bool]:
    """Return what tells whether a value passes a filter, or refuse the filter."""
    values = given["Values"]
    if condition(given, allowed) == BEGINS_WITH:
        return lambda value: value is not None and value.startswith(values[0])
    return lambda value: value in values


def is_own(given: Mapping[str, Any]) -> bool:
    """Tell whether a filter RESOURCE_OWNER lets through what this account made: all there is."""
    condition(given, (EQUAL,))
    if given["Values"][0] not in {"SELF", "OTHER_ACCOUNTS"}:
        raise invalid("Filters: RESOURCE_OWNER has to be SELF or OTHER_ACCOUNTS.")
    return bool(given["Values"][0] == "SELF")
