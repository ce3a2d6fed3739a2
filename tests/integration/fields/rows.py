"""What is said of a field of a task definition, and how that is shown: one row a field.

A field is named by its path in the API's own model, such as
``containerDefinitions[].linuxParameters.tmpfs[].size``. The tests prove the rows;
``tools/compatibility_report.py`` writes them into docs/compatibility.md.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class Effective(NamedTuple):
    """A field whose effect is seen in a real container of a scene (see scenes)."""

    path: str
    effect: str  # in words, for the page
    scene: str
    look: Callable[[Any], Any]  # of stage.There
    equals: Any  # a value, or a question asked of it


class Elsewhere(NamedTuple):
    """A field whose effect another test shows: ``integration/test_service.py::test_…``."""

    path: str
    effect: str
    test: str


class Refused(NamedTuple):
    """Fields that are refused. given: what makes the smallest definition have them.

    operation: RegisterTaskDefinition refuses them itself; RunTask refuses what was registered, or
    overrides. words: how the message begins; it names what is refused, or what is not there.
    """

    paths: tuple[str, ...]
    given: dict[str, Any]
    words: str
    operation: str = "RegisterTaskDefinition"
    code: str = "ClientException"


class NotApplicable(NamedTuple):
    """Fields that are kept and shown, and that have nothing to act on. why: for the page."""

    paths: tuple[str, ...]
    given: dict[str, Any]
    why: str


Row = Effective | Elsewhere | Refused | NotApplicable


def each(*names: str, **members: Any) -> list[Effective]:
    """Return a row for each of some fields that are seen together."""
    return [Effective(name, **members) for name in names]


def paths(row: Row) -> tuple[str, ...]:
    """Return the fields that a row is about."""
    return (row.path,) if isinstance(row, Effective | Elsewhere) else row.paths


def values(given: Any, path: str) -> Iterator[Any]:
    """Yield what a request has at a path."""
    name, _, rest = path.partition(".")
    value = (given or {}).get(name.removesuffix("[]"))
    if value is None:
        return
    for one in value if name.endswith("[]") else [value]:
        if rest:
            yield from values(one, rest)
        else:
            yield one


def as_expected(equals: Any, seen: Any) -> bool:
    """Tell whether what was seen is what a row says."""
    return bool(equals(seen)) if callable(equals) else equals == seen
