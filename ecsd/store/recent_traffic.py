"""What passed load balancers and services lately, as hosts have told it: in memory, a few periods.

A host tells a period again when it connects; the same period of the same resource is one.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from ecsd.records.observed import RECENT, Datapoint, TrafficObserved


class RecentTraffic:
    """Periods by host and resource; of each the newest ``RECENT``."""

    def __init__(self) -> None:
        self._newest = 0.0  # begin of the latest period that was heard of
        self._periods: dict[tuple[str, str], dict[float, TrafficObserved]] = {}

    def enter(self, host: str, seen: TrafficObserved) -> None:
        """Take a period in; what nothing was heard of for long is forgotten."""
        own = self._periods.setdefault((host, seen.resource_arn), {})
        own[seen.at.timestamp()] = seen
        for at in sorted(own)[:-RECENT]:
            del own[at]
        if seen.at.timestamp() > self._newest:
            self._newest = seen.at.timestamp()
            self._forget((seen.at - timedelta(seconds=seen.seconds * RECENT)).timestamp())

    def _forget(self, oldest: float) -> None:
        for key in [one for one, known in self._periods.items() if max(known) < oldest]:
            del self._periods[key]

    def periods(self) -> Iterator[TrafficObserved]:
        """Yield all periods; of a host's resource the oldest first."""
        for own in self._periods.values():
            yield from (own[at] for at in sorted(own))

    def shown(self) -> list[dict[str, Any]]:
        """Return all periods in CloudWatch's members, as PutMetricData takes them."""
        return [
            {
                "ResourceArn": one.resource_arn,
                "Namespace": one.namespace,
                "Timestamp": one.at,
                "Period": one.seconds,
                "RequestsCounted": one.counted,
                "MetricData": [_shown(point) for point in one.datapoints],
            }
            for one in self.periods()
        ]


def _shown(point: Datapoint) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "MetricName": point.metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in point.dimensions.items()],
        "Unit": point.unit,
        "StatisticValues": {
            "SampleCount": point.count,
            "Sum": point.sum,
            "Minimum": point.minimum,
            "Maximum": point.maximum,
        },
    }
    if point.values:
        shown |= {"Values": point.values, "Counts": point.counts}
    return shown
