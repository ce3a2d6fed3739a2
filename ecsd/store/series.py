"""Metric series: fixed-width points by name and dimensions, rolled up with age.

Not documents: a point a minute for each of thousands of series would drown them.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Point(NamedTuple):
    """A statistic set over one period; ``timestamp`` is its beginning, in seconds since 1970."""

    timestamp: int
    sample_count: float
    total: float
    minimum: float
    maximum: float


class SeriesName(NamedTuple):
    """What identifies a series inside an account and region. Dimensions are sorted by name."""

    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]


class MetricSeries(Protocol):
    """Append points, read ranges. Every method may raise StoreError."""

    async def append(
        self, account: str, region: str, points: Sequence[tuple[SeriesName, Point]]
    ) -> None:
        """Keep points; a later one for the same period is merged into it."""
        ...

    async def read(
        self, account: str, region: str, name: SeriesName, start: int, end: int, period: int
    ) -> Sequence[Point]:
        """Return points of ``start <= timestamp < end`` rolled up to ``period`` seconds."""
        ...

    async def names(self, account: str, region: str, namespace: str) -> Sequence[SeriesName]:
        """Return the series of a namespace that still have points."""
        ...

    async def trim(self, before: int) -> None:
        """Forget points older than ``before`` (seconds since 1970)."""
        ...
