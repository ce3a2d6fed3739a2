"""What passed a balancer, in a few words."""

from ecsd.cli.traffic import connect_words, latest_traffic, traffic_words


def point(metric, total, *names, **more):
    dimensions = [{"Name": one, "Value": "x"} for one in names or ("LoadBalancer",)]
    statistics = {"Sum": total, "SampleCount": more.pop("count", total)}
    return {
        "MetricName": metric,
        "Dimensions": dimensions,
        "Unit": more.pop("unit", "Seconds"),
        "StatisticValues": statistics,
        **more,
    }


def period(*points, counted=True, namespace="AWS/ApplicationELB"):
    return {
        "Namespace": namespace,
        "Period": 60,
        "RequestsCounted": counted,
        "MetricData": points,
    }


BOTH = ("LoadBalancer", "TargetGroup")
HEALTHY = point("HealthyHostCount", 2, *BOTH), point("UnHealthyHostCount", 1, *BOTH)


def test_a_minute_in_words():
    times = point("TargetResponseTime", 9, count=100, Values=[0.01, 0.5], Counts=[98, 2])
    made = period(
        point("RequestCount", 90),
        point("RequestCount", 90, *BOTH),
        point("HTTPCode_ELB_5XX_Count", 10),
        point("HTTPCode_Target_5XX_Count", 15),
        times,
        *HEALTHY,
    )
    assert traffic_words(made) == "90 requests/min, 25.0 % errors, p99 500 ms, 2 of 3 healthy"


def test_what_was_not_observed_is_not_said():
    assert traffic_words(None) == "-"
    assert traffic_words(period(*HEALTHY, counted=False)) == "2 of 3 healthy"
    assert traffic_words(period(*HEALTHY, namespace="AWS/NetworkELB")) == "2 of 3 healthy"
    assert traffic_words(period()) == "0 requests/min"


AT = ("DiscoveryName", "ServiceName", "ClusterName")
TO = ("TargetDiscoveryName", "ServiceName", "ClusterName")


def connected(*points, **more):
    return period(*points, namespace="AWS/ECS", **more)


def test_what_came_to_a_service_and_what_it_asked_in_words():
    times = [
        point("TargetResponseTime", 9, *TO, Values=[5, 70], Counts=[most, 1], unit="Milliseconds")
        for most in (97, 1)  # of two hosts
    ]
    made = connected(
        point("RequestCount", 90, *AT),
        point("RequestCount", 500, "DiscoveryName"),
        point("ActiveConnectionCount", 4, *AT),
        point("HTTPCode_Target_2XX_Count", 30, *TO),
        point("HTTPCode_Target_5XX_Count", 10, *TO),
        *times,
    )
    assert connect_words(made) == {
        "at x": "90 requests/min, 4 open",
        "to x": "40 answers/min, 25.0 % errors, p99 70 ms",
    }


def test_what_is_no_http_is_told_by_its_connections_and_bytes():
    made = connected(point("NewConnectionCount", 2, *AT), point("TargetProcessedBytes", 70, *TO))
    assert connect_words(made) == {"at x": "2 new connections/min, 0 open", "to x": "70 bytes/min"}


def test_nothing_is_said_of_proxies_that_were_not_read():
    assert connect_words(None) == connect_words(connected()) == {}
    assert connect_words(connected(point("RequestCount", 9, *AT), counted=False)) == {}


class Page:
    def __init__(self, *told):
        self._told = told

    def inspect(self, name):
        assert name == "metrics"
        return self._told


def told(arn, minute, *points, **more):
    return connected(*points, **more) | {"ResourceArn": arn, "Timestamp": f"10:0{minute}"}


def test_the_newest_period_is_that_of_all_hosts():
    one, two = point("RequestCount", 1, *AT), point("RequestCount", 2, *AT)
    found = latest_traffic(Page(told("a", 1, one), told("a", 2, one), told("b", 1, one)))
    assert {arn: period["Timestamp"] for arn, period in found.items()} == {
        "a": "10:02",
        "b": "10:01",
    }
    both = latest_traffic(Page(told("a", 2, one), told("a", 1, one, two), told("a", 2, two)))
    assert connect_words(both["a"]) == {"at x": "3 requests/min, 0 open"}
    lost = latest_traffic(Page(told("a", 2, one), told("a", 2, counted=False)))
    assert not lost["a"]["RequestsCounted"]
