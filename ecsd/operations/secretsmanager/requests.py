"""What requests to Secrets Manager have in common."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ecsd.decisions import paging
from ecsd.errors import AwsError

T = TypeVar("T")


def invalid(message: str) -> AwsError:
    """Return the error for a wrong parameter."""
    return AwsError("InvalidParameterException", message)


def impossible(message: str) -> AwsError:
    """Return the error for what the secret's state does not allow."""
    return AwsError("InvalidRequestException", message)


def refuse(request: dict[str, Any], *members: str) -> None:
    """Refuse members that would have no effect."""
    for member in members:
        if request.get(member):
            raise invalid(f"{member} is not supported by ecsd yet")


def page(
    items: Sequence[T], request: dict[str, Any], key: Callable[[T], str], limit: int
) -> tuple[list[T], str | None]:
    """Return one page of items, ordered by key, and the next page's token or None."""
    found = paging.page(items, request.get("MaxResults") or limit, request.get("NextToken"), key)
    if found is None:
        raise AwsError("InvalidNextTokenException", "The NextToken is not valid.")
    return found
