"""Whatever the bytes, a codec returns a request or a 4xx AwsError; never anything else."""

import msgspec
import pytest
from botocore_judge import Values, model_of, request_by
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecsd.errors import AwsError
from ecsd.protocol.message import HttpRequest

CASES = [
    ("ecs", "json", "RegisterTaskDefinition"),
    ("logs", "json", "PutLogEvents"),
    ("ec2", "ec2", "RunInstances"),
    ("elbv2", "query", "CreateListener"),
    ("iam", "query", "CreateRole"),
    ("efs", "rest-json", "CreateFileSystem"),
    ("route53", "rest-xml", "ChangeResourceRecordSets"),
    ("cloudwatch", "smithy-rpc-v2-cbor", "PutMetricData"),
    ("cloudwatch", "query", "PutMetricAlarm"),
]
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
often = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def good_request(case):
    service, protocol, name = case
    model = model_of(service)
    operation = model.operation_model(name)
    return request_by(protocol, model, operation, Values(3).of(operation.input_shape, full=True))


GOOD = {case: good_request(case) for case in CASES}


def outcome(wire, request):
    """The parsed request, or the refusal that a client would see."""
    route = wire.route(request)
    if route.model is None:
        return None
    try:
        return route.codec.parse(route.model, request, route.labels)
    except AwsError as error:
        refused = error
    assert 400 <= route.codec.refuse(refused, "id").status < 500
    assert refused.message
    return refused


def with_body(request, body, **headers):
    return HttpRequest(
        request.method, request.path, request.query, {**request.headers, **headers}, body
    )


@pytest.mark.parametrize("case", CASES, ids=str)
@often
@given(cut=st.floats(0, 1), junk=st.binary(max_size=12))
def test_bytes_cut_anywhere_with_junk_inside(wire, case, cut, junk):
    request = GOOD[case]
    at = int(len(request.body) * cut)
    outcome(wire, with_body(request, request.body[:at]))
    outcome(wire, with_body(request, request.body[:at] + junk + request.body[at:]))
    outcome(wire, with_body(request, request.body[:at] + junk))


@pytest.mark.parametrize("case", CASES, ids=str)
@often
@given(body=st.binary(max_size=200))
def test_any_bytes_at_all(wire, case, body):
    outcome(wire, with_body(GOOD[case], body))


@pytest.mark.parametrize("case", [case for case in CASES if case[1] == "json"], ids=str)
@often
@given(drawn=st.data())
def test_members_of_any_type(wire, case, drawn):
    good = msgspec.json.decode(GOOD[case].body)
    name = drawn.draw(st.sampled_from(sorted(good)))
    value = drawn.draw(PLAIN)
    try:
        body = msgspec.json.encode({**good, name: value})
    except (msgspec.MsgspecError, ValueError):
        return
    outcome(wire, with_body(GOOD[case], body))


@often
@given(value=PLAIN)
def test_cbor_of_any_type(wire, value):
    import cbor2

    case = ("cloudwatch", "smithy-rpc-v2-cbor", "PutMetricData")
    outcome(wire, with_body(GOOD[case], cbor2.dumps({"Namespace": value, "MetricData": [value]})))
    outcome(wire, with_body(GOOD[case], cbor2.dumps(value)))


@often
@given(pairs=st.lists(st.tuples(st.text("AaTg.12member ", max_size=30), st.text(max_size=9))))
def test_forms_of_any_names(wire, pairs):
    from urllib.parse import urlencode

    for case in CASES[2:5]:
        action = b"&Action=" + case[2].encode() + b"&Version=1"
        outcome(wire, with_body(GOOD[case], urlencode(pairs).encode() + action))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"family":"\xff"}',
        b'{"family":"\\ud800"}',
        b'{"family":1e999}',
        b'{"cpu":' + b"9" * 5000 + b"}",
        b"null",
        b"7",
        b'"x"',
        b'{"family":"' + b"x" * 1_000_000 + b'","containerDefinitions":[]}',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_nasty_json(wire, body):
    result = outcome(wire, with_body(GOOD[CASES[0]], body))
    assert isinstance(result, AwsError) or result["family"].startswith("xxx")


def test_nasty_xml(wire):
    request = GOOD[("route53", "rest-xml", "ChangeResourceRecordSets")]
    bomb = b'<!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>'
    deep = b"<a>" * 5000
    for body in (bomb, deep, b"<a", b"\x00", b"<a xmlns:b='c'><b:d/></a>"):
        result = outcome(wire, with_body(request, body))
        assert isinstance(result, AwsError)


def test_nasty_cbor(wire):
    request = GOOD[("cloudwatch", "smithy-rpc-v2-cbor", "PutMetricData")]
    for body in (b"\x81" * 100_000, b"\xbf", b"\xa1\x61\x61", b"\xc1\xfb\x7f\xf0" + b"\x00" * 6):
        assert isinstance(outcome(wire, with_body(request, body)), AwsError)


def test_nasty_forms(wire):
    request = GOOD[("elbv2", "query", "CreateListener")]
    long_name = b".".join([b"a"] * 100_000)
    for extra in (long_name + b"=1", b"Port=%ff", b"&".join([b"a=1"] * 100_001), b"Tags.member=x"):
        body = b"Action=CreateListener&Version=2015-12-01&" + extra
        result = outcome(wire, with_body(request, body))
        assert result is None or isinstance(result, AwsError)
