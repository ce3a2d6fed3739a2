"""Tags in EC2's shape: of a create request, of an answer, and their limits.

Source: Amazon EC2 User Guide, tag restrictions.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ecsd.errors import AwsError
from ecsd.operations.ec2.action import Request
from ecsd.records.tag import Tag

MAX_TAGS = 50
MAX_KEY = 128  # characters
MAX_VALUE = 256


def specified_tags(request: Request, resource_type: str) -> tuple[Tag, ...]:
    """Return the tags that a create request specifies for what it creates."""
    tags: dict[str, Tag] = {}
    for specification in request.get("TagSpecifications") or ():
        named = specification.get("ResourceType")
        if named != resource_type:
            raise AwsError(
                "InvalidParameterValue",
                f"'{named or 'null'}' is not a valid taggable resource type for this operation.",
            )
        for tag in parsed(specification.get("Tags") or ()):
            if tag.key in tags:
                raise AwsError("InvalidParameterValue", f"Duplicate tag key '{tag.key}' specified.")
            tags[tag.key] = tag
    check_count(len(tags))
    return tuple(tags.values())


def parsed(tags: Iterable[Mapping[str, Any]]) -> list[Tag]:
    """Return tags in AWS's shape as ours; a malformed one is refused."""
    result = []
    for tag in tags:
        key, value = tag.get("Key") or "", tag.get("Value") or ""
        if not key:
            raise AwsError("InvalidParameterValue", "Tag keys must have at least one character.")
        if key.startswith("aws:"):
            raise AwsError(
                "InvalidParameterValue",
                f"Tag keys starting with 'aws:' are reserved for internal use: '{key}'",
            )
        if len(key) > MAX_KEY:
            raise AwsError(
                "InvalidParameterValue",
                f"Tag key exceeds the maximum length of {MAX_KEY} characters",
            )
        if len(value) > MAX_VALUE:
            raise AwsError(
                "InvalidParameterValue",
                f"Tag value exceeds the maximum length of {MAX_VALUE} characters",
            )
        result.append(Tag(key=key, value=value))
    return result


def check_count(count: int) -> None:
    """Refuse more tags than a resource may have."""
    if count > MAX_TAGS:
        raise AwsError(
            "TagLimitExceeded", "The maximum number of Tags for a resource has been reached."
        )


def tag_set(tags: Iterable[Tag]) -> list[dict[str, str]]:
    """Return tags in AWS's shape."""
    return [{"Key": tag.key, "Value": tag.value} for tag in tags]
