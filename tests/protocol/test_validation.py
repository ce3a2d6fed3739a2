"""What the model forbids is refused in each service's words, naming the member."""

import pytest

from ecsd.errors import AwsError
from ecsd.protocol.message import HttpRequest
from ecsd.protocol.wire import Wire

SIGNING = {"elbv2": "elasticloadbalancing"}
TARGETS = {"ecs": "AmazonEC2ContainerServiceV20141113", "logs": "Logs_20140328"}


def send(service, operation, body, wire=None):
    wire = wire or Wire(lambda: "token")
    signing = SIGNING.get(service, service)
    headers = {
        "authorization": f"AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/{signing}"
        "/aws4_request, SignedHeaders=host, Signature=0"
    }
    if service in TARGETS:
        headers["x-amz-target"] = f"{TARGETS[service]}.{operation}"
        headers["content-type"] = "application/x-amz-json-1.1"
    else:
        headers["content-type"] = "application/x-www-form-urlencoded; charset=utf-8"
        body = f"Action={operation}&{body}"
    request = HttpRequest("POST", "/", "", headers, body.encode())
    route = wire.route(request)
    return route.codec.parse(route.model, request, route.labels)


def refusal(service, operation, body):
    with pytest.raises(AwsError) as refused:
        send(service, operation, body)
    return refused.value.code, refused.value.message


LOG_GROUP = "1 validation error detected: Value {} at 'logGroupName' failed to satisfy constraint: "


@pytest.mark.parametrize(
    ("service", "operation", "body", "code", "part"),
    [
        ("ecs", "CreateService", "{}", "InvalidParameterException", "'serviceName'"),
        ("ecs", "RegisterTaskDefinition", "{}", "ClientException", "'family'"),
        ("ecs", "CreateCluster", '{"clusterName":7}', "SerializationException", "clusterName"),
        ("ecs", "CreateCluster", "[]", "SerializationException", "START_ARRAY"),
        ("ecs", "CreateCluster", "{", "SerializationException", "not valid JSON"),
        ("ecs", "CreateCluster", '{"colour":"red"}', "InvalidParameterException", "'colour'"),
        (
            "ecs",
            "RunTask",
            '{"taskDefinition":"a","launchType":"MOON"}',
            "InvalidParameterException",
            "Value 'MOON' at 'launchType' failed to satisfy constraint: Member must satisfy enum",
        ),
        (
            "ecs",
            "RegisterTaskDefinition",
            '{"family":"a","containerDefinitions":[{"portMappings":[{"containerPort":"x"}]}]}',
            "SerializationException",
            "containerDefinitions.1.member.portMappings.1.member.containerPort",
        ),
        (
            "ecs",
            "RunTask",
            '{"taskDefinition":"a","count":3000000000}',
            "InvalidParameterException",
            "Value '3000000000' at 'count'",
        ),
        (
            "logs",
            "CreateLogGroup",
            "{}",
            "InvalidParameterException",
            LOG_GROUP.format("null") + "Member must not be null",
        ),
        (
            "logs",
            "CreateLogGroup",
            '{"logGroupName":""}',
            "InvalidParameterException",
            LOG_GROUP.format("''") + "Member must have length greater than or equal to 1",
        ),
        (
            "logs",
            "CreateLogGroup",
            '{"logGroupName":"é"}',
            "InvalidParameterException",
            LOG_GROUP.format("'é'") + "Member must satisfy regular expression pattern: ",
        ),
        ("ec2", "CreateSubnet", "CidrBlock=1", "MissingParameter", "the parameter VpcId"),
        ("ec2", "CreateVpc", "Sky=blue", "UnknownParameter", "The parameter Sky"),
        ("ec2", "CreateVpc", "InstanceTenancy=moon", "InvalidParameterValue", "InstanceTenancy"),
        ("ec2", "DescribeVpcs", "MaxResults=ten", "InvalidParameterValue", "MaxResults"),
        ("ec2", "DescribeVpcs", "MaxResults=1", "InvalidParameterValue", "Value (1) for parameter"),
        ("elbv2", "CreateLoadBalancer", "", "ValidationError", "Value null at 'name'"),
        ("elbv2", "CreateTargetGroup", "Name=a&Port=0", "ValidationError", "Value '0' at 'port'"),
        ("elbv2", "CreateTargetGroup", "Name=a&Port=x", "MalformedInput", "'port'"),
        ("elbv2", "CreateTargetGroup", "Name=a&Name.1=b", "MalformedInput", "'name'"),
        ("iam", "GetRole", "RoleName=a%00b", "MalformedInput", "roleName"),
        ("iam", "GetRole", "RoleName=a/b", "ValidationError", "Value 'a/b' at 'roleName'"),
        ("sts", "AssumeRole", "RoleSessionName=x", "ValidationError", "'roleSessionName'"),
    ],
)  # fmt: skip
def test_refusals(service, operation, body, code, part):
    found, message = refusal(service, operation, body)
    assert found == code
    assert part in message


@pytest.mark.parametrize(
    ("service", "operation", "member", "most"),
    [
        ("logs", "CreateLogGroup", '{"logGroupName":"%s"}', 512),
        ("iam", "GetRole", "RoleName=%s", 64),
    ],
)
def test_a_length_is_good_up_to_its_limit(service, operation, member, most):
    assert send(service, operation, member % ("a" * most))
    _, message = refusal(service, operation, member % ("a" * (most + 1)))
    assert f"Member must have length less than or equal to {most}" in message


def test_all_findings_are_told_at_once():
    _, message = refusal("logs", "PutLogEvents", "{}")
    assert message.startswith("3 validation errors detected: ")


def test_null_is_absent_and_type_is_no_member():
    assert send("ecs", "CreateCluster", '{"clusterName":null,"__type":"x"}') == {}
    assert send("ecs", "CreateCluster", "") == {}
    assert send("ecs", "CreateCluster", "null"[:0]) == {}


def test_an_empty_enumeration_is_absent():
    request = send("ecs", "RunTask", '{"taskDefinition":"a","launchType":""}')
    assert request == {"taskDefinition": "a", "clientToken": "token"}


def test_idempotency_tokens_are_kept_or_filled_in():
    assert send("ec2", "CreateNatGateway", "SubnetId=s")["ClientToken"] == "token"
    assert send("ec2", "CreateNatGateway", "SubnetId=s&ClientToken=mine")["ClientToken"] == "mine"
    assert send("ecs", "RunTask", '{"taskDefinition":"a","clientToken":null}')["clientToken"]


def test_unknown_members_can_be_ignored_as_aws_does():
    wire = Wire(lambda: "token", refuse_unknown=False)
    assert send("ecs", "CreateCluster", '{"colour":"red"}', wire) == {}
    assert send("ec2", "CreateVpc", "Sky=blue", wire) == {}


def test_list_positions_are_numbers_not_text():
    items = "&".join(f"VpcId.{number}=vpc-{number}" for number in (10, 9, 1))
    assert send("ec2", "DescribeVpcs", items)["VpcIds"] == ["vpc-1", "vpc-9", "vpc-10"]
    items = "&".join(f"Names.member.{number}=n{number}" for number in (10, 2))
    assert send("elbv2", "DescribeLoadBalancers", items)["Names"] == ["n2", "n10"]
    assert send("elbv2", "DescribeLoadBalancers", "Names=")["Names"] == []
