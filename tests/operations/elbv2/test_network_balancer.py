"""Network load balancers: made, shown and changed as AWS does it; what is refused, by name."""

import pytest

from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.elbv2.load_balancer import LoadBalancer
from ecsd.store.findings import all_findings

LB = "LoadBalancerArn"
TG = "TargetGroupArn"


@pytest.fixture
def flows(balancer):
    """Make a network load balancer: ``lb = await flows(net)``."""

    async def make(net, name="flows", **more):
        return await balancer(net, name, Type="network", **more)

    return make


@pytest.fixture
def tcp(target_group):
    """Make a target group of flows and return its ARN."""

    async def make(net, name="flows", protocol="TCP", **more):
        return await target_group(net, name, Protocol=protocol, **more)

    return make


def forward(*arns):
    groups = [{TG: arn, "Weight": 1} for arn in arns]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}


@pytest.fixture
def opened(elb):
    """Open a port: ``listener = await opened(arn, 90, "TCP", group)``."""

    async def make(arn, port, protocol, *groups):
        made = await elb(
            "CreateListener",
            LoadBalancerArn=arn,
            Port=port,
            Protocol=protocol,
            DefaultActions=[forward(*groups)],
        )
        return made["Listeners"][0]

    return make


async def test_it_is_shown_as_aws_shows_it(flows, network, ec2):
    made = await flows(await network())
    label = made[LB].partition("loadbalancer/")[2]
    assert label.startswith("net/flows/")
    assert made["Type"] == "network"
    assert made["SecurityGroups"] == []
    assert "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic" not in made
    wanted = [{"Name": "description", "Values": [f"ELB {label}"]}]
    found = (await ec2("DescribeNetworkInterfaces", Filters=wanted))["NetworkInterfaces"]
    assert {one["InterfaceType"] for one in found} == {"network_load_balancer"}
    assert [one["Groups"] for one in found] == [[], []]


async def test_one_subnet_is_enough_and_addresses_may_be_chosen(elb, network, refused, store):
    net = await network()
    chosen = [{"SubnetId": net.subnets[0], "PrivateIPv4Address": "10.0.0.77"}]
    request = {"Name": "a", "Type": "network", "Scheme": "internal", "SubnetMappings": chosen}
    made = (await elb("CreateLoadBalancer", **request))["LoadBalancers"][0]
    (zone,) = made["AvailabilityZones"]
    assert zone["LoadBalancerAddresses"] == [{"PrivateIPv4Address": "10.0.0.77"}]
    held = [one.private_ip_address for _, one in store.everywhere(NetworkInterface)]
    assert held == ["10.0.0.77"]
    assert (await elb("CreateLoadBalancer", **request))["LoadBalancers"][0][LB] == made[LB]

    async def code(**wanted):
        return await refused("CreateLoadBalancer", **request | {"Name": "b"} | wanted)

    assert (await code())[0] == "InvalidConfigurationRequest"  # in use
    outside = [{"SubnetId": net.subnets[0], "PrivateIPv4Address": "10.0.1.77"}]
    assert (await code(SubnetMappings=outside))[0] == "InvalidConfigurationRequest"
    assert "PrivateIPv4Address" in (await code(Scheme="internet-facing"))[1]
    six = [{"SubnetId": net.subnets[0], "IPv6Address": "::1"}]
    assert "IPv6Address" in (await code(SubnetMappings=six))[1]
    assert (await code(SubnetMappings=[]))[0] == "ValidationError"


async def test_elastic_ips_are_its_own_until_it_goes(elb, ec2, network, refused):
    net = await network()
    elastic = await ec2("AllocateAddress", Domain="vpc")
    name = elastic["AllocationId"]
    mapping = [{"SubnetId": net.subnets[0], "AllocationId": name}]
    request = {"Type": "network", "SubnetMappings": mapping}
    made = (await elb("CreateLoadBalancer", Name="a", **request))["LoadBalancers"][0]
    (zone,) = made["AvailabilityZones"]
    assert zone["LoadBalancerAddresses"] == [
        {"IpAddress": elastic["PublicIp"], "AllocationId": name}
    ]
    (shown,) = (await ec2("DescribeAddresses"))["Addresses"]
    assert shown["NetworkInterfaceId"].startswith("eni-")
    assert (await refused("CreateLoadBalancer", Name="b", **request))[0] == "ResourceInUse"
    gone = [{"SubnetId": net.subnets[0], "AllocationId": "eipalloc-0"}]
    code, _ = await refused("CreateLoadBalancer", Name="b", Type="network", SubnetMappings=gone)
    assert code == "AllocationIdNotFound"
    code, words = await refused("CreateLoadBalancer", Name="b", Scheme="internal", **request)
    assert (code, "AllocationId" in words) == ("InvalidConfigurationRequest", True)
    await elb("DeleteLoadBalancer", LoadBalancerArn=made[LB])
    (shown,) = (await ec2("DescribeAddresses"))["Addresses"]
    assert "AssociationId" not in shown


