"""Target groups for Lambda functions: what they are, what they take, who may use them."""

import pytest

from ecsd.errors import AwsError
from ecsd.settings import Settings

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
NO_CHECKS = {
    "State": "unavailable",
    "Reason": "Target.HealthCheckDisabled",
    "Description": "Health checks are disabled",
}


@pytest.fixture
def elb(client):
    """Call an ELBv2 operation where somebody runs functions."""
    return client("elbv2", settings=Settings(lambda_endpoint="http://127.0.0.1:9001"))


@pytest.fixture
def functions(elb):
    """Make a group for functions and return its ARN."""

    async def make(name="f", **more):
        made = await elb("CreateTargetGroup", Name=name, TargetType="lambda", **more)
        return made["TargetGroups"][0]["TargetGroupArn"]

    return make


async def test_a_group_for_functions_has_no_place_in_a_network(elb, functions):
    arn = await functions()
    assert await functions() == arn
    [shown] = (await elb("DescribeTargetGroups"))["TargetGroups"]
    assert {name: value for name, value in shown.items() if value is not None} == {
        "TargetGroupArn": arn,
        "TargetGroupName": "f",
        "HealthCheckEnabled": False,
        "HealthCheckIntervalSeconds": 35,
        "HealthCheckTimeoutSeconds": 30,
        "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2,
        "HealthCheckPath": "/",
        "Matcher": {"HttpCode": "200"},
        "LoadBalancerArns": [],
        "TargetType": "lambda",
        "IpAddressType": "ipv4",
    }
    attributes = await elb("DescribeTargetGroupAttributes", TargetGroupArn=arn)
    assert attributes["Attributes"] == [
        {"Key": "lambda.multi_value_headers.enabled", "Value": "false"}
    ]


async def test_without_anybody_who_runs_functions_there_is_no_group(client):
    with pytest.raises(AwsError, match="ECSD_LAMBDA_ENDPOINT") as caught:
        await client("elbv2")("CreateTargetGroup", Name="f", TargetType="lambda")
    assert caught.value.code == "ValidationError"


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"Protocol": "HTTP"}, "Protocol"),
        ({"Port": 80}, "Port"),
        ({"VpcId": "vpc-1"}, "VpcId"),
        ({"ProtocolVersion": "HTTP2"}, "ProtocolVersion"),
        ({"IpAddressType": "ipv6"}, "IpAddressType"),
        ({"HealthCheckProtocol": "HTTP"}, "Health check protocol"),
        ({"HealthCheckPort": "80"}, "Health check port"),
        ({"HealthCheckIntervalSeconds": 30}, "smaller than"),
        ({"Matcher": {"GrpcCode": "0"}}, "GrpcCode"),
        ({"Matcher": {"HttpCode": "600"}}, "within 200-499"),
    ],
)
async def test_what_has_no_effect_is_refused_by_name(more, named, refused):
    code, words = await refused("CreateTargetGroup", Name="f", TargetType="lambda", **more)
    assert code == "ValidationError"
    assert named in words


async def test_one_function_of_the_own_account_may_be_registered(elb, functions, refused):
    arn = await functions()
    await elb("RegisterTargets", TargetGroupArn=arn, Targets=[{"Id": FUNCTION}])
    await elb("RegisterTargets", TargetGroupArn=arn, Targets=[{"Id": FUNCTION}])
    for target, code in (
        ({"Id": f"{FUNCTION}:live"}, "TooManyTargets"),
        ({"Id": "10.0.0.5"}, "ValidationError"),
        ({"Id": FUNCTION.replace("000000000000", "111111111111")}, "InvalidTarget"),
        ({"Id": FUNCTION.replace("us-east-1", "eu-west-1")}, "InvalidTarget"),
        ({"Id": FUNCTION, "Port": 80}, "ValidationError"),
        ({"Id": FUNCTION, "AvailabilityZone": "all"}, "ValidationError"),
    ):
        found, _ = await refused("RegisterTargets", TargetGroupArn=arn, Targets=[target])
        assert found == code
    await elb("DeregisterTargets", TargetGroupArn=arn, Targets=[{"Id": FUNCTION}])
    await elb("RegisterTargets", TargetGroupArn=arn, Targets=[{"Id": f"{FUNCTION}:live"}])


async def test_a_function_behind_a_listener_is_as_its_checks_say(
    elb, functions, network, balancer, listener
):
    arn = await functions()
    await elb("RegisterTargets", TargetGroupArn=arn, Targets=[{"Id": FUNCTION}])
    web = await balancer(await network())
    await listener(web["LoadBalancerArn"], {"Type": "forward", "TargetGroupArn": arn})
    [shown] = (await elb("DescribeTargetHealth", TargetGroupArn=arn))["TargetHealthDescriptions"]
    assert shown["Target"] == {"Id": FUNCTION}
    assert shown["TargetHealth"] == NO_CHECKS
    await elb("ModifyTargetGroup", TargetGroupArn=arn, HealthCheckEnabled=True)
    [shown] = (await elb("DescribeTargetHealth", TargetGroupArn=arn))["TargetHealthDescriptions"]
    assert shown["TargetHealth"]["State"] == "initial"


async def test_a_network_load_balancer_invokes_nothing(functions, network, balancer, refused):
    web = await balancer(await network(), Type="network")
    code, words = await refused(
        "CreateListener",
        LoadBalancerArn=web["LoadBalancerArn"],
        Protocol="TCP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": await functions()}],
    )
    assert (code, "lambda" in words) == ("InvalidConfigurationRequest", True)
