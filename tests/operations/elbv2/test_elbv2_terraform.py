"""The Terraform provider's own sequence of calls for aws_lb and its parts, and back to nothing."""

from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule
from ecsd.records.elbv2.target_group import Target, TargetGroup

# What the provider sends at once after each CreateLoadBalancer.
ATTRIBUTES = {
    "access_logs.s3.enabled": "false",
    "client_keep_alive.seconds": "3600",
    "connection_logs.s3.enabled": "false",
    "deletion_protection.enabled": "false",
    "idle_timeout.timeout_seconds": "60",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
    "zonal_shift.config.enabled": "false",
}
GROUP_ATTRIBUTES = {
    "deregistration_delay.timeout_seconds": "5",
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "load_balancing.algorithm.type": "round_robin",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "slow_start.duration_seconds": "0",
    "stickiness.enabled": "false",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "stickiness.type": "lb_cookie",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}
TAGS = [{"Key": "Name", "Value": "demo"}]


def listed(attributes: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in attributes.items()]


def held(answer: dict) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in answer["Attributes"]}


async def make_load_balancer(elb, refused, net) -> str:
    assert (await refused("DescribeLoadBalancers", Names=["demo"]))[0] == "LoadBalancerNotFound"
    made = await elb(
        "CreateLoadBalancer",
        Name="demo",
        Type="application",
        SecurityGroups=[net.group_id],
        Subnets=list(net.subnets[:2]),
        Tags=TAGS,
    )
    arn = made["LoadBalancers"][0]["LoadBalancerArn"]
    await elb("DescribeLoadBalancers", LoadBalancerArns=[arn])
    await elb("ModifyLoadBalancerAttributes", LoadBalancerArn=arn, Attributes=listed(ATTRIBUTES))
    [read] = (await elb("DescribeLoadBalancers", LoadBalancerArns=[arn]))["LoadBalancers"]
    assert read["SecurityGroups"] == [net.group_id]
    attributes = held(await elb("DescribeLoadBalancerAttributes", LoadBalancerArn=arn))
    assert attributes.items() >= ATTRIBUTES.items()
    await elb("DescribeCapacityReservation", LoadBalancerArn=arn)
    [tags] = (await elb("DescribeTags", ResourceArns=[arn]))["TagDescriptions"]
    assert tags["Tags"] == TAGS
    return arn


async def make_target_group(elb, refused, net) -> str:
    assert (await refused("DescribeTargetGroups", Names=["demo"]))[0] == "TargetGroupNotFound"
    made = await elb(
        "CreateTargetGroup",
        Name="demo",
        Port=80,
        Protocol="HTTP",
        ProtocolVersion="",
        TargetType="ip",
        VpcId=net.vpc_id,
        HealthCheckEnabled=True,
        HealthCheckIntervalSeconds=10,
        HealthCheckPath="/",
        HealthCheckPort="traffic-port",
        HealthCheckProtocol="HTTP",
        HealthCheckTimeoutSeconds=5,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=2,
        Matcher={"HttpCode": "200"},
        Tags=TAGS,
    )
    arn = made["TargetGroups"][0]["TargetGroupArn"]
    await elb("DescribeTargetGroups", TargetGroupArns=[arn])
    await elb(
        "ModifyTargetGroupAttributes", TargetGroupArn=arn, Attributes=listed(GROUP_ATTRIBUTES)
    )
    attributes = held(await elb("DescribeTargetGroupAttributes", TargetGroupArn=arn))
    assert attributes.items() >= GROUP_ATTRIBUTES.items()
    await elb("DescribeTags", ResourceArns=[arn])
    return arn


async def make_listener(elb, load_balancer_arn: str, group_arn: str) -> tuple[str, str]:
    action = {"Type": "forward", "TargetGroupArn": group_arn}
    made = await elb(
        "CreateListener",
        LoadBalancerArn=load_balancer_arn,
        Port=80,
        Protocol="HTTP",
        DefaultActions=[action],
        Tags=TAGS,
    )
    arn = made["Listeners"][0]["ListenerArn"]
    [read] = (await elb("DescribeListeners", ListenerArns=[arn]))["Listeners"]
    [shown] = read["DefaultActions"]
    assert (shown["TargetGroupArn"], shown["Order"]) == (group_arn, 1)
    await elb("DescribeListenerAttributes", ListenerArn=arn)
    await elb("DescribeTags", ResourceArns=[arn])
    made = await elb(
        "CreateRule",
        ListenerArn=arn,
        Priority=100,
        Actions=[action | {"Order": 1}],
        Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*"]}}],
        Tags=TAGS,
    )
    rule_arn = made["Rules"][0]["RuleArn"]
    await elb("DescribeRules", RuleArns=[rule_arn])
    await elb("DescribeTags", ResourceArns=[rule_arn])
    return arn, rule_arn


async def test_apply_and_destroy(elb, ec2, refused, network, store):
    net = await network()
    load_balancer_arn = await make_load_balancer(elb, refused, net)
    group_arn = await make_target_group(elb, refused, net)
    listener_arn, rule_arn = await make_listener(elb, load_balancer_arn, group_arn)

    await elb("DeleteRule", RuleArn=rule_arn)
    await elb("DeleteListener", ListenerArn=listener_arn)
    await elb("DeleteTargetGroup", TargetGroupArn=group_arn)
    await elb("DeleteLoadBalancer", LoadBalancerArn=load_balancer_arn)
    label = load_balancer_arn.partition("loadbalancer/")[2]
    for owner in ("amazon-elb", "amazon-aws"):
        filters = [
            {"Name": "attachment.instance-owner-id", "Values": [owner]},
            {"Name": "description", "Values": [f"ELB {label}"]},
        ]
        answer = await ec2("DescribeNetworkInterfaces", Filters=filters)
        assert answer["NetworkInterfaces"] == []
    for subnet_id in net.subnets:
        await ec2("DeleteSubnet", SubnetId=subnet_id)
    await ec2("DeleteVpc", VpcId=net.vpc_id)
    kinds = (LoadBalancer, Listener, Rule, TargetGroup, Target, NetworkInterface)
    assert [one for kind in kinds for one in store.everywhere(kind)] == []
