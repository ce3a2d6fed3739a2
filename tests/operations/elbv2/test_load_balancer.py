"""Load balancers: how one is made, shown, changed and deleted, and what is refused."""

import pytest

from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule

MISSING = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/no/0123456789abcdef"
FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
LB = "LoadBalancerArn"


def label_of(arn: str) -> str:
    return arn.partition("loadbalancer/")[2]


async def test_a_new_balancer_is_shown_as_aws_shows_it(balancer, network):
    net = await network()
    made = await balancer(net)
    assert label_of(made[LB]).startswith("app/web/")
    assert made["DNSName"].startswith("web-")
    assert made["DNSName"].endswith(".elb.localhost")
    assert made["State"] == {"Code": "provisioning"}
    assert (made["Type"], made["Scheme"], made["IpAddressType"]) == (
        "application",
        "internet-facing",
        "ipv4",
    )
    assert made["SecurityGroups"] == [net.group_id]
    assert [(one["ZoneName"], one["SubnetId"]) for one in made["AvailabilityZones"]] == [
        ("us-east-1a", net.subnets[0]),
        ("us-east-1b", net.subnets[1]),
    ]


async def test_an_internal_balancer_has_the_prefix_in_its_name(balancer, network):
    made = await balancer(await network(), Scheme="internal")
    assert made["DNSName"].startswith("internal-web-")


async def test_it_has_an_interface_in_every_subnet(balancer, network, ec2):
    net = await network()
    made = await balancer(net)
    wanted = [
        {"Name": "attachment.instance-owner-id", "Values": ["amazon-elb"]},
        {"Name": "description", "Values": [f"ELB {label_of(made[LB])}"]},
    ]
    found = (await ec2("DescribeNetworkInterfaces", Filters=wanted))["NetworkInterfaces"]
    assert {one["SubnetId"] for one in found} == set(net.subnets[:2])
    assert {one["RequesterId"] for one in found} == {"amazon-elb"}
    assert {one["Status"] for one in found} == {"in-use"}
    assert {one["InterfaceType"] for one in found} == {"interface"}


async def test_an_equal_balancer_is_answered_and_another_of_the_name_is_refused(
    balancer, network, refused, store
):
    net = await network()
    first = await balancer(net)
    assert (await balancer(net))[LB] == first[LB]
    assert len(list(store.everywhere(LoadBalancer))) == 1
    code, words = await refused(
        "CreateLoadBalancer", Name="web", Subnets=list(net.subnets[:2]), Scheme="internal"
    )
    assert code == "DuplicateLoadBalancerName"
    assert "'web'" in words


async def test_every_balancer_of_every_account_has_its_own_entrance(
    balancer, network, client, store
):
    net = await network()
    for name in ("one", "two", "three"):
        await balancer(net, name)
    entrances = [one.entrance for _, one in store.everywhere(LoadBalancer)]
    assert entrances == ["127.64.0.1", "127.64.0.2", "127.64.0.3"]
    elb = client("elbv2")
    await elb("DeleteLoadBalancer", LoadBalancerArn=(await balancer(net, "two"))[LB])
    await balancer(net, "four")
    assert sorted(one.entrance for _, one in store.everywhere(LoadBalancer)) == entrances


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"Name": "internal-x"}, "ValidationError"),
        ({"Name": "-x"}, "ValidationError"),
        ({"Name": "x-"}, "ValidationError"),
        ({"Name": "under_score"}, "ValidationError"),
        ({"Name": "x" * 33}, "ValidationError"),
        ({"Type": "gateway"}, "ValidationError"),
        ({"IpAddressType": "dualstack"}, "ValidationError"),
        ({"CustomerOwnedIpv4Pool": "ipv4pool-coip-1"}, "ValidationError"),
        ({"EnablePrefixForIpv6SourceNat": "on"}, "ValidationError"),
        ({"Subnets": ["subnet-0123456789abcdef0", "subnet-1"]}, "SubnetNotFound"),
        ({"SecurityGroups": ["sg-0123456789abcdef0"]}, "InvalidSecurityGroup"),
        ({"Tags": [{"Key": "a"}, {"Key": "a"}]}, "DuplicateTagKeys"),
        ({"Tags": [{"Key": str(number)} for number in range(51)]}, "TooManyTags"),
    ],
)
async def test_what_cannot_be_made_is_refused(wanted, code, network, refused, store):
    net = await network()
    request = {"Name": "web", "Subnets": list(net.subnets[:2])} | wanted
    assert (await refused("CreateLoadBalancer", **request))[0] == code
    assert list(store.everywhere(LoadBalancer)) == []


