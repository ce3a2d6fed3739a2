"""Answers that do not fit their model are bugs and raise; texts survive XML."""

from datetime import UTC, datetime

import pytest

from ecsd.errors import AwsError
from ecsd.protocol.answers import AnswerError
from ecsd.protocol.wire import Wire

wire = Wire(lambda: "token")


def codec(service, protocol):
    return wire._codec(service, protocol), wire.table(service).operations


@pytest.mark.parametrize(
    ("service", "protocol", "operation", "output"),
    [
        ("ecs", "json-1.1", "CreateCluster", {"klaster": {}}),
        ("ecs", "json-1.1", "CreateCluster", {"cluster": {"clusterArn": 7}}),
        ("ecs", "json-1.1", "CreateCluster", {"cluster": {"runningTasksCount": True}}),
        ("ecs", "json-1.1", "CreateCluster", {"cluster": {"settings": {}}}),
        ("ecs", "json-1.1", "CreateCluster", {"cluster": []}),
        ("ec2", "ec2", "CreateVpc", {"Vpc": {"VpcID": "x"}}),
        ("ec2", "ec2", "CreateVpc", {"Vpc": {"IsDefault": "false"}}),
        ("ec2", "ec2", "DeleteVpc", {"Return": True}),
        ("elbv2", "query", "CreateRule", {"Rules": {}}),
        ("iam", "query", "CreateRole", {}),
        ("iam", "query", "CreateRole", {"Role": {"RoleName": "only"}}),
    ],
)
def test_an_answer_that_does_not_fit_raises(service, protocol, operation, output):
    speak, operations = codec(service, protocol)
    with pytest.raises(AnswerError):
        speak.answer(operations[operation], output, "id")


def test_a_time_without_zone_raises():
    speak, operations = codec("ecs", "json-1.1")
    output = {"services": [{"createdAt": datetime(2026, 1, 1)}]}  # noqa: DTZ001
    with pytest.raises(ValueError, match="no time zone"):
        speak.answer(operations["DescribeServices"], output, "id")


def test_none_is_left_out_and_times_are_numbers():
    speak, operations = codec("ecs", "json-1.1")
    moment = datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)
    output = {"services": [{"createdAt": moment, "serviceName": None}], "failures": None}
    response = speak.answer(operations["DescribeServices"], output, "id")
    assert response.body == b'{"services":[{"createdAt":1767225600.123}]}'
    assert response.headers["content-type"] == "application/x-amz-json-1.1"


def test_xml_carries_every_text():
    speak, operations = codec("ec2", "ec2")
    output = {"Tags": [{"Key": "\r\n<&>\"'", "Value": "\x00\ud800"}]}
    body = speak.answer(operations["DescribeTags"], output, "id").body
    assert b"<key>&#xD;\n&lt;&amp;&gt;&quot;'</key><value>\xef\xbf\xbd\xef\xbf\xbd</value>" in body
    assert b"<requestId>id</requestId>" in body


def test_errors_have_the_models_code_and_status_and_members():
    speak, _ = codec("elbv2", "query")
    response = speak.refuse(AwsError("TargetGroupNotFoundException", "no"), "id")
    assert b"<Code>TargetGroupNotFound</Code>" in response.body
    speak, _ = codec("iam", "query")
    assert speak.refuse(AwsError("NoSuchEntity", "no"), "id").status == 404
    speak, _ = codec("ecs", "json-1.1")
    error = AwsError("ConflictException", "no", details={"resourceIds": ["a"]})
    assert b'"resourceIds":["a"]' in speak.refuse(error, "id").body
    assert speak.refuse(AwsError("ServerException", "no"), "id").status == 500
    assert speak.refuse(AwsError("ServerException", "no", status=503), "id").status == 503
