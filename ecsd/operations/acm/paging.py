"""Pages of List operations: MaxItems 1 to 1000 (the model's), NextToken."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ecsd.operations.acm.refusal import invalid

T = TypeVar("T")
MOST = 1000


def page(
    items: Sequence[T], request: dict[str, Any], key: Callable[[T], str]
) -> tuple[list[T], str | None]:
    """Return one page of the items as they are ordered, and the next page's token or None."""
    size = request.get("MaxItems") or MOST
    start = _after(items, request.get("NextToken"), key)
    chosen = list(items[start : start + size])
    if start + size >= len(items):
        return chosen, None
    return chosen, base64.urlsafe_b64encode(key(chosen[-1]).encode()).decode()


def _after(items: Sequence[T], token: str | None, key: Callable[[T], str]) -> int:
    """Return where the page begins; what was deleted meanwhile ends the listing."""
    if not token:
        return 0
    try:
        last = base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise invalid("The NextToken is not valid.") from error
    keys = [key(one) for one in items]
    return keys.index(last) + 1 if last in keys else len(items)
