"""Tags in ECS's shape: checked on the way in, listed on the way out.

Source: Amazon ECS API Reference, data type Tag; ecs_semantics 2.1.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ecsd.errors import AwsError
from ecsd.records.tag import Tag

MOST = 50


def parse(tags: Iterable[Mapping[str, Any]] | None) -> tuple[Tag, ...]:
    """Return tags, or refuse: limits, duplicates, the reserved prefix."""
    parsed = tuple(Tag(key=one.get("key", ""), value=one.get("value", "")) for one in tags or ())
    for tag in parsed:
        if not tag.key:
            raise AwsError("InvalidParameterException", "tags: a tag needs a key.")
        if tag.key.lower().startswith("aws:"):
            raise AwsError(
                "InvalidParameterException",
                f"tags: the key {tag.key} begins with aws:, which is reserved.",
            )
    if len({tag.key for tag in parsed}) < len(parsed):
        raise AwsError("InvalidParameterException", "tags: Duplicate tag keys are not allowed.")
    if len(parsed) > MOST:
        raise AwsError(
            "InvalidParameterException", f"tags: a resource may have at most {MOST} tags."
        )
    return parsed


def merge(known: tuple[Tag, ...], added: tuple[Tag, ...]) -> tuple[Tag, ...]:
    """Return the tags after TagResource."""
    values = {tag.key: tag for tag in known} | {tag.key: tag for tag in added}
    if len(values) > MOST:
        raise AwsError(
            "InvalidParameterException", f"tags: a resource may have at most {MOST} tags."
        )
    return tuple(values.values())


def show(tags: Iterable[Tag]) -> list[dict[str, str]]:
    """Return tags as answers list them."""
    return [{"key": tag.key, "value": tag.value} for tag in tags]
