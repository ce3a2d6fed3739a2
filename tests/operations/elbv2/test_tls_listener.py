"""TLS listeners of network load balancers: certificates, ALPN, and groups that fit behind them."""

import pytest

from ecsd.errors import AwsError
from ecsd.records.elbv2.load_balancer import Listener
from tests.certificates.pems import NOW
from tests.operations.elbv2.conftest import At

LB = "LoadBalancerArn"
TG = "TargetGroupArn"
KEY = "tcp.idle_timeout.seconds"
NEWER = "ELBSecurityPolicy-TLS13-1-2-2021-06"


@pytest.fixture
def elb(client):
    return client("elbv2", clock=At(NOW))


@pytest.fixture
async def world(network, balancer):
    """A network, and a network load balancer in it: its ARN."""
    net = await network()
    return net, (await balancer(net, "flows", Type="network"))[LB]


@pytest.fixture
def tls(elb, world, imported, target_group):
    """Open a TLS listener: ``listener = await tls()``."""
    net, arn = world
    held = {}

    async def make(group=None, **more):
        if not held:
            held["group"] = await target_group(net, "default", Protocol="TLS")
            held["certificate"] = await imported()
        wanted = {
            LB: arn,
            "Protocol": "TLS",
            "Port": 443,
            "Certificates": [{"CertificateArn": held["certificate"]}],
            "DefaultActions": [{"Type": "forward", TG: group or held["group"]}],
        } | more
        return (await elb("CreateListener", **wanted))["Listeners"][0]

    return make


async def test_it_tells_policy_certificate_and_alpn_and_takes_back_what_it_tells(elb, tls, acm):
    made = await tls(AlpnPolicy=["HTTP2Preferred"])
    assert made["Protocol"] == "TLS"
    assert made["SslPolicy"] == "ELBSecurityPolicy-2016-08"
    assert made["AlpnPolicy"] == ["HTTP2Preferred"]
    assert "MutualAuthentication" not in made
    answer = await elb("DescribeListeners", ListenerArns=[made["ListenerArn"]])
    assert answer["Listeners"] == [made]
    told = {member: made[member] for member in ("SslPolicy", "Certificates", "AlpnPolicy")}
    assert await tls(**told) == made
    certificate = made["Certificates"][0]["CertificateArn"]
    shown = (await acm("DescribeCertificate", CertificateArn=certificate))["Certificate"]
    assert shown["InUseBy"] == [made[LB]]


async def test_alpn_is_told_only_where_it_was_chosen(elb, tls):
    made = await tls()
    assert "AlpnPolicy" not in made  # nothing is negotiated

    async def changed(**more):
        answer = await elb("ModifyListener", ListenerArn=made["ListenerArn"], **more)
        return answer["Listeners"][0].get("AlpnPolicy")

    assert await changed(AlpnPolicy=["HTTP2Only"]) == ["HTTP2Only"]
    assert await changed(SslPolicy=NEWER) == ["HTTP2Only"]
    assert await changed(AlpnPolicy=["None"]) == ["None"]


async def test_certificates_are_added_and_removed(elb, tls, imported):
    made = await tls()
    request = {"ListenerArn": made["ListenerArn"]}
    other = await imported("b.example.com")
    listed = {"Certificates": [{"CertificateArn": other}]}
    await elb("AddListenerCertificates", **request, **listed)
    shown = (await elb("DescribeListenerCertificates", **request))["Certificates"]
    assert [one["CertificateArn"] for one in shown] == [
        made["Certificates"][0]["CertificateArn"],
        other,
    ]
    await elb("RemoveListenerCertificates", **request, **listed)
    assert len((await elb("DescribeListenerCertificates", **request))["Certificates"]) == 1


async def test_it_becomes_tcp_and_leaves_its_tls_behind(elb, tls, target_group, world):
    group = await target_group(world[0], "plain", Protocol="TCP")
    made = await tls(group, AlpnPolicy=["HTTP2Only"])
    request = {"ListenerArn": made["ListenerArn"]}
    [plain] = (await elb("ModifyListener", **request, Protocol="TCP"))["Listeners"]
    assert not {"SslPolicy", "Certificates", "AlpnPolicy"} & set(plain)
    [again] = (
        await elb("ModifyListener", **request, Protocol="TLS", Certificates=made["Certificates"])
    )["Listeners"]
    assert again == {member: made[member] for member in made if member != "AlpnPolicy"}


async def test_its_idle_time_is_no_attribute(elb, tls):
    request = {"ListenerArn": (await tls())["ListenerArn"]}
    assert (await elb("DescribeListenerAttributes", **request))["Attributes"] == []
    changed = [{"Key": KEY, "Value": "60"}]
    with pytest.raises(AwsError, match=KEY):
        await elb("ModifyListenerAttributes", **request, Attributes=changed)


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ({"Certificates": []}, "ValidationError", "A certificate must be specified for TLS"),
        ({"AlpnPolicy": ["h2"]}, "ALPNPolicyNotFound", "'h2'"),
        ({"AlpnPolicy": ["HTTP2Only", "None"]}, "ValidationError", "Exactly one"),
        ({"MutualAuthentication": {"Mode": "passthrough"}}, "ValidationError", "off or verify"),
        ({"Protocol": "TCP"}, "InvalidConfigurationRequest", "protocol 'TLS'"),
    ],
)
async def test_what_cannot_be_is_refused(tls, store, more, code, words):
    with pytest.raises(AwsError) as caught:
        await tls(**more)
    assert (caught.value.code, words in caught.value.message) == (code, True), caught.value.message
    assert list(store.everywhere(Listener)) == []


async def test_alpn_is_for_tls_alone(elb, world, target_group, refused):
    net, arn = world
    group = await target_group(net, "plain", Protocol="TCP")
    request = {LB: arn, "Port": 1, "DefaultActions": [{"Type": "forward", TG: group}]}
    for member, value in (("AlpnPolicy", ["HTTP2Only"]), ("SslPolicy", NEWER)):
        code, words = await refused("CreateListener", **request, Protocol="TCP", **{member: value})
        assert (code, "for TCP listeners" in words) == ("ValidationError", True)


@pytest.mark.parametrize("key", ["preserve_client_ip.enabled", "stickiness.enabled"])
async def test_groups_behind_it_cannot_have_what_decrypted_flows_cannot(
    key, elb, tls, world, target_group, refused
):
    group = await target_group(world[0], "plain", Protocol="TCP")

    def attributes(value):
        return {TG: group, "Attributes": [{"Key": key, "Value": value}]}

    await elb("ModifyTargetGroupAttributes", **attributes("true"))
    with pytest.raises(AwsError) as caught:
        await tls(group)
    assert (caught.value.code, key in caught.value.message) == ("InvalidConfigurationRequest", True)
    await elb("ModifyTargetGroupAttributes", **attributes("false"))
    await tls(group)
    code, words = await refused("ModifyTargetGroupAttributes", **attributes("true"))
    assert (code, key in words) == ("ValidationError", True)
