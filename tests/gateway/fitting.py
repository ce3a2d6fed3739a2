"""The smallest request that fits an operation's model: required members, patterns and limits."""

import re
from datetime import UTC, datetime

TEXTS = (
    "web",
    "Active",
    "000000000000",
    "12345678901234567890",
    "arn:aws:iam::000000000000:role/web-role",
    "arn:aws:acm:us-east-1:000000000000:certificate/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f",
    "arn:aws:logs:us-east-1:000000000000:log-group:web",
    "arn:aws:servicediscovery:us-east-1:000000000000:service/srv-1",
    "ns-1234567890abcdef",
    "Z0123456789ABC",
    "fs-0123456789abcdef0",
    "fsap-0123456789abcdef0",
    "fsmt-0123456789abcdef0",
    "subnet-0123456789abcdef0",
    "us-east-1",
    "example.com",
    "https://example.com/x",
    "/web/",
    "v1",
    "a" * 40,
    f"sha256:{'0' * 64}",
    "0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f",
    "0123456789" * 10,
    "{}",
    "1",
)


def request_for(shape):
    """Return members that fit a structure; none where an operation takes nothing."""
    return {} if shape is None else _structure(shape)


def _structure(shape, members=()):
    return {name: _value(shape.members[name]) for name in members or shape.required_members}


def _value(shape):
    match shape.type_name:
        case "structure":
            return _structure(shape) or _structure(shape, [*shape.members][:1])
        case "list":
            return [_value(shape.member)] * max(1, shape.metadata.get("min", 0))
        case "map":
            return {_value(shape.key): _value(shape.value)}
        case "string" | "character":
            return _text(shape)
        case "blob":
            return b"web-web"
        case "boolean":
            return True
        case "timestamp":
            return datetime(2026, 1, 1, tzinfo=UTC)
        case _:
            return max(1, int(shape.metadata.get("min", 1)))


def _text(shape):
    if shape.enum:
        return shape.enum[0]
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 10_000)
    for text in TEXTS:
        fits = least <= len(text) <= most
        if fits and re.search(f"^(?:{_pattern(shape)})$", text):
            return text
    raise AssertionError(f"no text fits {shape.name}: {shape.metadata}")


def _pattern(shape):
    """Return the pattern as Python writes it: Java's classes of characters spelled out."""
    pattern = shape.metadata.get("pattern", ".*")
    for java, python in ((r"\p{L}", "a-zA-Z"), (r"\p{Z}", " "), (r"\p{N}", "0-9")):
        pattern = pattern.replace(java, python)
    try:
        re.compile(pattern)
    except re.error:
        return ".*"
    return pattern