async def test_subnets_lie_in_two_zones_of_one_vpc(network, refused, ec2):
    net, other = await network(), await network(1)
    a, b, _ = net.subnets

    async def code(**wanted):
        return (await refused("CreateLoadBalancer", Name="web", **wanted))[0]

    again = await ec2(
        "CreateSubnet", VpcId=net.vpc_id, CidrBlock="10.0.9.0/24", AvailabilityZone="us-east-1a"
    )
    assert await code() == "ValidationError"
    assert await code(Subnets=[a]) == "ValidationError"
    assert await code(Subnets=[a, a]) == "ValidationError"
    assert await code(Subnets=[a, again["Subnet"]["SubnetId"]]) == "InvalidConfigurationRequest"
    assert await code(Subnets=[a, other.subnets[1]]) == "InvalidConfigurationRequest"
    assert await code(Subnets=[a, b], SubnetMappings=[{"SubnetId": a}]) == "ValidationError"
    assert await code(SubnetMappings=[{"SubnetId": a}, {}]) == "ValidationError"
    elastic = [{"SubnetId": a, "AllocationId": "eipalloc-1"}, {"SubnetId": b}]
    code_, words = await refused("CreateLoadBalancer", Name="web", SubnetMappings=elastic)
    assert (code_, "AllocationId" in words) == ("InvalidConfigurationRequest", True)
    assert await code(Subnets=[a, b], SecurityGroups=[other.group_id]) == (
        "InvalidConfigurationRequest"
    )


async def test_subnet_mappings_do_what_subnets_do(elb, network):
    net = await network()
    mappings = [{"SubnetId": one} for one in net.subnets]
    made = await elb("CreateLoadBalancer", Name="web", SubnetMappings=mappings)
    assert len(made["LoadBalancers"][0]["AvailabilityZones"]) == 3


async def test_balancers_are_found_by_arn_and_name(elb, balancer, network, refused):
    net = await network()
    web, api = await balancer(net), await balancer(net, "api")
    both = (await elb("DescribeLoadBalancers"))["LoadBalancers"]
    assert {one["LoadBalancerName"] for one in both} == {"web", "api"}
    assert (await elb("DescribeLoadBalancers", LoadBalancerArns=[api[LB]]))["LoadBalancers"] == [
        api
    ]
    assert (await elb("DescribeLoadBalancers", Names=["web", "web"]))["LoadBalancers"] == [web]
    assert await refused("DescribeLoadBalancers", Names=["no"]) == (
        "LoadBalancerNotFound",
        "Load balancers '[no]' not found",
    )
    assert await refused("DescribeLoadBalancers", LoadBalancerArns=[MISSING]) == (
        "LoadBalancerNotFound",
        "One or more load balancers not found",
    )
    assert await refused("DescribeLoadBalancers", LoadBalancerArns=["web"]) == (
        "ValidationError",
        "'web' is not a valid load balancer ARN",
    )
    code, _ = await refused("DescribeLoadBalancers", LoadBalancerArns=[web[LB]], Names=["web"])
    assert code == "ValidationError"


async def test_deleting_takes_listeners_rules_and_interfaces_along(
    elb, ec2, balancer, listener, network, store
):
    made = await balancer(await network())
    opened = await listener(made[LB], FIXED)
    await elb(
        "CreateRule",
        ListenerArn=opened["ListenerArn"],
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/x"]}],
        Actions=[FIXED],
    )
    await elb("DeleteLoadBalancer", LoadBalancerArn=made[LB])
    await elb("DeleteLoadBalancer", LoadBalancerArn=made[LB])  # gone already: AWS answers 200
    assert (await ec2("DescribeNetworkInterfaces"))["NetworkInterfaces"] == []
    assert (await elb("DescribeLoadBalancers"))["LoadBalancers"] == []
    left = [one for kind in (LoadBalancer, Listener, Rule) for one in store.everywhere(kind)]
    assert left == []


