"""What passed a balancer, in a few words."""

from ecsd.cli.traffic import traffic_words


def point(metric, total, *names, **more):
    dimensions = [{"Name": one, "Value": "x"} for one in names or ("LoadBalancer",)]
    statistics = {"Sum": total, "SampleCount": more.pop("count", total)}
    return {
        "MetricName": metric,
        "Dimensions": dimensions,
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
