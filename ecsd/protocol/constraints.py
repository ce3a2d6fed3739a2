"""The model's limits on a value: enumeration, range, length, pattern.

The sentences are those of AWS's own validation (``Member must have length …``).
"""

import re
from collections.abc import Callable
from typing import Any

from ecsd.protocol.findings import refused
from ecsd.protocol.table import Shape

Read = Callable[[Any], Any]
INTEGER_BITS = {"byte": 8, "short": 16, "integer": 32, "long": 64}
FLOATS = ("float", "double")
SHOWN_ENUM = 20  # an error lists at most so many values


def constrain(read: Read, shape: Shape) -> Read:
    """Return a reader that also refuses values beyond the shape's limits."""
    if shape.type in INTEGER_BITS or shape.type in FLOATS:
        return _in_range(read, *number_bounds(shape))
    if shape.enum:
        return _enumerated(read, shape.enum)
    if shape.minimum is not None or shape.maximum is not None:
        read = _in_length(read, *length_bounds(shape))
    if shape.pattern:
        read = _matching(read, shape.pattern)
    return read


def number_bounds(shape: Shape) -> tuple[float | None, float | None]:
    """Return the least and greatest value: the model's, within what the type can hold."""
    if shape.type in FLOATS:
        return shape.minimum, shape.maximum
    least, most = -(1 << INTEGER_BITS[shape.type] - 1), (1 << INTEGER_BITS[shape.type] - 1) - 1
    if shape.minimum is not None:
        least = max(least, int(shape.minimum))
    if shape.maximum is not None:
        most = min(most, int(shape.maximum))
    return least, most


def length_bounds(shape: Shape) -> tuple[int | None, int | None]:
    """Return the least and greatest length."""
    least, most = shape.minimum, shape.maximum
    return None if least is None else int(least), None if most is None else int(most)


def whole(pattern: str) -> str:
    """Return the pattern anchored at both ends."""
    return rf"\A(?:{pattern})\Z"


def _in_range(read: Read, least: float | None, most: float | None) -> Read:
    if least is None and most is None:
        return read

    def check(node: Any) -> Any:
        value = read(node)
        if least is not None and not value >= least:
            text = f"Member must have value greater than or equal to {least:.15g}"
            raise refused("range", text, value)
        if most is not None and not value <= most:
            text = f"Member must have value less than or equal to {most:.15g}"
            raise refused("range", text, value)
        return value

    return check


def _enumerated(read: Read, enum: tuple[str, ...]) -> Read:
    allowed = frozenset(enum)

    def check(node: Any) -> Any:
        value = read(node)
        if value not in allowed:
            more = ", ..." if len(enum) > SHOWN_ENUM else ""
            listed = f"[{', '.join(enum[:SHOWN_ENUM])}{more}]"
            raise refused("enum", f"Member must satisfy enum value set: {listed}", value)
        return value

    return check


def _in_length(read: Read, least: int | None, most: int | None) -> Read:
    low = least or 0

    def check(node: Any) -> Any:
        value = read(node)
        length = len(value)
        if length < low:
            text = f"Member must have length greater than or equal to {low}"
            raise refused("length", text, value)
        if most is not None and length > most:
            text = f"Member must have length less than or equal to {most}"
            raise refused("length", text, value)
        return value

    return check


def _matching(read: Read, pattern: str) -> Read:
    matches = re.compile(pattern).fullmatch

    def check(node: Any) -> Any:
        value = read(node)
        if matches(value) is None:
            text = f"Member must satisfy regular expression pattern: {pattern}"
            raise refused("pattern", text, value)
        return value

    return check
