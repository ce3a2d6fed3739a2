"""A minute of Service Connect's proxies in CloudWatch's datapoints."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ecsd.decisions.haproxy.observation import bucket_middle
from ecsd.decisions.telemetry.connect_metrics import ProxyMinute, service_metrics
from ecsd.decisions.telemetry.counters import CODES, FRONTEND, TIMES
from ecsd.records.plan import ProxyPlan
from tests.decisions.connect_plans import NAME as WEB
from tests.decisions.connect_plans import ONE as FIRST
from tests.decisions.connect_plans import PORT
from tests.decisions.connect_plans import TWO as SECOND

SERVICE = "arn:aws:ecs:us-east-1:000000000000:service/prod/shop"
NAMES = {"ServiceName": "shop", "ClusterName": "prod"}
IN, APP = ("in-80", FRONTEND), ("container-80", TIMES)
ONE, ALL, TEST = ("web:80", "1"), ("web:80-all", "2"), ("web:80-test", "1")
TOOK = ("web:80", TIMES)
NAME = replace(WEB, endpoints=(FIRST, SECOND))


def proxy(grown=(), levels=(), names=(NAME,), ports=(PORT,)):
    """Return a minute of a proxy. grown, levels: (place, counter, number) of each."""
    plan = ProxyPlan(
        task_arn="arn:task", task_id="9", service_arn=SERVICE, names=names, ports=ports
    )
    counts, present = (
        {(*where, counter): number for where, counter, number in some} for some in (grown, levels)
    )
    return ProxyMinute(plan, counts, present)


def told(*proxies):
    """Return metric → its datapoint for the service, once sure that it is the name's as well."""
    found = {}
    for one in service_metrics(SERVICE, proxies):
        found.setdefault((one.metric, len(one.dimensions)), []).append(one)
    assert all(len(some) == 1 for some in found.values())
    own = {metric: one for (metric, number), (one,) in found.items() if number == 3}
    assert len(own) * 2 == len(found)
    for metric, point in own.items():
        (kind,) = {*point.dimensions} - {*NAMES}
        assert point.dimensions == {kind: point.dimensions[kind], **NAMES}
        alone = {kind: point.dimensions[kind]}
        assert found[metric, 1] == [replace(point, dimensions=alone)]
    return own


@pytest.mark.parametrize(
    ("metric", "unit", "wanted", "grown"),
    [
        ("NewConnectionCount", "Count", 3, [(IN, "conn_tot", 3)]),
        ("ProcessedBytes", "Bytes", 30, [(IN, "bin", 10), (IN, "bout", 20)]),
        ("RequestCount", "Count", 5, [(IN, "req_tot", 5)]),
        ("ClientTLSNegotiationErrorCount", "Count", 2, [(IN, "ssl_failed_handshake", 2)]),
    ],
)
def test_what_comes_in_is_told_under_the_services_own_names(metric, unit, wanted, grown):
    found = told(proxy(grown))
    assert set(found) == {metric}
    point = found[metric]
    assert (point.sum, point.count, point.unit) == (wanted, 1, unit)
    assert point.dimensions == {"DiscoveryName": "shop-api", **NAMES}


@pytest.mark.parametrize(
    ("metric", "unit", "wanted", "grown"),
    [
        ("HTTPCode_Target_2XX_Count", "Count", 4, [(ONE, "hrsp_2xx", 3), (TEST, "hrsp_2xx", 1)]),
        ("HTTPCode_Target_3XX_Count", "Count", 1, [(ONE, "hrsp_3xx", 1)]),
        ("HTTPCode_Target_4XX_Count", "Count", 1, [(ALL, "hrsp_4xx", 1)]),
        ("HTTPCode_Target_5XX_Count", "Count", 3, [(ONE, "hrsp_5xx", 1), (ALL, "hrsp_5xx", 2)]),
        ("TargetProcessedBytes", "Bytes", 30, [(ONE, "bin", 10), (ALL, "bout", 20)]),
        ("TargetTLSNegotiationErrorCount", "Count", 1, [(ONE, "ssl_failed_handshake", 1)]),
    ],
)
def test_what_targets_answer_is_told_under_their_names(metric, unit, wanted, grown):
    point = told(proxy(grown))[metric]
    assert (point.sum, point.unit) == (wanted, unit)
    assert point.dimensions == {"TargetDiscoveryName": "front", **NAMES}


