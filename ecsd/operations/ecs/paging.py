"""Pages of List operations: opaque tokens over a stable order.

Source: ecs_semantics 11.2. A token says after which key the next page begins, so that what is
made or deleted between two pages shifts nothing.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ecsd.errors import AwsError

T = TypeVar("T")


def page(
    items: Sequence[T],
    request: dict[str, Any],
    *,
    key: Callable[[T], str],
    limit: int = 100,
    maximum: int = 100,
) -> tuple[list[T], str | None]:
    """Return one page of sorted items, and the token of the next or None."""
    wanted = request.get("maxResults") or limit
    if not 1 <= wanted <= maximum:
        raise AwsError(
            "InvalidParameterException", f"maxResults must be between 1 and {maximum}, got {wanted}"
        )
    start = 0
    if request.get("nextToken"):
        after = _decode(request["nextToken"])
        keys = [key(one) for one in items]
        start = keys.index(after) + 1 if after in keys else _first_after(keys, after)
    chosen = list(items[start : start + wanted])
    more = start + wanted < len(items)
    return chosen, _encode(key(chosen[-1])) if more and chosen else None


def _first_after(keys: Sequence[str], after: str) -> int:
    return next((index for index, one in enumerate(keys) if one > after), len(keys))


def _encode(key: str) -> str:
    return base64.urlsafe_b64encode(f"after:{key}".encode()).decode()


def _decode(token: str) -> str:
    try:
        text = base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise AwsError("InvalidParameterException", "Invalid token, nextToken.") from error
    if not text.startswith("after:"):
        raise AwsError("InvalidParameterException", "Invalid token, nextToken.")
    return text.removeprefix("after:")
