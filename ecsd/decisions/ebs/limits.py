"""What volumes of EBS may be: sizes and speeds by type.

Source: Amazon EC2 API Reference, CreateVolume; Amazon EBS User Guide, volume types.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Type(NamedTuple):
    """A volume type: GiB, IOPS, IOPS for each GiB, MiB/s. default: of what is not given."""

    sizes: tuple[int, int]
    iops: tuple[int, int] | None = None
    iops_per_gib: int = 0
    throughput: tuple[int, int] | None = None
    default_iops: int | None = None  # None: it has to be given, where the type has any
    default_throughput: int | None = None


TYPES = {
    "gp2": Type((1, 16_384)),
    "gp3": Type((1, 65_536), (3000, 80_000), 500, (125, 2000), 3000, 125),
    "io1": Type((4, 16_384), (100, 64_000), 50),
    "io2": Type((4, 65_536), (100, 256_000), 1000),
    "st1": Type((125, 16_384)),
    "sc1": Type((125, 16_384)),
    "standard": Type((1, 1024)),
}
INITIALIZATION_RATES = (100, 300)  # MiB/s
LEAST_GP2_IOPS, MOST_GP2_IOPS, GP2_IOPS_PER_GIB = 100, 16_000, 3


class Wanted(NamedTuple):
    """A volume as it is asked for; None: not given."""

    volume_type: str
    size: int
    iops: int | None = None
    throughput: int | None = None


def faults(wanted: Wanted) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with it: member (size, iops, throughput, type), then words."""
    kind = TYPES.get(wanted.volume_type)
    if kind is None:
        yield "type", f"'{wanted.volume_type}' is no volume type: {', '.join(TYPES)}"
        return
    if not _within(wanted.size, kind.sizes):
        yield "size", _limits("the size", wanted.size, kind.sizes, wanted.volume_type, "GiB")
    yield from (("iops", words) for words in _iops(wanted, kind))
    if wanted.throughput is None:
        return
    if kind.throughput is None:
        yield "throughput", f"the volume type {wanted.volume_type} takes no throughput"
    elif not _within(wanted.throughput, kind.throughput):
        what = ("throughput", wanted.throughput, kind.throughput, wanted.volume_type, "MiB/s")
        yield "throughput", _limits(*what)


def _iops(wanted: Wanted, kind: Type) -> Iterator[str]:
    if wanted.iops is None:
        if kind.iops is not None and kind.default_iops is None:
            yield f"the volume type {wanted.volume_type} needs iops"
    elif kind.iops is None:
        yield f"the volume type {wanted.volume_type} takes no iops"
    elif not _within(wanted.iops, kind.iops):
        yield _limits("iops", wanted.iops, kind.iops, wanted.volume_type)
    elif wanted.iops > max(kind.iops_per_gib * wanted.size, kind.default_iops or 0):
        yield f"at most {kind.iops_per_gib} iops for each GiB of {wanted.volume_type}"


def provisioned(wanted: Wanted) -> Wanted:
    """Return it with what its type gives it, as DescribeVolumes shows it."""
    kind = TYPES[wanted.volume_type]
    iops = wanted.iops if wanted.iops is not None else kind.default_iops
    if wanted.volume_type == "gp2":
        iops = min(MOST_GP2_IOPS, max(LEAST_GP2_IOPS, GP2_IOPS_PER_GIB * wanted.size))
    throughput = wanted.throughput or kind.default_throughput
    return wanted._replace(iops=iops, throughput=throughput)


def _within(number: int, limits: tuple[int, int]) -> bool:
    return limits[0] <= number <= limits[1]


def _limits(what: str, number: int, limits: tuple[int, int], kind: str, unit: str = "") -> str:
    span = f"{limits[0]} to {limits[1]}{f' {unit}' if unit else ''}"
    return f"{what} of the volume type {kind} is {span}, got {number}"
