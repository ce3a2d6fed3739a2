"""What makes a container's port mappings wrong. Source: API Reference, PortMapping."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

PORT_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")
RANGE = re.compile(r"(\d+)-(\d+)")
LARGEST_PORT = 65535
MOST_RANGES = 100


def check_ports(container: Mapping[str, Any], task: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a container's port mappings."""
    mode = task.get("networkMode") or "bridge"
    mappings = container.get("portMappings") or ()
    where = f"Container '{container['name']}': "
    if mappings and mode == "none":
        yield "Port mappings are not supported when networkMode=none."
    for mapping in mappings:
        yield from _numbers(mapping, mode, where)
        if mapping.get("name") and not PORT_NAME.fullmatch(mapping["name"]):
            yield f"{where}invalid port mapping name {mapping['name']!r}."
        if mapping.get("containerPortRange"):
            yield from _range(mapping, mode, where)
    if sum(bool(one.get("containerPortRange")) for one in mappings) > MOST_RANGES:
        yield f"{where}at most {MOST_RANGES} port ranges are allowed."
    names = [one["name"] for one in mappings if one.get("name")]
    if len(set(names)) < len(names):
        yield f"{where}names of port mappings must be unique."
    yield from _overlaps(mappings, where)


def ports(mapping: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return first and last port of a mapping; None where it names none."""
    parts = RANGE.fullmatch(mapping.get("containerPortRange") or "")
    if parts:
        return int(parts[1]), int(parts[2])
    port = mapping.get("containerPort")
    return None if port is None else (port, port)


def _numbers(mapping: Mapping[str, Any], mode: str, where: str) -> Iterator[str]:
    inside, outside = mapping.get("containerPort"), mapping.get("hostPort")
    if inside is None and not mapping.get("containerPortRange"):
        yield f"{where}a port mapping needs containerPort."
        return
    for number, least in ((inside, 1), (outside, 0)):
        if number is not None and not least <= number <= LARGEST_PORT:
            yield f"{where}invalid port number {number}."
    if mode in {"awsvpc", "host"} and outside and inside != outside:
        yield (
            f"When networkMode={mode}, the host ports and container ports in port mappings "
            "must match."
        )


def _range(mapping: Mapping[str, Any], mode: str, where: str) -> Iterator[str]:
    given = mapping["containerPortRange"]
    if mapping.get("containerPort") is not None or mapping.get("hostPort"):
        yield f"{where}containerPortRange excludes containerPort and hostPort."
    if mode not in {"awsvpc", "bridge"}:
        yield f"{where}containerPortRange is not supported when networkMode={mode}."
    parts = RANGE.fullmatch(given)
    if parts is None or not 1 <= int(parts[1]) < int(parts[2]) <= LARGEST_PORT:
        yield f"{where}invalid containerPortRange {given!r}: FIRST-LAST within 1-{LARGEST_PORT}."


def _overlaps(mappings: Iterable[Mapping[str, Any]], where: str) -> Iterator[str]:
    taken = sorted(
        (mapping.get("protocol") or "tcp", *span)
        for mapping in mappings
        if (span := ports(mapping)) is not None
    )
    for before, after in pairwise(taken):
        if before[0] == after[0] and after[1] <= before[2]:
            yield f"{where}port {after[1]} is in more than one port mapping."
