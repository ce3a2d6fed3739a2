"""Datapoints as CloudWatch's PutMetricData takes them, of what HAProxy counts.

Source: Amazon CloudWatch API Reference, MetricDatum, StatisticSet.
"""

from collections.abc import Mapping, Sequence

from ecsd.records.observed import Datapoint

Dimensions = tuple[tuple[str, str], ...]


def value(metric: str, dimensions: Dimensions, unit: str, number: float) -> Datapoint:
    """Return a datapoint of one sample."""
    return samples(metric, dimensions, unit, [number])


def samples(metric: str, dimensions: Dimensions, unit: str, numbers: Sequence[float]) -> Datapoint:
    """Return a datapoint of one sample or more, of which only the statistics are told."""
    return Datapoint(
        metric=metric,
        dimensions=dict(dimensions),
        unit=unit,
        sum=sum(numbers),
        minimum=min(numbers),
        maximum=max(numbers),
        count=len(numbers),
    )


def distribution(
    metric: str, dimensions: Dimensions, unit: str, times: Mapping[float, int]
) -> Datapoint:
    """Return a datapoint of every sample. times: value → how many samples had it; some."""
    values = tuple(sorted(times))
    return Datapoint(
        metric=metric,
        dimensions=dict(dimensions),
        unit=unit,
        sum=sum(one * number for one, number in times.items()),
        minimum=values[0],
        maximum=values[-1],
        count=sum(times.values()),
        values=values,
        counts=tuple(times[one] for one in values),
    )
