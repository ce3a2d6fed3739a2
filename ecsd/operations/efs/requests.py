"""What requests to EFS have in common: refusals, pages, tags.

Source: Amazon EFS API Reference, 2015-02-01.
"""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ecsd.errors import AwsError
from ecsd.records.tag import Tag

Item = TypeVar("Item")
PAGE = 100
MOST_TAGS = 50


def bad_request(message: str) -> AwsError:
    """Return EFS's error for a wrong value."""
    return AwsError("BadRequest", message)


def page(
    request: Mapping[str, Any],
    items: Sequence[Item],
    key: Callable[[Item], str],
    names: tuple[str, str] = ("MaxItems", "Marker"),
) -> tuple[list[Item], str | None]:
    """Return one page, by key ascending, and what leads on. names: of size and token."""
    size, token = names
    ordered = sorted(items, key=key)
    if request.get(token):
        try:
            last = base64.b64decode(request[token], altchars=b"-_", validate=True).decode()
        except ValueError as error:
            raise bad_request(f"{token} is not one that was given out.") from error
        ordered = [one for one in ordered if key(one) > last]
    shown = ordered[: request.get(size) or PAGE]
    if len(shown) == len(ordered):
        return shown, None
    return shown, base64.urlsafe_b64encode(key(shown[-1]).encode()).decode()


def merged(known: Iterable[Tag], given: Iterable[Mapping[str, Any]] | None) -> tuple[Tag, ...]:
    """Return tags after setting the given ones, or refuse: reserved keys, too many."""
    tags = {one.key: one for one in known}
    for one in given or ():
        if one["Key"].lower().startswith("aws:"):
            raise bad_request(f"The tag key {one['Key']} begins with aws:, which is reserved.")
        tags[one["Key"]] = Tag(key=one["Key"], value=one.get("Value") or "")
    if len(tags) > MOST_TAGS:
        raise bad_request(f"A resource may have at most {MOST_TAGS} tags.")
    return tuple(tags.values())


def tag_list(tags: Iterable[Tag]) -> list[dict[str, str]]:
    """Return tags in EFS's shape."""
    return [{"Key": one.key, "Value": one.value} for one in tags]


def name_of(tags: Iterable[Tag]) -> str | None:
    """Return what is shown as the name: the tag ``Name``."""
    return next((one.value for one in tags if one.key == "Name"), None)
