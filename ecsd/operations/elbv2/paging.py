"""Pages of Describe operations. Source: Elastic Load Balancing API, PageSize 1 to 400, Marker."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ecsd.errors import AwsError

T = TypeVar("T")
MOST = 400


def page(
    items: Sequence[T], request: dict[str, Any], key: Callable[[T], str]
) -> tuple[list[T], str | None]:
    """Return one page of the items, ordered by ``key``, and the next page's marker or None."""
    size = request.get("PageSize") or MOST
    if not 1 <= size <= MOST:
        raise AwsError("ValidationError", f"PageSize must be between 1 and {MOST}, got {size}")
    marker = request.get("Marker")
    rest = sorted(items, key=key)
    if marker:
        after = _decode(marker)
        rest = [one for one in rest if key(one) > after]
    chosen = rest[:size]
    return chosen, _encode(key(chosen[-1])) if len(rest) > size else None


def _encode(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _decode(marker: str) -> str:
    try:
        return base64.b64decode(marker.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise AwsError("ValidationError", "Invalid marker") from error
