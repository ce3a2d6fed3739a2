"""Listeners and their default actions."""

import pytest

from ecsd.records.elbv2.load_balancer import Listener

MISSING = (
    "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/no/0123456789abcdef/"
    "0123456789abcdef"
)
FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
TO_HTTPS = {
    "Type": "redirect",
    "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"},
}


def forward(*arns: str, **more) -> dict:
    groups = [{"TargetGroupArn": arn} for arn in arns]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": groups} | more}


@pytest.fixture
def lb(balancer, network, target_group):
    """Make a balancer and two target groups: ``arn, (one, two) = await lb()``."""

    async def make() -> tuple[str, tuple[str, str]]:
        net = await network()
        groups = (await target_group(net, "one"), await target_group(net, "two"))
        return (await balancer(net))["LoadBalancerArn"], groups

    return make


async def test_a_forward_is_answered_in_both_forms(elb, lb, listener):
    arn, (one, _) = await lb()
    made = await listener(arn, {"Type": "forward", "TargetGroupArn": one})
    whole = {
        "Type": "forward",
        "Order": 1,
        "TargetGroupArn": one,
        "ForwardConfig": {
            "TargetGroups": [{"TargetGroupArn": one, "Weight": 1}],
            "TargetGroupStickinessConfig": {"Enabled": False},
        },
    }
    assert made["DefaultActions"] == [whole]
    assert (made["Protocol"], made["Port"], made["LoadBalancerArn"]) == ("HTTP", 80, arn)
    assert made["ListenerArn"].startswith(arn.replace(":loadbalancer/", ":listener/"))
    # What Describe answers may be given back as it is.
    await elb("ModifyListener", ListenerArn=made["ListenerArn"], DefaultActions=[whole])
    [shown] = (await elb("DescribeListeners", LoadBalancerArn=arn))["Listeners"]
    assert shown == made


async def test_weights_and_stickiness_are_kept(lb, listener):
    arn, (one, two) = await lb()
    config = {
        "TargetGroups": [
            {"TargetGroupArn": one, "Weight": 0},
            {"TargetGroupArn": two, "Weight": 999},
        ],
        "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60},
    }
    made = await listener(arn, {"Type": "forward", "ForwardConfig": config})
    [action] = made["DefaultActions"]
    assert action == {"Type": "forward", "Order": 1, "ForwardConfig": config}


async def test_a_redirect_keeps_what_it_does_not_change(lb, listener):
    arn, _ = await lb()
    [action] = (await listener(arn, TO_HTTPS))["DefaultActions"]
    assert action["RedirectConfig"] == {
        "Protocol": "HTTPS",
        "Port": "443",
        "Host": "#{host}",
        "Path": "/#{path}",
        "Query": "#{query}",
        "StatusCode": "HTTP_301",
    }


async def test_a_redirect_may_drop_the_query(lb, listener):
    arn, _ = await lb()
    config = {"Query": "", "Path": "/new", "StatusCode": "HTTP_302"}
    [action] = (await listener(arn, {"Type": "redirect", "RedirectConfig": config}))[
        "DefaultActions"
    ]
    assert (action["RedirectConfig"]["Query"], action["RedirectConfig"]["Path"]) == ("", "/new")


async def test_a_port_is_opened_once(elb, lb, listener, refused):
    arn, (one, _) = await lb()
    made = await listener(arn, forward(one))
    assert await listener(arn, forward(one)) == made
    code, words = await refused(
        "CreateListener", LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=[FIXED]
    )
    assert (code, words) == (
        "DuplicateListener",
        "A listener already exists on this port for this load balancer",
    )
    other = await listener(arn, FIXED, port=81)
    code, _ = await refused("ModifyListener", ListenerArn=other["ListenerArn"], Port=80)
    assert code == "DuplicateListener"
    assert len((await elb("DescribeListeners", LoadBalancerArn=arn))["Listeners"]) == 2


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"Protocol": "HTTPS"}, "ValidationError"),
        ({"Protocol": "QUIC"}, "UnsupportedProtocol"),
        ({"Protocol": "TLS"}, "ValidationError"),
        ({"Protocol": "TCP"}, "ValidationError"),
        ({"Protocol": None}, "ValidationError"),
        ({"Port": None}, "ValidationError"),
        ({"SslPolicy": "ELBSecurityPolicy-2016-08"}, "ValidationError"),
        ({"Certificates": [{"CertificateArn": "arn:x"}]}, "ValidationError"),
        ({"AlpnPolicy": ["HTTP2Only"]}, "ValidationError"),
        ({"MutualAuthentication": {"Mode": "verify"}}, "ValidationError"),
        ({"DefaultActions": []}, "ValidationError"),
        ({"DefaultActions": [FIXED, FIXED]}, "ValidationError"),
    ],
)
async def test_what_cannot_be_opened_is_refused(wanted, code, lb, refused, store):
    arn, _ = await lb()
    request = {
        "LoadBalancerArn": arn,
        "Protocol": "HTTP",
        "Port": 80,
        "DefaultActions": [FIXED],
    } | wanted
    given = {name: value for name, value in request.items() if value is not None}
    assert (await refused("CreateListener", **given))[0] == code
    assert list(store.everywhere(Listener)) == []