async def test_deletion_protection_protects(elb, balancer, network, refused):
    arn = (await balancer(await network()))[LB]

    async def protect(value):
        attribute = {"Key": "deletion_protection.enabled", "Value": value}
        await elb("ModifyLoadBalancerAttributes", LoadBalancerArn=arn, Attributes=[attribute])

    await protect("true")
    assert (await refused("DeleteLoadBalancer", LoadBalancerArn=arn))[0] == "OperationNotPermitted"
    await protect("false")
    await elb("DeleteLoadBalancer", LoadBalancerArn=arn)


async def test_security_groups_are_set_on_the_interfaces_too(elb, ec2, balancer, network, refused):
    net, other = await network(), await network(1)
    arn = (await balancer(net))[LB]
    group = await ec2("CreateSecurityGroup", VpcId=net.vpc_id, GroupName="alb", Description="alb")
    answer = await elb("SetSecurityGroups", LoadBalancerArn=arn, SecurityGroups=[group["GroupId"]])
    assert answer["SecurityGroupIds"] == [group["GroupId"]]
    interfaces = (await ec2("DescribeNetworkInterfaces"))["NetworkInterfaces"]
    worn = {one["GroupId"] for interface in interfaces for one in interface["Groups"]}
    assert worn == {group["GroupId"]}

    async def code(**request):
        return (await refused("SetSecurityGroups", LoadBalancerArn=arn, **request))[0]

    assert await code(SecurityGroups=[]) == "ValidationError"
    assert await code(SecurityGroups=[other.group_id]) == "InvalidConfigurationRequest"
    assert await code(SecurityGroups=["sg-0123456789abcdef0"]) == "InvalidSecurityGroup"
    member = {"EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic": "on"}
    assert await code(SecurityGroups=[net.group_id], **member) == "ValidationError"


async def test_a_subnet_that_stays_keeps_its_address(elb, ec2, balancer, network, refused):
    net, other = await network(), await network(1)
    a, b, c = net.subnets
    arn = (await balancer(net))[LB]

    async def addresses():
        found = (await ec2("DescribeNetworkInterfaces"))["NetworkInterfaces"]
        return {one["SubnetId"]: one["PrivateIpAddress"] for one in found}

    before = await addresses()
    answer = await elb("SetSubnets", LoadBalancerArn=arn, Subnets=[b, c])
    assert {one["SubnetId"] for one in answer["AvailabilityZones"]} == {b, c}
    after = await addresses()
    assert set(after) == {b, c}
    assert after[b] == before[b]

    async def code(**request):
        return (await refused("SetSubnets", LoadBalancerArn=arn, **request))[0]

    assert await code(Subnets=[a]) == "ValidationError"
    assert await code(Subnets=list(other.subnets)) == "InvalidSubnet"
    assert await code(Subnets=[a, b], IpAddressType="dualstack") == "ValidationError"
    assert set(await addresses()) == {b, c}


async def test_only_ipv4_can_be_set(elb, balancer, network, refused):
    arn = (await balancer(await network()))[LB]
    answer = await elb("SetIpAddressType", LoadBalancerArn=arn, IpAddressType="ipv4")
    assert answer == {"IpAddressType": "ipv4"}
    code, words = await refused("SetIpAddressType", LoadBalancerArn=arn, IpAddressType="dualstack")
    assert (code, "dualstack" in words) == ("ValidationError", True)


