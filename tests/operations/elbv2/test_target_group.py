"""Target groups: defaults, health checks, attributes, and what is refused."""

import pytest

from ecsd.records.elbv2.target_group import TargetGroup

MISSING = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/no/0123456789abcdef"
ARN = "TargetGroupArn"


async def test_defaults_are_aws_defaults(elb, network, target_group):
    net = await network()
    arn = await target_group(net)
    [shown] = (await elb("DescribeTargetGroups"))["TargetGroups"]
    assert shown == {
        "TargetGroupArn": arn,
        "TargetGroupName": "web",
        "Protocol": "HTTP",
        "ProtocolVersion": "HTTP1",
        "Port": 80,
        "VpcId": net.vpc_id,
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckEnabled": True,
        "HealthCheckIntervalSeconds": 30,
        "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2,
        "HealthCheckPath": "/",
        "Matcher": {"HttpCode": "200"},
        "LoadBalancerArns": [],
        "TargetType": "ip",
        "IpAddressType": "ipv4",
    }


async def test_zero_values_count_as_not_given(elb, network, target_group):
    net = await network()
    arn = await target_group(net)
    assert await target_group(net, ProtocolVersion="", HealthCheckPort="", Matcher={}) == arn
    assert len((await elb("DescribeTargetGroups"))["TargetGroups"]) == 1


async def test_another_group_of_the_name_is_refused(network, target_group, refused):
    net = await network()
    await target_group(net)
    code, words = await refused(
        "CreateTargetGroup",
        Name="web",
        Protocol="HTTP",
        Port=8080,
        VpcId=net.vpc_id,
        TargetType="ip",
    )
    assert (code, "'web'" in words) == ("DuplicateTargetGroupName", True)


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ({"Name": "-x"}, "'-x'"),
        ({"Name": "x" * 33}, "xxx"),
        ({"TargetType": "lambda"}, "lambda"),
        ({"TargetType": "alb"}, "alb"),
        ({"Protocol": "QUIC"}, "QUIC"),
        ({"ProtocolVersion": "HTTP3"}, "HTTP3"),
        ({"IpAddressType": "ipv6"}, "ipv6"),
        ({"TargetControlPort": 3000}, "TargetControlPort"),
        ({"Protocol": None}, "A protocol must be specified"),
        ({"Port": None}, "A port must be specified"),
        ({"VpcId": None}, "A VPC ID must be specified"),
        ({"VpcId": "vpc-0123456789abcdef0"}, "vpc-0123456789abcdef0"),
        ({"HealthCheckEnabled": False}, "enabled must be true"),
        ({"HealthCheckProtocol": "TCP"}, "TCP"),
        ({"HealthCheckPath": "health"}, "'health'"),
        ({"HealthCheckPath": "/a b"}, "'/a b'"),
        ({"HealthCheckPath": "/\r\nHost: x"}, "printable"),
        ({"HealthCheckPort": "0"}, "'0'"),
        ({"HealthCheckPort": "http"}, "'http'"),
        ({"HealthCheckIntervalSeconds": 5}, "timeout '5' must be smaller"),
        ({"Matcher": {"HttpCode": "20"}}, "'20'"),
        ({"Matcher": {"HttpCode": "200-599"}}, "200-499"),
        ({"Matcher": {"HttpCode": "299-200"}}, "backwards"),
        ({"Matcher": {"GrpcCode": "0"}}, "GrpcCode"),
        ({"ProtocolVersion": "HTTP2", "Matcher": {"GrpcCode": "0"}}, "'HTTP2'"),
        ({"ProtocolVersion": "GRPC", "Matcher": {"HttpCode": "200"}}, "HttpCode"),
        ({"ProtocolVersion": "GRPC", "Matcher": {"GrpcCode": "100"}}, "'100'"),
        ({"ProtocolVersion": "GRPC", "Matcher": {"GrpcCode": "5-1"}}, "backwards"),
    ],
)
async def test_what_cannot_be_made_is_refused_by_name(wanted, named, network, refused, store):
    net = await network()
    request = {
        "Name": "web",
        "Protocol": "HTTP",
        "Port": 80,
        "VpcId": net.vpc_id,
        "TargetType": "ip",
    } | wanted
    given = {name: value for name, value in request.items() if value is not None}
    code, words = await refused("CreateTargetGroup", **given)
    assert (code, named in words) == ("ValidationError", True), words
    assert list(store.everywhere(TargetGroup)) == []


