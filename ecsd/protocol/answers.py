"""What writers of every protocol share: the check that an answer fits its model."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NoReturn

from ecsd.protocol.constraints import FLOATS, INTEGER_BITS


class AnswerError(Exception):
    """An operation answered what its model does not have: a bug of ours, never the client's."""


Check = Callable[[Any], None]


def scalar_check(kind: str, where: str) -> Check:
    """Return the check that a value has the scalar type. ``where`` names it in the error."""
    wanted: tuple[type, ...] = (str,)
    if kind in INTEGER_BITS:
        wanted = (int,)
    elif kind in FLOATS:
        wanted = (float, int)
    elif kind == "boolean":
        wanted = (bool,)
    elif kind == "timestamp":
        wanted = (datetime,)
    elif kind == "blob":
        wanted = (bytes,)
    number = kind in INTEGER_BITS or kind in FLOATS

    def check(value: Any) -> None:
        if not isinstance(value, wanted) or (number and isinstance(value, bool)):
            wrong(where, kind, value)

    return check


def usual_type(kind: str) -> type | None:
    """Return a type whose own values (not those of its children) need no further check."""
    if kind in INTEGER_BITS:
        return int
    return {"string": str, "boolean": bool}.get(kind)


def wrong(where: str, kind: str, value: Any) -> NoReturn:
    """Raise AnswerError for a value of another type."""
    raise AnswerError(f"{where} must be a {kind}, got {type(value).__name__}")


def unknown(where: str, name: str) -> NoReturn:
    """Raise AnswerError for a member that the model does not have."""
    raise AnswerError(f"{where} has no member {name!r}")


def check_required(where: str, required: tuple[str, ...], value: Mapping[str, Any]) -> None:
    """Raise AnswerError unless every required member is there."""
    for name in required:
        if value.get(name) is None:
            raise AnswerError(f"{where} lacks its member {name!r}")