async def test_a_group_serves_one_balancer_of_its_own_vpc(
    lb, listener, network, balancer, target_group, refused
):
    arn, (one, _) = await lb()
    await listener(arn, forward(one))
    net = await network(1)
    strange = await target_group(net, "strange")
    other = (await balancer(net, "other"))["LoadBalancerArn"]

    async def refusal(load_balancer_arn, group):
        return await refused(
            "CreateListener",
            LoadBalancerArn=load_balancer_arn,
            Protocol="HTTP",
            Port=81,
            DefaultActions=[forward(group)],
        )

    code, words = await refusal(arn, strange)
    assert (code, strange in words) == ("InvalidConfigurationRequest", True)
    await listener(other, forward(strange))
    missing = strange[:-16] + "0" * 16
    assert (await refusal(arn, missing))[0] == "TargetGroupNotFound"
    assert (await refusal(arn, "web"))[0] == "ValidationError"


async def test_a_group_of_another_balancer_is_refused(elb, lb, listener, network, refused):
    arn, (one, _) = await lb()
    await listener(arn, forward(one))
    [first] = (await elb("DescribeLoadBalancers"))["LoadBalancers"]
    subnets = [zone["SubnetId"] for zone in first["AvailabilityZones"]]
    second = (await elb("CreateLoadBalancer", Name="second", Subnets=subnets))["LoadBalancers"][0]
    code, words = await refused(
        "CreateListener",
        LoadBalancerArn=second["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[forward(one)],
    )
    assert (code, one in words) == ("TargetGroupAssociationLimit", True)


async def test_a_listener_is_changed_member_by_member(elb, lb, listener, refused):
    arn, (one, two) = await lb()
    made = await listener(arn, forward(one))
    [moved] = (await elb("ModifyListener", ListenerArn=made["ListenerArn"], Port=8080))["Listeners"]
    assert moved == made | {"Port": 8080}
    answer = await elb(
        "ModifyListener", ListenerArn=made["ListenerArn"], DefaultActions=[forward(two)]
    )
    assert answer["Listeners"][0]["DefaultActions"][0]["TargetGroupArn"] == two
    await elb("DeleteTargetGroup", TargetGroupArn=one)
    code, words = await refused("ModifyListener", ListenerArn=made["ListenerArn"], Protocol="HTTPS")
    assert (code, "certificate" in words) == ("ValidationError", True)


async def test_listeners_are_found_by_arn_and_balancer(elb, lb, listener, refused):
    arn, _ = await lb()
    first, second = await listener(arn, FIXED), await listener(arn, FIXED, port=81)
    answer = await elb("DescribeListeners", LoadBalancerArn=arn)
    assert {one["Port"] for one in answer["Listeners"]} == {80, 81}
    arns = [second["ListenerArn"]]
    assert (await elb("DescribeListeners", ListenerArns=arns))["Listeners"] == [second]
    page = await elb("DescribeListeners", LoadBalancerArn=arn, PageSize=1)
    rest = await elb("DescribeListeners", LoadBalancerArn=arn, Marker=page["NextMarker"])
    assert {one["Port"] for one in page["Listeners"] + rest["Listeners"]} == {80, 81}
    assert (await refused("DescribeListeners"))[0] == "ValidationError"
    assert await refused("DescribeListeners", ListenerArns=[MISSING]) == (
        "ListenerNotFound",
        "One or more listeners not found",
    )
    await elb("DeleteListener", ListenerArn=first["ListenerArn"])
    code, _ = await refused("DeleteListener", ListenerArn=first["ListenerArn"])
    assert code == "ListenerNotFound"


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("ModifyListener", {"Port": 81}),
        ("DeleteListener", {}),
        ("DescribeListenerAttributes", {}),
        ("ModifyListenerAttributes", {"Attributes": []}),
        ("DescribeRules", {}),
    ],
)
async def test_an_unknown_listener_is_not_found(name, more, refused):
    code, words = await refused(name, ListenerArn=MISSING, **more)
    assert (code, words) == ("ListenerNotFound", f"Listener '{MISSING}' not found")
    assert await refused(name, ListenerArn="web", **more) == (
        "ValidationError",
        "'web' is not a valid listener ARN",
    )


async def test_attributes_are_told_and_kept_at_their_defaults(elb, lb, listener, refused):
    arn, _ = await lb()
    made = (await listener(arn, FIXED))["ListenerArn"]
    shown = await elb("DescribeListenerAttributes", ListenerArn=made)
    server = {"Key": "routing.http.response.server.enabled", "Value": "true"}
    assert server in shown["Attributes"]
    answer = await elb("ModifyListenerAttributes", ListenerArn=made, Attributes=[server])
    assert answer == shown
    for key in ("routing.http.response.server.enabled", "no.such"):
        attributes = [{"Key": key, "Value": "false"}]
        code, words = await refused(
            "ModifyListenerAttributes", ListenerArn=made, Attributes=attributes
        )
        assert (code, key in words) == ("ValidationError", True)


async def test_a_balancer_has_at_most_fifty_ports(lb, listener, refused):
    arn, _ = await lb()
    for port in range(1, 51):
        await listener(arn, FIXED, port=port)
    code, _ = await refused(
        "CreateListener", LoadBalancerArn=arn, Protocol="HTTP", Port=99, DefaultActions=[FIXED]
    )
    assert code == "TooManyListeners"
