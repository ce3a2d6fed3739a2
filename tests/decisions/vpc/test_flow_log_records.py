"""Flow log records: AWS's format, whose records a flow makes, and what an interval without any."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ecsd.decisions.vpc.flow_log_records import (
    DEFAULT_FORMAT,
    FIELDS,
    Surroundings,
    compile_records,
    fields_of,
    stream_name,
)
from ecsd.records.ec2.flow_log import FlowLog
from ecsd.records.observed import CountedFlow, CountedInterface, FlowsObserved

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
START = int(BEGAN.timestamp())
AROUND = Surroundings("123456789012", "us-east-1", {"subnet-1": "use1-az1"})
A, B, OUTSIDE = "10.0.0.4", "10.0.1.4", "203.0.113.9"
INTERFACES = tuple(
    CountedInterface(
        network_interface_id=f"eni-{number}", address=one, subnet_id=f"subnet-{number}"
    )
    for number, one in enumerate((A, B), 1)
)
LOG = FlowLog(
    flow_log_id="fl-1",
    resource_id="vpc-1",
    vpc_id="vpc-1",
    traffic_type="ALL",
    log_group_name="/flows",
    deliver_logs_permission_arn="arn:aws:iam::123456789012:role/r",
    log_format=DEFAULT_FORMAT,
    max_aggregation_interval=60,
    created_at=BEGAN,
)


def flow(source=A, destination=B, **amounts) -> CountedFlow:
    facts = {"protocol": 6, "source_port": 40_000, "destination_port": 80}
    return CountedFlow(source=source, destination=destination, **facts | amounts)


def records(*flows: CountedFlow, log=LOG, lost=False, **changes) -> dict[str, list[str]]:
    window = FlowsObserved(
        vpc_arn="arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1",
        interval=60,
        began_at=BEGAN,
        ended_at=BEGAN + timedelta(seconds=60),
        interfaces=INTERFACES,
        flows=flows,
        lost=lost,
    )
    return compile_records(replace(log, **changes), window, AROUND)


def test_the_default_is_version_2():
    assert DEFAULT_FORMAT == (
        "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} "
        "${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}"
    )


def test_a_flow_has_a_record_at_each_of_its_ends():
    assert records(flow(left=(3, 300), came=(2, 200), barred=(1, 100))) == {
        "eni-1-all": [
            f"2 123456789012 eni-1 {A} {B} 40000 80 6 3 300 {START} {START + 60} ACCEPT OK"
        ],
        "eni-2-all": [
            f"2 123456789012 eni-2 {A} {B} 40000 80 6 2 200 {START} {START + 60} ACCEPT OK",
            f"2 123456789012 eni-2 {A} {B} 40000 80 6 1 100 {START} {START + 60} REJECT OK",
        ],
    }


def test_what_the_sender_s_side_refuses_is_no_affair_of_the_receiver():
    told = records(flow(kept=(1, 60)))
    assert told["eni-1-all"][0].endswith("REJECT OK")
    assert told["eni-2-all"] == [
        f"2 123456789012 eni-2 - - - - - - - {START} {START + 60} - NODATA"
    ]


@pytest.mark.parametrize(
    ("traffic", "told"),
    [
        ("ACCEPT", {"eni-1-accept": ["ACCEPT"], "eni-2-accept": ["ACCEPT"]}),
        ("REJECT", {"eni-2-reject": ["REJECT"]}),
        ("ALL", {"eni-1-all": ["ACCEPT"], "eni-2-all": ["ACCEPT", "REJECT"]}),
    ],
)
def test_a_traffic_type_is_what_is_written(traffic, told):
    found = records(
        flow(left=(3, 300), came=(2, 200), barred=(1, 100)),
        traffic_type=traffic,
        log_format="${action}",
    )
    assert found == told


@pytest.mark.parametrize(
    ("resource", "streams"),
    [("vpc-1", {"eni-1-all", "eni-2-all"}), ("subnet-2", {"eni-2-all"}), ("eni-1", {"eni-1-all"})],
)
def test_a_flow_log_is_about_the_interfaces_of_its_resource(resource, streams):
    assert set(records(flow(left=(1, 1), came=(1, 1)), resource_id=resource)) == streams
    assert set(records(resource_id=resource)) == streams


def test_where_packets_were_not_counted_each_interface_says_so():
    told = records(
        flow(OUTSIDE, B, left=(1, 1), came=(1, 60)), lost=True, log_format="${log-status}"
    )
    assert told == {"eni-1-all": ["SKIPDATA"], "eni-2-all": ["OK", "SKIPDATA"]}


def test_a_custom_format_tells_what_can_be_known_and_its_highest_version():
    wanted = "${flow-direction} ${version} ${az-id} ${subnet-id} ${vpc-id} ${type} ${region}"
    more = "${pkt-srcaddr} ${tcp-flags} ${instance-id} ${traffic-path}"
    told = records(flow(left=(1, 1), came=(1, 1)), log_format=f"{wanted} {more}")
    assert told == {
        "eni-1-all": [f"egress 5 use1-az1 subnet-1 vpc-1 IPv4 us-east-1 {A} - - -"],
        "eni-2-all": [f"ingress 5 - subnet-2 vpc-1 IPv4 us-east-1 {A} - - -"],
    }
    (line,) = records(
        log_format="${srcaddr} ${instance-id} ${version}", resource_id="eni-1"
    ).values()
    assert line == ["- - 3"]


@pytest.mark.parametrize(
    ("log_format", "fields"),
    [
        ("${version}", ["version"]),
        ("${version} ${x-y}", ["version", "x-y"]),
        ("${version}  ${action}", None),
        ("version", None),
        ("${version} and", None),
        ("", None),
    ],
)
def test_a_format_is_fields_with_a_space_between_them(log_format, fields):
    assert fields_of(log_format) == fields


def test_streams_are_called_after_interface_and_traffic():
    assert stream_name("eni-0a", "REJECT") == "eni-0a-reject"


amounts = st.tuples(st.integers(0, 3), st.integers(40, 1500))
flows = st.builds(
    flow,
    st.sampled_from([A, B, OUTSIDE]),
    st.sampled_from([A, B, OUTSIDE]),
    left=amounts,
    kept=amounts,
    came=amounts,
    barred=amounts,
)


@given(st.lists(flows, max_size=6), st.sampled_from(["ALL", "ACCEPT", "REJECT"]), st.booleans())
def test_every_packet_of_an_interface_is_in_exactly_one_record(some, traffic, lost):
    fields = "${interface-id} ${action} ${packets} ${bytes} ${log-status}"
    found = records(*some, log_format=fields, traffic_type=traffic, lost=lost)
    lines = [line.split(" ") for held in found.values() for line in held]
    for number, address in enumerate((A, B), 1):
        own = [line for line in lines if line[0] == f"eni-{number}"]
        told = {
            action: sum(int(line[2]) for line in own if line[1] == action)
            for action in ("ACCEPT", "REJECT")
        }
        sent = [one for one in some if one.source == address]
        got = [one for one in some if one.destination == address]
        accepted = sum(one.left[0] for one in sent) + sum(one.came[0] for one in got)
        refused = sum(one.kept[0] for one in sent) + sum(one.barred[0] for one in got)
        assert told["ACCEPT"] == (accepted if traffic != "REJECT" else 0)
        assert told["REJECT"] == (refused if traffic != "ACCEPT" else 0)
        nothing = [line for line in own if line[-1] == "NODATA"]
        assert len(nothing) == (not lost and accepted + refused == 0)
    assert all(len(line) == 5 for line in lines)


@given(st.lists(st.sampled_from(sorted(FIELDS)), min_size=1))
def test_every_field_has_a_value(fields):
    log_format = " ".join(f"${{{one}}}" for one in fields)
    for held in records(flow(left=(1, 1), came=(1, 1)), log_format=log_format).values():
        for line in held:
            assert len(line.split(" ")) == len(fields)
            assert all(line.split(" "))