def test_connections_are_those_that_are_open_at_the_end():
    point = told(proxy([], [(IN, "scur", 2)]), proxy())["ActiveConnectionCount"]
    assert (point.sum, point.minimum, point.maximum, point.count) == (2, 0, 2, 2)


def test_each_target_got_its_part_of_what_all_sent():
    tried = [(ONE, "stot", 7), (ONE, "wretr", 1), (ALL, "hrsp_2xx", 3)]
    point = told(proxy(tried), proxy([(ONE, "stot", 1)]))["RequestCountPerTarget"]
    assert (point.sum, point.count) == (5, 1)  # 10 to 2
    idle = replace(SECOND, weight=0)
    for endpoint, wanted in ((idle, 6), (replace(idle, tested=True), 3)):
        name = replace(NAME, endpoints=(FIRST, endpoint))
        assert told(proxy(tried[:2], names=(name,)))["RequestCountPerTarget"].sum == wanted
    gone = replace(NAME, endpoints=())
    assert told(proxy(tried[:2], names=(gone,))) == {}


def test_times_are_one_distribution_of_all_proxies():
    first = proxy([(TOOK, "1000", 2), (TOOK, "9", 1)])
    point = told(first, proxy([(TOOK, "1000", 1)]))["TargetResponseTime"]
    assert (point.values, point.counts) == ((0.009, bucket_middle(1000) / 1e3), (1, 3))
    assert (point.unit, point.count, point.minimum) == ("Milliseconds", 4, 0.009)


def test_requests_of_grpc_are_those_that_said_so_on_a_port_of_grpc():
    counted = [(IN, "req_tot", 5), (APP, "1", 4)]
    found = told(proxy(counted, ports=(replace(PORT, protocol="grpc"),)))
    assert (found["RequestCount"].sum, found["GrpcRequestCount"].sum) == (5, 4)
    assert "GrpcRequestCount" not in told(proxy(counted))


def test_of_tcp_connections_and_bytes_alone_are_told():
    counted = [(IN, "conn_tot", 2), (IN, "bin", 9), (ONE, "bin", 8), (ONE, "stot", 2)]
    tcp = {"names": (replace(NAME, protocol="tcp"),), "ports": (replace(PORT, protocol="tcp"),)}
    found = told(proxy(counted, [(IN, "scur", 1)], **tcp))
    assert set(found) == {
        *("ActiveConnectionCount", "NewConnectionCount", "ProcessedBytes", "TargetProcessedBytes")
    }


def test_nothing_is_told_of_idle_proxies_and_of_names_that_are_no_more():
    assert told(proxy(), proxy()) == {}
    nameless = replace(NAME, discovery_name="")
    counted = [(ONE, "hrsp_2xx", 3), (TOOK, "9", 1)]
    assert told(proxy(counted, names=(nameless,))) == {}


@given(st.lists(st.tuples(*[st.integers(0, 50)] * 4), min_size=1, max_size=5))
def test_numbers_of_many_proxies_are_samples_that_add_up(numbers):
    """Each proxy: connections, requests, good and bad answers."""
    found = told(
        *(
            proxy(
                [
                    (IN, "conn_tot", connections),
                    (IN, "req_tot", requests),
                    (ONE, CODES[0], good),
                    (ALL, CODES[3], bad),
                ]
            )
            for connections, requests, good, bad in numbers
        )
    )
    metrics = ("NewConnectionCount", "RequestCount", "HTTPCode_Target_2XX_Count")
    for metric, own in zip(metrics, zip(*numbers, strict=True), strict=False):
        assert (metric in found) == any(own)
        if any(own):
            point = found[metric]
            assert (point.sum, point.count) == (sum(own), len(own))
            assert (point.minimum, point.maximum) == (min(own), max(own))
    answers = sum(good + bad for *_, good, bad in numbers)
    assert (found["RequestCountPerTarget"].sum if answers else 0) == answers / 2
