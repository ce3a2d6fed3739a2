"""Periods of metrics that hosts have told."""

from datetime import UTC, datetime, timedelta

from ecsd.records.observed import RECENT, Datapoint, TrafficObserved
from ecsd.store.recent_traffic import RecentTraffic

START = datetime(2026, 3, 1, tzinfo=UTC)
POINT = Datapoint(
    metric="TargetResponseTime",
    dimensions={"LoadBalancer": "app/web/1"},
    unit="Seconds",
    sum=0.3,
    minimum=0.1,
    maximum=0.2,
    count=2,
    values=(0.1, 0.2),
    counts=(1, 1),
)


def period(minute, arn="arn:one", *points):
    at = START + timedelta(minutes=minute)
    return TrafficObserved(
        resource_arn=arn,
        namespace="AWS/ApplicationELB",
        at=at,
        seconds=60,
        datapoints=points,
    )


def test_a_period_that_is_told_again_is_one():
    traffic = RecentTraffic()
    for _ in range(2):
        traffic.enter("here", period(0, "arn:one", POINT))
    [shown] = traffic.shown()
    assert (shown["Timestamp"], shown["Period"]) == (START, 60)
    assert shown["MetricData"] == [
        {
            "MetricName": "TargetResponseTime",
            "Dimensions": [{"Name": "LoadBalancer", "Value": "app/web/1"}],
            "Unit": "Seconds",
            "StatisticValues": {"SampleCount": 2, "Sum": 0.3, "Minimum": 0.1, "Maximum": 0.2},
            "Values": (0.1, 0.2),
            "Counts": (1, 1),
        }
    ]


def test_few_periods_are_kept_and_balancers_that_are_gone_are_forgotten():
    traffic = RecentTraffic()
    traffic.enter("here", period(0, "arn:gone"))
    for minute in reversed(range(RECENT + 5)):  # whatever their order
        traffic.enter("here", period(minute))
    kept = [*traffic.periods()]
    assert [one.at for one in kept] == [START + timedelta(minutes=5 + one) for one in range(RECENT)]
    assert {one.resource_arn for one in kept} == {"arn:one"}


def test_each_host_tells_its_part_of_a_service():
    traffic = RecentTraffic()
    for host in ("here", "there", "here"):
        traffic.enter(host, period(0, "arn:service", POINT))
    assert [one.resource_arn for one in traffic.periods()] == ["arn:service"] * 2
