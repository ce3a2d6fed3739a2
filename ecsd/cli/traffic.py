"""What passed load balancers in their latest period, from ecsd's own page, in a few words."""

from collections.abc import Iterable
from typing import Any

from ecsd.cli.api import Api

BALANCER, GROUP = ["LoadBalancer"], ["LoadBalancer", "TargetGroup"]
OWN_ERRORS = ("HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count")
P99 = 0.99


def latest_traffic(api: Api) -> dict[str, dict[str, Any]]:
    """Return the newest period of each load balancer by its ARN; empty where none was told."""
    return {one["LoadBalancerArn"]: one for one in api.inspect("metrics")}


def traffic_words(period: dict[str, Any] | None) -> str:
    """Return requests a minute, the share of 5xx, the 99th percentile and healthy targets.

    What was not observed is not said.
    """
    if period is None:
        return "-"
    parts = []
    if period["RequestsCounted"] and period["Namespace"] == "AWS/ApplicationELB":
        requests = _sum(period, "RequestCount", BALANCER)
        parts.append(f"{requests * 60 / period['Period']:.0f} requests/min")
        errors = sum(_sum(period, one, BALANCER) for one in OWN_ERRORS)
        answered = requests + _sum(period, OWN_ERRORS[0], BALANCER)
        if answered:
            parts.append(f"{100 * min(1.0, errors / answered):.1f} % errors")
        slowest = _percentile(period)
        if slowest is not None:
            parts.append(f"p99 {slowest * 1000:.0f} ms")
    hosts = [*_points(period, "HealthyHostCount", GROUP)]
    if hosts:
        healthy = sum(one["StatisticValues"]["Sum"] for one in hosts)
        others = _sum(period, "UnHealthyHostCount", GROUP)
        parts.append(f"{healthy:.0f} of {healthy + others:.0f} healthy")
    return ", ".join(parts) or "-"


def _points(period: dict[str, Any], metric: str, dimensions: list[str]) -> Iterable[dict[str, Any]]:
    for one in period["MetricData"]:
        names = [each["Name"] for each in one["Dimensions"]]
        if one["MetricName"] == metric and names == dimensions:
            yield one


def _sum(period: dict[str, Any], metric: str, dimensions: list[str]) -> float:
    points = _points(period, metric, dimensions)
    return float(sum(one["StatisticValues"]["Sum"] for one in points))


def _percentile(period: dict[str, Any]) -> float | None:
    for one in _points(period, "TargetResponseTime", BALANCER):
        wanted = P99 * one["StatisticValues"]["SampleCount"]
        seen = 0
        for value, count in zip(one["Values"], one["Counts"], strict=True):
            seen += count
            if seen >= wanted:
                return float(value)
    return None
