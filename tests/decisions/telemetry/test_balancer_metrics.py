"""A balancer's minute in CloudWatch's datapoints."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ecsd.decisions.balancers.target_health import Health
from ecsd.decisions.haproxy.backend import backend_name, server_name
from ecsd.decisions.haproxy.listener_names import answer_prefix, frontend_name
from ecsd.decisions.haproxy.observation import bucket_middle, buckets_file
from ecsd.decisions.telemetry.balancer_metrics import (
    Minute,
    application_metrics,
    network_metrics,
    own_answer,
)
from ecsd.decisions.telemetry.counters import FRONTEND, TIMES
from ecsd.decisions.telemetry.request_line import Told
from ecsd.records.plan import TargetPlan
from tests.decisions.listener_plans import GROUP, function_group, group, plan

FRONT, BACK = frontend_name("arn:listener"), backend_name(GROUP)
SERVER = server_name(GROUP, "10.0.1.5", 8080)
LB, TG = {"LoadBalancer": "app/web/1"}, {"TargetGroup": "targetgroup/a/1"}
ZONE = {"AvailabilityZone": "us-east-1a"}
WELL = {GROUP: {("10.0.1.5", 8080): Health("healthy"), ("10.0.1.6", 8080): Health("unhealthy")}}


def zoned():
    targets = tuple(
        TargetPlan(target_id=one, address=one, port=8080, zone="us-east-1a")
        for one in ("10.0.1.5", "10.0.1.6")
    )
    return plan(groups=(replace(group(), targets=targets),))


def minute(errors=None, own=None, complete=True, levels=None, **counts):
    places = {"f": (FRONT, FRONTEND), "s": (BACK, SERVER), "a": (BACK, "agent"), "t": (BACK, TIMES)}
    grown = {}
    for name, number in counts.items():
        where, _, counter = name.partition("_")
        grown[*places[where], counter] = number
    return Minute(grown, levels or {}, errors or {}, own or {}, complete)


def told(observed, made=None, owed=None, healths=WELL):
    measured = application_metrics(made or zoned(), observed, healths, owed or {})
    found = {}
    for one in measured.datapoints:
        key = one.metric, tuple(sorted(one.dimensions.items()))
        assert key not in found
        found[key] = one
    return found, measured.owed


def at(found, metric, *dimensions):
    where = {name: value for one in dimensions or (LB,) for name, value in one.items()}
    return found.get((metric, tuple(sorted(where.items()))))


def test_requests_are_told_for_all_that_aws_tells_them_for():
    found, _ = told(minute(s_stot=5, s_hrsp_2xx=4, s_hrsp_5xx=1, f_hrsp_2xx=4, f_hrsp_5xx=1))
    for where in ((LB,), (LB, ZONE), (LB, TG), (LB, TG, ZONE)):
        requests = at(found, "RequestCount", *where)
        assert (requests.sum, requests.count, requests.minimum, requests.unit) == (5, 5, 1, "Count")
        assert at(found, "HTTPCode_Target_2XX_Count", *where).sum == 4
        assert at(found, "HTTPCode_Target_5XX_Count", *where).sum == 1
    for where in ((TG,), (LB, TG)):
        assert at(found, "RequestCountPerTarget", *where).sum == 5  # one of two is healthy
    assert at(found, "HTTPCode_ELB_5XX_Count") is None
    assert at(found, "HTTPCode_Target_3XX_Count") is None


def test_what_no_target_answered_is_the_balancers():
    errors = {(BACK, "502"): 1, (FRONT, "400"): 1, ("t_other", "503"): 1}
    errors[f"{answer_prefix('arn:listener')}7", "503"] = 2
    found, owed = told(minute(errors, f_hrsp_5xx=3, f_hrsp_3xx=4, f_hrsp_4xx=1))
    assert owed == {}
    sums = {name: at(found, f"HTTPCode_ELB_{name}_Count") for name in ("3XX", "4XX", "5XX")}
    assert {name: one.sum for name, one in sums.items()} == {"3XX": 4, "4XX": 1, "5XX": 3}
    assert at(found, "HTTPCode_ELB_502_Count").sum == 1
    assert at(found, "HTTPCode_ELB_503_Count").sum == 2
    assert at(found, "RequestCount") is None


def test_codes_are_not_told_where_lines_were_lost():
    found, _ = told(minute({(BACK, "502"): 1}, complete=False, f_hrsp_5xx=3))
    assert at(found, "HTTPCode_ELB_5XX_Count").sum == 3
    assert at(found, "HTTPCode_ELB_502_Count") is None


def test_a_response_that_spans_two_minutes_is_no_error_of_the_balancer():
    found, owed = told(minute(s_hrsp_5xx=1))
    assert (at(found, "HTTPCode_ELB_5XX_Count"), owed) == (None, {"hrsp_5xx": -1})
    found, owed = told(minute(f_hrsp_5xx=1), owed=owed)
    assert (at(found, "HTTPCode_ELB_5XX_Count"), owed) == (None, {})


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)), max_size=6))
def test_in_the_long_run_own_answers_are_counted_exactly(minutes):
    """Each minute: targets' responses that begin, own answers; all are over by the end."""
    owed, counted, open_ones = {}, 0, 0
    for began, own, ended in [*minutes, (0, 0, 10**6)]:
        open_ones += began
        over = min(open_ones, ended)
        open_ones -= over
        found, owed = told(minute(s_hrsp_5xx=began, f_hrsp_5xx=over + own), owed=owed)
        point = at(found, "HTTPCode_ELB_5XX_Count")
        counted += point.sum if point else 0
    assert counted == sum(own for _, own, _ in minutes)


