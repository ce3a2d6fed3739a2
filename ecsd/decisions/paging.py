"""Pages of lists: a token says after which key the next page begins.

What is made or deleted between two pages shifts nothing.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
PREFIX = "after:"


def page(
    items: Sequence[T], size: int, token: str | None, key: Callable[[T], str]
) -> tuple[list[T], str | None] | None:
    """Return a page of items in the order of their keys, and the next page's token or None.

    None in place of both: the token is none of ours.
    """
    rest = sorted(items, key=key)
    if token:
        after = _decode(token)
        if after is None:
            return None
        rest = [one for one in rest if key(one) > after]
    chosen = rest[:size]
    return chosen, _encode(key(chosen[-1])) if len(rest) > size else None


def _encode(key: str) -> str:
    return base64.urlsafe_b64encode(f"{PREFIX}{key}".encode()).decode()


def _decode(token: str) -> str | None:
    try:
        text = base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError, ValueError):
        return None  # the caller refuses it in its own words
    return text.removeprefix(PREFIX) if text.startswith(PREFIX) else None
