"""What passed load balancers and services lately, from ecsd's own page, in a few words."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ecsd.cli.api import Api

BALANCER, GROUP = ["LoadBalancer"], ["LoadBalancer", "TargetGroup"]
OWN_ERRORS = ("HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count")
OF_SERVICE = ["ServiceName", "ClusterName"]
AT, TO = "DiscoveryName", "TargetDiscoveryName"  # what a service answers at, and what it asks
CODES = [f"HTTPCode_Target_{one}XX_Count" for one in (2, 3, 4, 5)]
P99 = 0.99


def latest_traffic(api: Api) -> dict[str, dict[str, Any]]:
    """Return the newest period of each resource by its ARN, of all hosts that have told theirs."""
    latest: dict[str, dict[str, Any]] = {}
    for one in api.inspect("metrics"):
        arn = one["ResourceArn"]
        known = latest.get(arn)
        if known is None or known["Timestamp"] < one["Timestamp"]:
            latest[arn] = one
        elif known["Timestamp"] == one["Timestamp"]:
            latest[arn] = known | {
                "MetricData": [*known["MetricData"], *one["MetricData"]],
                "RequestsCounted": known["RequestsCounted"] and one["RequestsCounted"],
            }
    return latest


def traffic_words(period: dict[str, Any] | None) -> str:
    """Return requests a minute, the share of 5xx, the 99th percentile and healthy targets.

    What was not observed is not said.
    """
    if period is None:
        return "-"
    parts = []
    points = _points(period, BALANCER)
    if period["RequestsCounted"] and period["Namespace"] == "AWS/ApplicationELB":
        requests = _sum(points, "RequestCount")
        parts.append(_rate(period, requests, "requests"))
        errors = sum(_sum(points, one) for one in OWN_ERRORS)
        parts += _quality(points, errors, requests + _sum(points, OWN_ERRORS[0]))
    hosts = [one for one in _points(period, GROUP) if one["MetricName"] == "HealthyHostCount"]
    if hosts:
        healthy = sum(one["StatisticValues"]["Sum"] for one in hosts)
        others = _sum(_points(period, GROUP), "UnHealthyHostCount")
        parts.append(f"{healthy:.0f} of {healthy + others:.0f} healthy")
    return ", ".join(parts) or "-"


def connect_words(period: dict[str, Any] | None) -> dict[str, str]:
    """Return what passed a service's proxies: ``at`` its own names, and ``to`` those it asked."""
    if period is None or not period["RequestsCounted"]:
        return {}
    found: dict[str, str] = {}
    for kind, words in ((AT, _come), (TO, _asked)):
        points = _points(period, [kind, *OF_SERVICE])
        for name in sorted({one["Dimensions"][0]["Value"] for one in points}):
            own = [one for one in points if one["Dimensions"][0]["Value"] == name]
            found[f"{'at' if kind == AT else 'to'} {name}"] = ", ".join(words(period, own))
    return found


def _come(period: dict[str, Any], points: list[dict[str, Any]]) -> Iterable[str]:
    requests = _sum(points, "RequestCount")
    if requests:
        yield _rate(period, requests, "requests")
    else:
        yield _rate(period, _sum(points, "NewConnectionCount"), "new connections")
    yield f"{_sum(points, 'ActiveConnectionCount'):.0f} open"


def _asked(period: dict[str, Any], points: list[dict[str, Any]]) -> Iterable[str]:
    answers = sum(_sum(points, one) for one in CODES)
    if answers:
        yield _rate(period, answers, "answers")
        yield from _quality(points, _sum(points, CODES[-1]), answers)
    else:
        yield _rate(period, _sum(points, "TargetProcessedBytes"), "bytes")


def _rate(period: dict[str, Any], number: float, what: str) -> str:
    return f"{number * 60 / period['Period']:.0f} {what}/min"


def _quality(points: list[dict[str, Any]], errors: float, answered: float) -> Iterable[str]:
    """Yield the share of errors, and how long the slowest answers took."""
    if answered:
        yield f"{100 * min(1.0, errors / answered):.1f} % errors"
    slowest = _percentile(points)
    if slowest is not None:
        yield f"p99 {slowest:.0f} ms"


def _points(period: dict[str, Any], dimensions: list[str]) -> list[dict[str, Any]]:
    """Return datapoints that have just these dimensions."""
    return [
        one
        for one in period["MetricData"]
        if [each["Name"] for each in one["Dimensions"]] == dimensions
    ]


def _sum(points: Iterable[dict[str, Any]], metric: str) -> float:
    found = (one["StatisticValues"]["Sum"] for one in points if one["MetricName"] == metric)
    return float(sum(found))


def _percentile(points: Iterable[dict[str, Any]]) -> float | None:
    """Return the 99th percentile of response times, in milliseconds."""
    times: Counter[float] = Counter()
    for one in points:
        if one["MetricName"] == "TargetResponseTime":
            scale = 1 if one["Unit"] == "Milliseconds" else 1000
            for value, count in zip(one["Values"], one["Counts"], strict=True):
                times[value * scale] += count
    wanted = P99 * times.total()
    seen = 0
    for value in sorted(times):
        seen += times[value]
        if seen >= wanted:
            return value
    return None