async def test_security_groups_are_given_at_birth_or_never(flows, elb, network, refused, store):
    net = await network()
    bare = await flows(net)
    code, _ = await refused(
        "SetSecurityGroups", LoadBalancerArn=bare[LB], SecurityGroups=[net.group_id]
    )
    assert code == "InvalidConfigurationRequest"
    made = await flows(net, "guarded", SecurityGroups=[net.group_id])
    assert made["EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"] == "on"
    request = {"LoadBalancerArn": made[LB], "SecurityGroups": [net.group_id]}
    assert (await elb("SetSecurityGroups", **request))["SecurityGroupIds"] == [net.group_id]
    member = "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"
    code, words = await refused("SetSecurityGroups", **request, **{member: "off"})
    assert (code, member in words) == ("ValidationError", True)
    code, _ = await refused("SetSecurityGroups", LoadBalancerArn=made[LB], SecurityGroups=[])
    assert code == "ValidationError"
    held = {one.name: one.security_groups for _, one in store.everywhere(LoadBalancer)}
    assert held == {"flows": (), "guarded": (net.group_id,)}


async def test_subnets_are_added_and_left(flows, elb, network):
    net = await network()
    made = await flows(net)
    answer = await elb("SetSubnets", LoadBalancerArn=made[LB], Subnets=[net.subnets[1]])
    assert [one["SubnetId"] for one in answer["AvailabilityZones"]] == [net.subnets[1]]


@pytest.mark.parametrize(
    "attribute",
    [
        ("load_balancing.cross_zone.enabled", "false", "true", "maybe"),
        ("deletion_protection.enabled", "false", "true", "1"),
        (
            "dns_record.client_routing_policy",
            "any_availability_zone",
            "availability_zone_affinity",
            "nearest",
        ),
        ("zonal_shift.config.enabled", "false", None, "true"),
        ("secondary_ips.auto_assigned.per_subnet", "0", None, "1"),
        ("idle_timeout.timeout_seconds", None, None, "60"),
    ],
)
async def test_balancers_attributes(attribute, flows, elb, network, refused):
    key, default, good, bad = attribute
    arn = (await flows(await network()))[LB]
    shown = await elb("DescribeLoadBalancerAttributes", LoadBalancerArn=arn)
    held = {one["Key"]: one["Value"] for one in shown["Attributes"]}
    assert held.get(key) == default
    if good:
        changed = await elb(
            "ModifyLoadBalancerAttributes",
            LoadBalancerArn=arn,
            Attributes=[{"Key": key, "Value": good}],
        )
        assert {"Key": key, "Value": good} in changed["Attributes"]
    code, words = await refused(
        "ModifyLoadBalancerAttributes",
        LoadBalancerArn=arn,
        Attributes=[{"Key": key, "Value": bad}],
    )
    assert (code, key in words) == ("ValidationError", True)


@pytest.mark.parametrize(
    "attribute",
    [
        ("TCP", "preserve_client_ip.enabled", "false", "true", "on"),
        ("UDP", "preserve_client_ip.enabled", "true", None, "false"),
        ("TCP_UDP", "preserve_client_ip.enabled", "true", None, "false"),
        ("TCP", "proxy_protocol_v2.enabled", "false", "true", "on"),
        ("UDP", "proxy_protocol_v2.enabled", "false", None, "true"),
        ("TLS", "preserve_client_ip.enabled", "false", None, "true"),
        ("TLS", "proxy_protocol_v2.enabled", "false", "true", "on"),
        ("TLS", "stickiness.enabled", "false", None, "true"),
        ("TLS", "deregistration_delay.connection_termination.enabled", "false", "true", "x"),
        (
            "TLS",
            "target_health_state.unhealthy.connection_termination.enabled",
            "true",
            "false",
            "x",
        ),
        ("TCP", "stickiness.type", "source_ip", None, "lb_cookie"),
        ("UDP", "stickiness.enabled", "false", "true", "2"),
        ("TCP", "deregistration_delay.timeout_seconds", "300", "0", "3601"),
        ("TCP", "deregistration_delay.connection_termination.enabled", "false", "true", "x"),
        ("UDP", "deregistration_delay.connection_termination.enabled", "true", "false", "x"),
        (
            "TCP",
            "target_health_state.unhealthy.connection_termination.enabled",
            "true",
            "false",
            "x",
        ),
        (
            "UDP",
            "target_health_state.unhealthy.connection_termination.enabled",
            "false",
            None,
            "true",
        ),
        ("TCP", "target_health_state.unhealthy.draining_interval_seconds", "0", None, "10"),
        (
            "TCP",
            "load_balancing.cross_zone.enabled",
            "use_load_balancer_configuration",
            "false",
            "x",
        ),
        ("TCP", "target_group_health.dns_failover.minimum_healthy_targets.count", "1", "off", "0"),
        (
            "TCP",
            "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
            "1",
            "2",
            "off",
        ),
        (
            "TCP",
            "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
            "off",
            "50",
            "101",
        ),
        ("TCP", "load_balancing.algorithm.type", None, None, "round_robin"),
    ],
)
async def test_groups_attributes_by_protocol(attribute, tcp, elb, network, refused):
    protocol, key, default, good, bad = attribute
    arn = await tcp(await network(), protocol=protocol)
    shown = await elb("DescribeTargetGroupAttributes", TargetGroupArn=arn)
    held = {one["Key"]: one["Value"] for one in shown["Attributes"]}
    assert held.get(key) == default
    if good:
        changed = await elb(
            "ModifyTargetGroupAttributes",
            TargetGroupArn=arn,
            Attributes=[{"Key": key, "Value": good}],
        )
        assert {"Key": key, "Value": good} in changed["Attributes"]
    code, words = await refused(
        "ModifyTargetGroupAttributes",
        TargetGroupArn=arn,
        Attributes=[{"Key": key, "Value": bad}],
    )
    assert (code, key in words) == ("ValidationError", True), words


