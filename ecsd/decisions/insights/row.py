"""One row of a query: an event's own fields, those found in its message, those made since."""

from collections.abc import Iterator, Mapping

from ecsd.decisions.insights.values import Value
from ecsd.decisions.logs.filter_json import json_object
from ecsd.decisions.logs.pointer import pointer

POINTER = "@ptr"
MOST_FIELDS = 1000  # found in one message
DEEPEST = 32
BYTES_OF_ONE = 256  # of a message, that weigh as much as a row


class Row:
    """Looks up fields by name; the message is read as JSON when one is first asked for."""

    __slots__ = ("_found", "_message", "_place", "values")

    def __init__(
        self,
        values: dict[str, Value],
        message: str | None = None,
        place: tuple[str, int, int] | None = None,
    ) -> None:
        """Hold an event's own fields, its message, and where it stands: what ``@ptr`` is made of.

        Args:
            values: by name.
            message: what further fields are found in.
            place: storage, timestamp, place.
        """
        self.values = values
        self._message = message
        self._place = place
        self._found: Mapping[str, Value] | None = None

    @property
    def weight(self) -> int:
        """What it takes of the budget while it is kept."""
        return 1 + (len(self._message) // BYTES_OF_ONE if self._message else 0)

    def get(self, name: str) -> Value:
        """Return a field's value, or None."""
        if name in self.values:
            return self.values[name]
        if self._message is None:
            return None
        if name == POINTER and self._place is not None:
            return pointer(*self._place)
        if self._found is None:
            self._found = discovered(self._message)
        return self._found.get(name)

    def with_values(self, more: Mapping[str, Value]) -> "Row":
        """Return the row with further fields."""
        row = Row({**self.values, **more}, self._message, self._place)
        row._found = self._found
        return row


def discovered(message: str) -> dict[str, Value]:
    """Return the fields of a message that is JSON: names joined by dots, lists by number."""
    document = json_object(message)
    found: dict[str, Value] = {}
    if document is not None:
        for name, value in _leaves(document, "", 0):
            if len(found) >= MOST_FIELDS:
                break
            found[name] = value
    return found


def _leaves(value: object, name: str, depth: int) -> Iterator[tuple[str, Value]]:
    items: Iterator[tuple[str, object]]
    if isinstance(value, dict):
        items = iter(value.items())
    elif isinstance(value, list):
        items = ((str(number), one) for number, one in enumerate(value))
    else:
        if value is None or isinstance(value, str | int | float | bool):
            yield name, value
        return
    if depth < DEEPEST:
        for key, one in items:
            begin = f"@{key}" if not name and key.startswith("@") else key
            yield from _leaves(one, f"{name}.{key}" if name else begin, depth + 1)