async def test_attributes_have_aws_defaults_and_are_kept(elb, balancer, network, refused):
    arn = (await balancer(await network()))[LB]

    async def shown():
        answer = await elb("DescribeLoadBalancerAttributes", LoadBalancerArn=arn)
        return {one["Key"]: one["Value"] for one in answer["Attributes"]}

    before = await shown()
    assert before["idle_timeout.timeout_seconds"] == "60"
    assert before["routing.http2.enabled"] == "true"
    changes = {
        "idle_timeout.timeout_seconds": "120",
        "client_keep_alive.seconds": "600",
        "routing.http.xff_header_processing.mode": "preserve",
        "routing.http.drop_invalid_header_fields.enabled": "true",
    }
    attributes = [{"Key": key, "Value": value} for key, value in changes.items()]
    await elb("ModifyLoadBalancerAttributes", LoadBalancerArn=arn, Attributes=attributes)
    assert await shown() == before | changes

    async def refusal(key, value):
        attributes = [
            {"Key": "idle_timeout.timeout_seconds", "Value": "9"},
            {"Key": key, "Value": value},
        ]
        return await refused(
            "ModifyLoadBalancerAttributes", LoadBalancerArn=arn, Attributes=attributes
        )

    assert await refusal("no.such.key", "1") == (
        "ValidationError",
        "Load balancer attribute key 'no.such.key' is not recognized",
    )
    for key, value in (
        ("health_check_logs.s3.enabled", "true"),
        ("access_logs.s3.prefix", "my/AWSLogs"),
        ("waf.fail_open.enabled", "true"),
        ("zonal_shift.config.enabled", "true"),
        ("idle_timeout.timeout_seconds", "4001"),
        ("idle_timeout.timeout_seconds", "soon"),
        ("deletion_protection.enabled", "yes"),
    ):
        code, words = await refusal(key, value)
        assert (code, key in words) == ("ValidationError", True)
    assert await shown() == before | changes


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("SetSecurityGroups", {"SecurityGroups": ["sg-1"]}),
        ("SetSubnets", {"Subnets": ["subnet-1"]}),
        ("SetIpAddressType", {"IpAddressType": "ipv4"}),
        ("DescribeLoadBalancerAttributes", {}),
        ("ModifyLoadBalancerAttributes", {"Attributes": []}),
        ("DescribeCapacityReservation", {}),
        ("CreateListener", {"Protocol": "HTTP", "Port": 80, "DefaultActions": [FIXED]}),
        ("DescribeListeners", {}),
        ("DescribeTargetGroups", {}),
    ],
)
async def test_an_unknown_balancer_is_not_found(name, request_, refused):
    code, words = await refused(name, LoadBalancerArn=MISSING, **request_)
    assert (code, words) == ("LoadBalancerNotFound", f"Load balancer '{MISSING}' not found")


async def test_nothing_is_reserved(elb, balancer, network):
    arn = (await balancer(await network()))[LB]
    answer = await elb("DescribeCapacityReservation", LoadBalancerArn=arn)
    assert answer["CapacityReservationState"] == []


async def test_a_region_has_at_most_fifty(balancer, network, refused):
    net = await network()
    for number in range(50):
        await balancer(net, f"web-{number}")
    code, _ = await refused("CreateLoadBalancer", Name="web", Subnets=list(net.subnets[:2]))
    assert code == "TooManyLoadBalancers"


async def test_quotas_are_told_in_pages(elb):
    first = await elb("DescribeAccountLimits", PageSize=4)
    rest = await elb("DescribeAccountLimits", Marker=first["NextMarker"])
    limits = {one["Name"]: one["Max"] for one in first["Limits"] + rest["Limits"]}
    assert limits["application-load-balancers"] == "50"
    assert limits["targets-per-target-group"] == "1000"
    assert "NextMarker" not in rest


async def test_balancers_come_in_pages(elb, balancer, network, refused):
    net = await network()
    for number in range(5):
        await balancer(net, f"web-{number}")
    names, marker = [], {}
    while True:
        answer = await elb("DescribeLoadBalancers", PageSize=2, **marker)
        names += [one["LoadBalancerName"] for one in answer["LoadBalancers"]]
        if "NextMarker" not in answer:
            break
        marker = {"Marker": answer["NextMarker"]}
    assert names == [f"web-{number}" for number in range(5)]
    assert (await refused("DescribeLoadBalancers", Marker="§"))[0] == "ValidationError"
