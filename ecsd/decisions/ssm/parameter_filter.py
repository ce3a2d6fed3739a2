"""Filters of DescribeParameters and GetParametersByPath.

Source: AWS Systems Manager API Reference, ParameterStringFilter, ParametersFilter.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ecsd.decisions.ssm.parameter_name import is_below
from ecsd.records.ssm.parameter import ParameterVersion
from ecsd.records.tag import Tag

OPTIONS: Mapping[str, tuple[str, ...]] = {  # key → options, the default first
    "Name": ("Equals", "BeginsWith", "Contains"),
    "Type": ("Equals", "BeginsWith"),
    "KeyId": ("Equals", "BeginsWith"),
    "Path": ("OneLevel", "Recursive"),
    "Tier": ("Equals",),
    "DataType": ("Equals",),
    "tag": ("Equals",),
    "Label": ("Equals", "BeginsWith"),
}
DESCRIBED = frozenset(OPTIONS) - {"Label"}
BY_PATH = frozenset({"Type", "KeyId", "Label"})


class Filter(NamedTuple):
    """One condition; any of its values will do. No values: the tag is there."""

    key: str
    option: str
    values: tuple[str, ...]


class FilterFault(NamedTuple):
    """Why a filter is refused: code and sentence."""

    code: str
    message: str


def parse_filters(
    given: Sequence[Mapping[str, Any]], allowed: frozenset[str]
) -> tuple[Filter, ...] | FilterFault:
    """Return the filters of a request, or what is wrong with one."""
    found = []
    for one in given:
        key = one["Key"]
        kind = "tag" if key.startswith("tag:") else key
        if kind not in allowed:
            return FilterFault("InvalidFilterKey", f"The filter key {key} is not valid here.")
        option = one.get("Option") or OPTIONS[kind][0]
        if option not in OPTIONS[kind]:
            return FilterFault(
                "InvalidFilterOption",
                f"The following filter option is not valid for {key}: {option}. "
                f"Valid options: {', '.join(OPTIONS[kind])}.",
            )
        values = tuple(one.get("Values") or ())
        if not values and kind != "tag":
            return FilterFault("InvalidFilterValue", f"The filter {key} needs values.")
        if key == "Path" and not all(value.startswith("/") for value in values):
            return FilterFault("InvalidFilterValue", "A path begins with a slash.")
        found.append(Filter(key, option, values))
    if len({one.key for one in found}) < len(found):
        return FilterFault("InvalidFilterKey", "The same filter key is given twice.")
    return tuple(found)


def fits(filters: Sequence[Filter], version: ParameterVersion, tags: Sequence[Tag]) -> bool:
    """Return whether a parameter meets all filters."""
    return all(_meets(one, version, tags) for one in filters)


def _meets(one: Filter, version: ParameterVersion, tags: Sequence[Tag]) -> bool:
    if one.key.startswith("tag:"):
        own = [tag.value for tag in tags if tag.key == one.key.removeprefix("tag:")]
        return bool(own) and (not one.values or own[0] in one.values)
    if one.key == "Path":
        recursive = one.option == "Recursive"
        return any(is_below(version.name, path, recursive=recursive) for path in one.values)
    return any(
        _compares(one.option, own, value) for own in _own(one.key, version) for value in one.values
    )


def _own(key: str, version: ParameterVersion) -> tuple[str, ...]:
    if key == "Label":
        return version.labels
    members = {
        "Name": version.name,
        "Type": version.type,
        "KeyId": version.key_id or "",
        "Tier": version.tier,
        "DataType": version.data_type,
    }
    return (members[key],)


def _compares(option: str, own: str, value: str) -> bool:
    if option == "BeginsWith":
        return own.startswith(value)
    return value in own if option == "Contains" else own == value