def test_a_functions_failures_are_the_balancers():
    made = plan(groups=(function_group("http://f"),))
    observed = minute(
        {(BACK, "502"): 1},
        {(BACK, "hrsp_5xx"): 1},
        a_hrsp_2xx=3,
        a_hrsp_5xx=2,
        a_stot=5,
        f_hrsp_2xx=3,
        f_hrsp_5xx=2,
    )
    found, _ = told(observed, made, healths={})
    assert at(found, "HTTPCode_Target_5XX_Count").sum == 1
    assert at(found, "HTTPCode_ELB_5XX_Count").sum == 1
    assert at(found, "HTTPCode_ELB_502_Count").sum == 1
    assert at(found, "RequestCount").sum == 5


def test_connections_and_bytes_are_told():
    levels = {(FRONT, FRONTEND, "scur"): 2, (BACK, SERVER, "used_conn_cur"): 1}
    observed = minute(
        levels=levels, f_conn_tot=3, s_connect=2, f_bin=10, f_bout=20, s_econ=1, s_wretr=3, s_stot=4
    )
    found, _ = told(observed)
    assert at(found, "NewConnectionCount").sum == 5
    assert at(found, "ActiveConnectionCount").sum == 3
    assert (at(found, "ProcessedBytes").sum, at(found, "ProcessedBytes").unit) == (30, "Bytes")
    assert at(found, "TargetConnectionErrorCount").sum == 4
    assert at(found, "RequestCount").sum == 1  # of four attempts three were retries


def test_times_are_a_distribution():
    found, _ = told(minute(t_1024=3, t_1000448=1))
    point = at(found, "TargetResponseTime")
    assert (point.count, point.counts, point.unit) == (4, (3, 1), "Seconds")
    assert point.values == pytest.approx((0.00104, 1.0086), rel=0.001)
    assert point.sum == pytest.approx(3 * 0.00104 + 1.0086, rel=0.001)
    assert at(found, "TargetResponseTime", LB, TG).counts == (3, 1)


def test_without_a_whole_minute_only_states_are_told():
    found, owed = told(None, owed={"hrsp_5xx": -1})
    assert {metric for metric, _ in found} == {"HealthyHostCount", "UnHealthyHostCount"}
    assert owed == {"hrsp_5xx": -1}
    for where in ((LB, TG), (LB, TG, ZONE)):
        assert at(found, "HealthyHostCount", *where).sum == 1
        assert at(found, "UnHealthyHostCount", *where).sum == 1


def test_a_target_nobody_has_looked_at_is_not_told_of():
    found, _ = told(None, healths={})
    assert found == {}
    flows = network_metrics(zoned(), WELL)
    assert [(one.metric, one.sum) for one in flows][:2] == [
        *(("HealthyHostCount", 1), ("UnHealthyHostCount", 1))
    ]


def test_a_targets_answer_is_not_the_balancers():
    texts = {"backend": "t_1", "status": "502", "target_status": "502"}
    assert own_answer(Told("R", texts)) is None
    assert own_answer(Told("R", texts | {"target_status": "-"})) == ("t_1", "502")


def buckets():
    """The networks of the map: (first address, prefix, beginning of the bucket)."""
    for one in buckets_file().splitlines():
        network, begin = one.split()
        address, prefix = network.split("/")
        first = int.from_bytes(bytes(int(part) for part in address.split(".")))
        yield first, int(prefix), int(begin)


def test_every_time_is_in_one_bucket():
    end = 0
    for first, prefix, begin in sorted(buckets()):
        assert first == begin == end
        end = first + (1 << (32 - prefix))
    assert end == 1 << 32


@given(st.sampled_from([*buckets()]), st.data())
def test_a_buckets_middle_is_near_all_that_is_in_it(bucket, data):
    first, prefix, begin = bucket
    value = data.draw(st.integers(first, first + (1 << (32 - prefix)) - 1))
    assert abs(bucket_middle(begin) - value) <= 0.016 * value
