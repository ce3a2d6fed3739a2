"""Pages of ECR's lists: maxResults 1 to 1000 (the model's), nextToken."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ecsd.operations.ecr.refusal import invalid

T = TypeVar("T")
PAGE = 100


def page(
    items: Sequence[T], request: dict[str, Any], key: Callable[[T], str]
) -> tuple[list[T], dict[str, Any]]:
    """Return one page in the order of keys, and the member ``nextToken`` where there is more."""
    ordered = sorted(items, key=key)
    after = _opened(request.get("nextToken"))
    rest = [one for one in ordered if key(one) > after]
    size = request.get("maxResults") or PAGE
    shown = rest[:size]
    if len(rest) <= size:
        return shown, {}
    return shown, {"nextToken": base64.urlsafe_b64encode(key(shown[-1]).encode()).decode()}


def _opened(token: str | None) -> str:
    if not token:
        return ""
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise invalid("nextToken", "it is not a token of this list") from error
