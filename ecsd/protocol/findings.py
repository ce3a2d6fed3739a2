"""What is wrong with a request, member by member; ``refusals`` puts it into a service's words."""

from typing import Literal

import msgspec

Kind = Literal["missing", "type", "enum", "range", "length", "pattern", "unknown"]


class Finding(msgspec.Struct, frozen=True):
    """One member that does not fit the model.

    Attributes:
        kind: which rule it breaks.
        path: member names and one-based list positions from the top.
        text: the rule, such as ``Member must have length less than or equal to 255``; for
            ``type`` what was found and what was wanted.
        value: what was sent, in short; None where nothing was.
    """

    kind: Kind
    path: tuple[str | int, ...]
    text: str
    value: str | None = None


class InvalidMemberError(Exception):
    """One or more members do not fit; the readers add the path on the way up."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__(findings)
        self.findings = findings

    def below(self, step: str | int) -> list[Finding]:
        """Return the findings as seen from the parent."""
        return [
            Finding(found.kind, (step, *found.path), found.text, found.value)
            for found in self.findings
        ]


class MalformedBodyError(Exception):
    """The body is not what its protocol says: not JSON, not XML, not UTF-8."""


SHOWN = 64  # characters of a refused value that an error repeats


def refused(kind: Kind, text: str, value: object = None) -> InvalidMemberError:
    """Return the exception of one finding at the present member."""
    shown = None if value is None else f"{value}"[:SHOWN]
    return InvalidMemberError([Finding(kind, (), text, shown)])


def wrong_type(found: object, wanted: str) -> InvalidMemberError:
    """Return the exception of a value of another type, in the words of AWS's JSON services."""
    return refused("type", f"{type_name(found)} cannot be converted to {wanted}")


def type_name(found: object) -> str:
    """Return what AWS calls the type of a decoded value."""
    match found:
        case bool():
            return "TRUE_VALUE" if found else "FALSE_VALUE"
        case str():
            return "STRING_VALUE"
        case int() | float():
            return "NUMBER_VALUE"
        case list():
            return "START_ARRAY"
        case dict():
            return "START_OBJECT"
        case None:
            return "NULL_VALUE"
        case _:
            return type(found).__name__


def unknown_member(wire: object) -> list[Finding]:
    """Return the finding of a member that the model does not have."""
    return refused("unknown", "not in the model").below(f"{wire}"[:128])