async def test_a_health_check_is_changed_member_by_member(elb, network, target_group, refused):
    arn = await target_group(await network())
    answer = await elb(
        "ModifyTargetGroup",
        TargetGroupArn=arn,
        HealthCheckPath="/health",
        HealthCheckIntervalSeconds=10,
        Matcher={"HttpCode": "200,202-204"},
    )
    [shown] = answer["TargetGroups"]
    assert (shown["HealthCheckPath"], shown["HealthCheckIntervalSeconds"]) == ("/health", 10)
    assert (shown["Matcher"], shown["HealthCheckTimeoutSeconds"]) == (
        {"HttpCode": "200,202-204"},
        5,
    )
    code, _ = await refused("ModifyTargetGroup", TargetGroupArn=arn, HealthCheckTimeoutSeconds=10)
    assert code == "ValidationError"
    [kept] = (await elb("DescribeTargetGroups"))["TargetGroups"]
    assert kept == shown


async def test_groups_are_found_by_arn_name_and_balancer(
    elb, network, target_group, balancer, listener, refused
):
    net = await network()
    used, free = await target_group(net), await target_group(net, "free")
    lb = await balancer(net)
    await listener(lb["LoadBalancerArn"], {"Type": "forward", ARN: used})

    async def found(**request):
        answer = await elb("DescribeTargetGroups", **request)
        return {one[ARN]: one["LoadBalancerArns"] for one in answer["TargetGroups"]}

    users = [lb["LoadBalancerArn"]]
    assert await found() == {used: users, free: []}
    assert await found(TargetGroupArns=[used]) == {used: users}
    assert await found(Names=["free", "free"]) == {free: []}
    assert await found(LoadBalancerArn=lb["LoadBalancerArn"]) == {used: users}
    not_found = ("TargetGroupNotFound", "One or more target groups not found")
    assert await refused("DescribeTargetGroups", TargetGroupArns=[MISSING]) == not_found
    assert await refused("DescribeTargetGroups", Names=["no"]) == not_found
    assert await refused("DescribeTargetGroups", TargetGroupArns=["web"]) == (
        "ValidationError",
        "'web' is not a valid target group ARN",
    )
    code, _ = await refused("DescribeTargetGroups", TargetGroupArns=[used], Names=["web"])
    assert code == "ValidationError"


async def test_a_group_in_use_is_not_deleted(
    elb, network, target_group, balancer, listener, refused
):
    net = await network()
    arn = await target_group(net)
    opened = await listener((await balancer(net))["LoadBalancerArn"], {"Type": "forward", ARN: arn})
    assert await refused("DeleteTargetGroup", TargetGroupArn=arn) == (
        "ResourceInUse",
        f"Target group '{arn}' is currently in use by a listener or a rule",
    )
    await elb("DeleteListener", ListenerArn=opened["ListenerArn"])
    await elb("RegisterTargets", TargetGroupArn=arn, Targets=[{"Id": "10.0.0.9"}])
    await elb("DeleteTargetGroup", TargetGroupArn=arn)
    await elb("DeleteTargetGroup", TargetGroupArn=arn)
    assert (await elb("DescribeTargetGroups"))["TargetGroups"] == []