async def test_the_proxy_protocol_and_clients_own_addresses_exclude_each_other(
    tcp, elb, network, refused
):
    arn = await tcp(await network())
    proxy = {"Key": "proxy_protocol_v2.enabled", "Value": "true"}
    keep = {"Key": "preserve_client_ip.enabled", "Value": "true"}
    request = {"TargetGroupArn": arn, "Attributes": [proxy]}
    await elb("ModifyTargetGroupAttributes", **request)
    code, words = await refused("ModifyTargetGroupAttributes", **request | {"Attributes": [keep]})
    assert (code, proxy["Key"] in words, keep["Key"] in words) == ("ValidationError", True, True)


async def test_checks_have_the_defaults_of_flows(tcp, elb, network, refused):
    net = await network()
    arn = await tcp(net)
    (shown,) = (await elb("DescribeTargetGroups", TargetGroupArns=[arn]))["TargetGroups"]
    assert (shown["HealthCheckProtocol"], shown["HealthCheckTimeoutSeconds"]) == ("TCP", 10)
    assert not {"HealthCheckPath", "Matcher"} & shown.keys()
    assert "ProtocolVersion" not in shown
    await tcp(net, "http", HealthCheckProtocol="HTTP")
    (shown,) = (await elb("DescribeTargetGroups", Names=["http"]))["TargetGroups"]
    assert (shown["HealthCheckPath"], shown["Matcher"]) == ("/", {"HttpCode": "200-399"})
    assert shown["HealthCheckTimeoutSeconds"] == 6
    await tcp(net, "https", HealthCheckProtocol="HTTPS")
    (shown,) = (await elb("DescribeTargetGroups", Names=["https"]))["TargetGroups"]
    assert (shown["HealthCheckProtocol"], shown["HealthCheckTimeoutSeconds"]) == ("HTTPS", 10)
    await elb(
        "ModifyTargetGroup",
        TargetGroupArn=arn,
        HealthCheckProtocol="HTTP",
        Matcher={"HttpCode": "599"},
    )

    async def words(**wanted):
        request = {"Name": "x", "Protocol": "TCP", "Port": 1, "VpcId": net.vpc_id}
        code, said = await refused("CreateTargetGroup", **request | wanted)
        assert code == "ValidationError"
        return said

    await tcp(net, "quick", HealthCheckIntervalSeconds=10)  # its timeout is 10 too
    assert "equal to the interval '9'" in await words(HealthCheckIntervalSeconds=9)
    assert "path" in await words(HealthCheckPath="/")
    assert "'UDP'" in await words(HealthCheckProtocol="UDP")
    assert "200-599" in await words(HealthCheckProtocol="HTTP", Matcher={"HttpCode": "600"})
    assert "ProtocolVersion" in await words(ProtocolVersion="HTTP1")
    assert "TCP" in await words(Protocol="HTTP", HealthCheckProtocol="TCP")
    assert "'alb'" in await words(TargetType="alb")


