"""Filters of EC2's Describe operations, on what the operation is about to show.

A table says for each filter name where its value stands in the described document, as a path of
members; lists on the way are searched in full. What can be filtered is therefore what is shown.
Source: Amazon EC2 User Guide, filtering resources (values are alternatives, filters all hold,
``*`` and ``?`` are wildcards, a backslash takes their meaning away, case matters).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

Filter = Mapping[str, Any]
Paths = Mapping[str, str]

MAX_VALUES = 200  # in all filters of one request


def unknown_filter(filters: Sequence[Filter], paths: Paths) -> str | None:
    """Return the first filter name that the table doesn't know, or None."""
    for one in filters:
        name = str(one.get("Name") or "null")
        if name not in paths and name != "tag-key" and not name.startswith("tag:"):
            return name
    return None


def matches(document: Mapping[str, Any], filters: Sequence[Filter], paths: Paths) -> bool:
    """Say whether a described document passes every filter."""
    return all(_passes(document, one, paths) for one in filters)


def _passes(document: Mapping[str, Any], one: Filter, paths: Paths) -> bool:
    name = str(one["Name"])
    values = list(_values(document, name, paths))
    return any(
        _pattern(str(wanted)).fullmatch(value) is not None
        for wanted in one.get("Values") or ()
        for value in values
    )


def _values(document: Mapping[str, Any], name: str, paths: Paths) -> Iterator[str]:
    path = paths.get(name)
    if path is not None:
        yield from _walk(document, path.split("."))
        return
    tags = document.get("Tags") or document.get("TagSet") or ()
    for tag in tags:
        if name == "tag-key":
            yield tag["Key"]
        elif tag["Key"] == name.removeprefix("tag:"):
            yield tag["Value"]


def _walk(value: object, path: Sequence[str]) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for element in value:
            yield from _walk(element, path)
    elif isinstance(value, bool):
        yield str(value).lower()
    elif isinstance(value, Mapping):
        if path:
            yield from _walk(value.get(path[0]), path[1:])
    elif value is not None:
        yield str(value)


@lru_cache(maxsize=1024)
def _pattern(wanted: str) -> re.Pattern[str]:
    parts = re.findall(r"\\.|.", wanted, re.DOTALL)
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(part) or re.escape(part[-1]) for part in parts), re.DOTALL)
