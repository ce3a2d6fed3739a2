"""What requests to Parameter Store have in common."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ecsd.decisions import paging
from ecsd.errors import AwsError

T = TypeVar("T")


def invalid(message: str) -> AwsError:
    """Return the error for a request that is wrong in itself."""
    return AwsError("ValidationException", message)


def unsupported(member: str) -> AwsError:
    """Return the error for what ecsd cannot do."""
    return invalid(f"{member} is not supported by ecsd yet")


def page(
    items: Sequence[T], request: dict[str, Any], key: Callable[[T], str], limit: int
) -> tuple[list[T], str | None]:
    """Return one page of items, ordered by key, and the next page's token or None."""
    found = paging.page(items, request.get("MaxResults") or limit, request.get("NextToken"), key)
    if found is None:
        raise AwsError("InvalidNextToken", "The specified token is not valid.")
    return found