async def test_listeners_forward_to_groups_of_their_protocol(
    flows, tcp, opened, elb, network, refused
):
    net = await network()
    arn = (await flows(net))[LB]
    only_tcp, only_udp, both = [
        await tcp(net, name, protocol)
        for name, protocol in (("t", "TCP"), ("u", "UDP"), ("b", "TCP_UDP"))
    ]
    listener = await opened(arn, 80, "TCP", only_tcp)
    assert listener["Protocol"] == "TCP"
    assert (await opened(arn, 80, "TCP", only_tcp)) == listener
    await opened(arn, 80, "UDP", only_udp)  # ports of their own
    await opened(arn, 53, "TCP_UDP", both)

    async def refusal(port, protocol, *actions):
        return await refused(
            "CreateListener",
            LoadBalancerArn=arn,
            Port=port,
            Protocol=protocol,
            DefaultActions=list(actions),
        )

    assert (await refusal(53, "UDP", forward(only_udp)))[0] == "DuplicateListener"
    assert (await refusal(80, "TCP_UDP", forward(both)))[0] == "DuplicateListener"
    tls = await tcp(net, "s", "TLS")
    for protocol, group in (
        ("TCP", only_udp),
        ("UDP", only_tcp),
        ("TCP_UDP", only_tcp),
        ("TCP", tls),
        ("TLS", both),
        ("TLS", only_udp),
    ):
        code, _ = await refusal(1, protocol, forward(group))
        assert code == "InvalidConfigurationRequest"
    assert (await refusal(1, "HTTP", forward(only_tcp)))[0] == "ValidationError"
    assert (await refusal(80, "TLS", forward(only_tcp)))[0] == "ValidationError"  # no certificate
    assert (await refusal(1, "QUIC", forward(only_tcp)))[0] == "UnsupportedProtocol"
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    code, words = await refusal(1, "TCP", fixed)
    assert (code, "fixed-response" in words) == ("ValidationError", True)
    sticky = forward(only_tcp)
    sticky["ForwardConfig"]["TargetGroupStickinessConfig"] = {
        "Enabled": True,
        "DurationSeconds": 5,
    }
    assert "TargetGroupStickinessConfig" in (await refusal(1, "TCP", sticky))[1]
    assert len((await elb("DescribeListeners", LoadBalancerArn=arn))["Listeners"]) == 3


async def test_a_listener_changes_its_protocol_with_its_groups(
    flows, tcp, opened, elb, network, refused
):
    net = await network()
    arn = (await flows(net))[LB]
    both, only_tcp = await tcp(net, "b", "TCP_UDP"), await tcp(net, "t")
    name = (await opened(arn, 53, "UDP", both))["ListenerArn"]
    await opened(arn, 53, "TCP", only_tcp)
    code, _ = await refused("ModifyListener", ListenerArn=name, Protocol="TCP")
    assert code == "DuplicateListener"
    moved = await elb("ModifyListener", ListenerArn=name, Protocol="TCP", Port=54)
    assert (moved["Listeners"][0]["Protocol"], moved["Listeners"][0]["Port"]) == ("TCP", 54)
    other = (await opened(arn, 55, "TCP", await tcp(net, "o")))["ListenerArn"]
    code, _ = await refused("ModifyListener", ListenerArn=other, Protocol="UDP")
    assert code == "InvalidConfigurationRequest"


async def test_idle_times_are_tcps(flows, tcp, opened, elb, network, refused):
    net = await network()
    arn = (await flows(net))[LB]
    name = (await opened(arn, 53, "TCP_UDP", await tcp(net, protocol="TCP_UDP")))["ListenerArn"]
    key = "tcp.idle_timeout.seconds"
    shown = await elb("DescribeListenerAttributes", ListenerArn=name)
    assert shown["Attributes"] == [{"Key": key, "Value": "350"}]
    changed = [{"Key": key, "Value": "6000"}]
    shown = await elb("ModifyListenerAttributes", ListenerArn=name, Attributes=changed)
    assert shown["Attributes"] == changed
    for value in ("59", "6001", "x"):
        code, _ = await refused(
            "ModifyListenerAttributes",
            ListenerArn=name,
            Attributes=[{"Key": key, "Value": value}],
        )
        assert code == "ValidationError"
    udp = (await opened(arn, 1, "UDP", await tcp(net, "u", "UDP")))["ListenerArn"]
    assert (await elb("DescribeListenerAttributes", ListenerArn=udp))["Attributes"] == []


async def test_listeners_have_no_rules(flows, tcp, opened, network, refused, store):
    net = await network()
    arn = (await flows(net))[LB]
    group = await tcp(net)
    listener = await opened(arn, 80, "TCP", group)
    code, words = await refused(
        "CreateRule",
        ListenerArn=listener["ListenerArn"],
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/"]}],
        Actions=[forward(group)],
    )
    assert (code, "Rules are unsupported" in words) == ("InvalidConfigurationRequest", True)
    assert list(all_findings(store)) == []