async def test_attributes_have_aws_defaults_and_are_kept(elb, network, target_group, refused):
    arn = await target_group(await network())

    async def shown():
        answer = await elb("DescribeTargetGroupAttributes", TargetGroupArn=arn)
        return {one["Key"]: one["Value"] for one in answer["Attributes"]}

    async def change(changes):
        attributes = [{"Key": key, "Value": value} for key, value in changes.items()]
        await elb("ModifyTargetGroupAttributes", TargetGroupArn=arn, Attributes=attributes)

    before = await shown()
    assert before["deregistration_delay.timeout_seconds"] == "300"
    assert before["load_balancing.algorithm.type"] == "round_robin"
    changes = {
        "deregistration_delay.timeout_seconds": "5",
        "stickiness.enabled": "true",
        "stickiness.type": "app_cookie",
        "stickiness.app_cookie.cookie_name": "SESSION",
        "slow_start.duration_seconds": "30",
    }
    await change(changes)
    assert await shown() == before | changes
    await change({"slow_start.duration_seconds": "0"})
    await change({"load_balancing.algorithm.type": "least_outstanding_requests"})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"no.such": "1"}, "Target group attribute key 'no.such' is not recognized"),
        ({"deregistration_delay.timeout_seconds": "3601"}, "between 0 and 3600"),
        ({"deregistration_delay.timeout_seconds": "-1"}, "'-1'"),
        ({"stickiness.type": "app_cookie"}, "cookie_name"),
        ({"stickiness.app_cookie.cookie_name": "AWSALB"}, "reserved"),
        ({"stickiness.app_cookie.cookie_name": "a;b"}, "'a;b'"),
        ({"stickiness.type": "source_ip"}, "source_ip"),
        ({"slow_start.duration_seconds": "29"}, "between 30 and 900"),
        ({"slow_start.duration_seconds": "901"}, "900"),
        (
            {
                "slow_start.duration_seconds": "30",
                "load_balancing.algorithm.type": "weighted_random",
            },
            "weighted_random",
        ),
        ({"load_balancing.algorithm.anomaly_mitigation": "on"}, "anomaly_mitigation"),
        ({"load_balancing.cross_zone.enabled": "false"}, "cross_zone"),
        (
            {"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "2"},
            "minimum_healthy_targets.count",
        ),
    ],
)
async def test_attributes_without_effect_are_refused_by_name(
    changes, named, elb, network, target_group, refused
):
    arn = await target_group(await network())
    before = await elb("DescribeTargetGroupAttributes", TargetGroupArn=arn)
    attributes = [{"Key": key, "Value": value} for key, value in changes.items()]
    code, words = await refused(
        "ModifyTargetGroupAttributes", TargetGroupArn=arn, Attributes=attributes
    )
    assert (code, named in words) == ("ValidationError", True), words
    assert await elb("DescribeTargetGroupAttributes", TargetGroupArn=arn) == before


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("ModifyTargetGroup", {}),
        ("DescribeTargetGroupAttributes", {}),
        ("ModifyTargetGroupAttributes", {"Attributes": []}),
        ("RegisterTargets", {"Targets": [{"Id": "10.0.0.9"}]}),
        ("DeregisterTargets", {"Targets": [{"Id": "10.0.0.9"}]}),
        ("DescribeTargetHealth", {}),
    ],
)
async def test_an_unknown_group_is_not_found(name, more, refused):
    assert await refused(name, TargetGroupArn=MISSING, **more) == (
        "TargetGroupNotFound",
        f"Target group '{MISSING}' not found",
    )


async def test_groups_come_in_pages(elb, network, target_group):
    net = await network()
    for number in range(3):
        await target_group(net, f"web-{number}")
    first = await elb("DescribeTargetGroups", PageSize=2)
    rest = await elb("DescribeTargetGroups", PageSize=2, Marker=first["NextMarker"])
    names = [one["TargetGroupName"] for one in first["TargetGroups"] + rest["TargetGroups"]]
    assert names == ["web-0", "web-1", "web-2"]
    assert "NextMarker" not in rest
