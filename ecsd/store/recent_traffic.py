"""What passed load balancers lately, as hosts have told it: in memory, a few periods of each.

A host tells a period again when it connects; the same period of the same balancer is one.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from ecsd.records.observed import RECENT, Datapoint, TrafficObserved


class RecentTraffic:
    """Periods by balancer; of each the newest ``RECENT``."""

    def __init__(self) -> None:
        self._periods: dict[str, dict[float, TrafficObserved]] = {}

    def enter(self, seen: TrafficObserved) -> None:
        """Take a period in; balancers of which nothing was heard for long are forgotten."""
        own = self._periods.setdefault(seen.load_balancer_arn, {})
        own[seen.at.timestamp()] = seen
        for at in sorted(own)[:-RECENT]:
            del own[at]
        oldest = (seen.at - timedelta(seconds=seen.seconds * RECENT)).timestamp()
        for arn in [one for one, known in self._periods.items() if max(known) < oldest]:
            del self._periods[arn]

    def periods(self) -> Iterator[TrafficObserved]:
        """Yield all periods; of a balancer the oldest first."""
        for own in self._periods.values():
            yield from (own[at] for at in sorted(own))

    def shown(self) -> list[dict[str, Any]]:
        """Return all periods in CloudWatch's members, as PutMetricData takes them."""
        return [
            {
                "LoadBalancerArn": one.load_balancer_arn,
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
