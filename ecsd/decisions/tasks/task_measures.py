"""What is measured of a task, as the metadata endpoint's clients read it.

Source: Amazon ECS Developer Guide, task metadata version 4 (stats, Fargate's fields); Docker Engine
API, container stats; proc_net(5), /proc/net/dev.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

MIB = 1 << 20
GIB_IN_MIB = 1024
DEFAULT_STORAGE = 20  # GiB, Fargate's
LOOPBACK = "lo"
FIELDS = ("bytes", "packets", "errors", "dropped")  # of a line, in each direction
SENT = 8  # the column at which the other direction begins

Counts = Mapping[str, Mapping[str, int]]  # interface → rx_bytes, …, tx_dropped


class Footprint(NamedTuple):
    """A container on disk, bytes: what it wrote, and its image with that."""

    image: str
    written: int
    whole: int


def interface_counts(table: str) -> dict[str, dict[str, int]]:
    """Return what each interface of a namespace has carried; not the loopback. table: net/dev."""
    found = {}
    for line in table.splitlines():
        name, colon, rest = line.partition(":")
        columns = rest.split()
        if not colon or name.strip() == LOOPBACK or not columns or not columns[0].isdigit():
            continue
        numbers = {f"rx_{field}": int(columns[at]) for at, field in enumerate(FIELDS)}
        numbers |= {f"tx_{field}": int(columns[SENT + at]) for at, field in enumerate(FIELDS)}
        found[name.strip()] = numbers
    return found


def with_network(
    stats: Mapping[str, Any], before: Counts, after: Counts, seconds: float, *, rates: bool
) -> dict[str, Any]:
    """Return a container's stats with its task's network: counters, and what they grew a second.

    rates: version 4 has them. Nothing is added where nothing was measured.
    """
    if not after:
        return dict(stats)
    document = {**stats, "networks": {name: dict(one) for name, one in after.items()}}
    if rates and seconds > 0:
        document["network_rate_stats"] = {
            f"{way}_bytes_per_sec": max(0, _total(after, way) - _total(before, way)) / seconds
            for way in ("rx", "tx")
        }
    return document


def storage_metrics(
    footprints: Iterable[Footprint], volumes: int, reserved: int | None
) -> dict[str, int]:
    """Return EphemeralStorageMetrics, in MiB: an image counts once. reserved: GiB."""
    images: dict[str, int] = {}
    written = volumes
    for one in footprints:
        written += one.written
        images[one.image] = max(images.get(one.image, 0), one.whole - one.written)
    return {
        "Utilized": (written + sum(images.values())) // MIB,
        "Reserved": (reserved or DEFAULT_STORAGE) * GIB_IN_MIB,
    }


def clock_drift(*, synchronized: bool, bound: float, at: datetime) -> dict[str, Any]:
    """Return ClockDrift; a clock that nobody keeps right has no bound. bound: ms."""
    if not synchronized:
        return {"ClockSynchronizationStatus": "NOT_SYNCHRONIZED"}
    return {
        "ClockErrorBound": bound,
        "ReferenceTimestamp": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "ClockSynchronizationStatus": "SYNCHRONIZED",
    }


def _total(counts: Counts, way: str) -> int:
    return sum(one[f"{way}_bytes"] for one in counts.values())
