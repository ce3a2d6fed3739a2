"""HTTPS listeners: their certificates, their policies."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ecsd.decisions.balancers.ssl_policies import POLICIES
from ecsd.errors import AwsError
from ecsd.records.elbv2.load_balancer import Listener
from tests.certificates.pems import DAY, NOW
from tests.operations.elbv2.conftest import At

MISSING = "arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-4000-8000-000000000000"
FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
DEFAULT = "ELBSecurityPolicy-2016-08"
NEWER = "ELBSecurityPolicy-TLS13-1-2-2021-06"


@pytest.fixture
def elb(client):
    return client("elbv2", clock=At(NOW))


@pytest.fixture
def https(elb, balancer, network, imported):
    """Open an HTTPS listener: ``listener = await https()``."""
    held = []

    async def make(**more):
        if not held:
            held.append((await balancer(await network()))["LoadBalancerArn"])
        wanted = {
            "LoadBalancerArn": held[0],
            "Protocol": "HTTPS",
            "Port": 443,
            "DefaultActions": [FIXED],
        } | more
        if "Certificates" not in wanted:
            wanted["Certificates"] = [{"CertificateArn": await imported()}]
        return (await elb("CreateListener", **wanted))["Listeners"][0]

    return make


async def test_a_listener_tells_policy_and_default_certificate(elb, https, acm):
    made = await https()
    arn = made["Certificates"][0]["CertificateArn"]
    assert made["SslPolicy"] == DEFAULT
    assert made["Certificates"] == [{"CertificateArn": arn}]
    assert made["MutualAuthentication"] == {"Mode": "off"}
    answer = await elb("DescribeListeners", ListenerArns=[made["ListenerArn"]])
    assert answer["Listeners"] == [made]
    shown = (await acm("DescribeCertificate", CertificateArn=arn))["Certificate"]
    assert shown["InUseBy"] == [made["LoadBalancerArn"]]
    # What is answered may be given back as it is.
    same = await https(
        Certificates=made["Certificates"],
        SslPolicy=made["SslPolicy"],
        MutualAuthentication=made["MutualAuthentication"],
    )
    assert same == made


async def test_clients_certificates_are_passed_on_until_they_are_not(elb, https):
    made = await https(MutualAuthentication={"Mode": "passthrough"})
    arn = made["ListenerArn"]
    assert made["MutualAuthentication"] == {"Mode": "passthrough"}
    kept = await elb("ModifyListener", ListenerArn=arn, SslPolicy=NEWER)
    assert kept["Listeners"][0]["MutualAuthentication"] == {"Mode": "passthrough"}
    plain = await elb("ModifyListener", ListenerArn=arn, Protocol="HTTP", Port=80)
    assert "MutualAuthentication" not in plain["Listeners"][0]
    certificates = made["Certificates"]
    again = await elb(
        "ModifyListener", ListenerArn=arn, Protocol="HTTPS", Port=443, Certificates=certificates
    )
    assert again["Listeners"][0]["MutualAuthentication"] == {"Mode": "off"}


async def test_a_listener_is_deleted_and_its_certificate_free(elb, https, acm):
    made = await https()
    arn = made["Certificates"][0]["CertificateArn"]
    await elb("DeleteListener", ListenerArn=made["ListenerArn"])
    await acm("DeleteCertificate", CertificateArn=arn)


async def test_policy_and_certificate_are_changed(elb, https, imported, acm):
    made = await https()
    old = made["Certificates"][0]["CertificateArn"]
    new = await imported("b.example.com")
    answer = await elb(
        "ModifyListener",
        ListenerArn=made["ListenerArn"],
        SslPolicy=NEWER,
        Certificates=[{"CertificateArn": new}],
    )
    [changed] = answer["Listeners"]
    assert (changed["SslPolicy"], changed["Certificates"]) == (NEWER, [{"CertificateArn": new}])
    await acm("DeleteCertificate", CertificateArn=old)
    again = await elb("ModifyListener", ListenerArn=made["ListenerArn"], Port=8443)
    assert again["Listeners"] == [changed | {"Port": 8443}]


async def test_a_listener_becomes_http_and_back(elb, https, imported, acm):
    made = await https()
    listed = await imported("list.example.com")
    await elb(
        "AddListenerCertificates",
        ListenerArn=made["ListenerArn"],
        Certificates=[{"CertificateArn": listed}],
    )
    answer = await elb("ModifyListener", ListenerArn=made["ListenerArn"], Protocol="HTTP")
    [plain] = answer["Listeners"]
    assert not {"SslPolicy", "Certificates", "MutualAuthentication"} & set(plain)
    found = await elb("DescribeListenerCertificates", ListenerArn=made["ListenerArn"])
    assert found["Certificates"] == []
    await acm("DeleteCertificate", CertificateArn=listed)
    answer = await elb(
        "ModifyListener",
        ListenerArn=made["ListenerArn"],
        Protocol="HTTPS",
        Certificates=made["Certificates"],
    )
    assert answer["Listeners"] == [made]


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ({"Certificates": []}, "ValidationError", "A certificate must be specified for HTTPS"),
        ({"Certificates": [{"CertificateArn": MISSING}]}, "CertificateNotFound", MISSING),
        ({"Certificates": [{}]}, "ValidationError", "ARN"),
        (
            {"Certificates": [{"CertificateArn": MISSING}, {"CertificateArn": "arn:2"}]},
            "ValidationError",
            "Up to '1'",
        ),
        (
            {"Certificates": [{"CertificateArn": MISSING, "IsDefault": True}]},
            "ValidationError",
            "IsDefault",
        ),
        ({"SslPolicy": "ELBSecurityPolicy-None"}, "SSLPolicyNotFound", "'ELBSecurityPolicy-None'"),
        (
            {"SslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"},
            "SSLPolicyNotFound",
            "post-quantum",
        ),
        ({"MutualAuthentication": {"Mode": "verify"}}, "ValidationError", "TrustStoreArn"),
        ({"MutualAuthentication": {"Mode": "maybe"}}, "ValidationError", "'maybe'"),
        (
            {"MutualAuthentication": {"Mode": "passthrough", "TrustStoreArn": "arn:x"}},
            "ValidationError",
            "TrustStoreArn",
        ),
        (
            {"MutualAuthentication": {"Mode": "off", "TrustStoreArn": "arn:x"}},
            "ValidationError",
            "TrustStoreArn",
        ),
        ({"AlpnPolicy": ["HTTP2Only"]}, "ValidationError", "AlpnPolicy"),
    ],
)
async def test_what_https_cannot_be_is_refused(https, store, more, code, words):
    with pytest.raises(AwsError) as caught:
        await https(**more)
    assert caught.value.code == code
    assert words in caught.value.message
    assert list(store.everywhere(Listener)) == []


@pytest.mark.parametrize("case", ["weak key", "no domain", "expired"])
async def test_a_certificate_that_cannot_be_served_is_refused(
    case, https, imported, client, balancer, network
):
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    match case:
        case "weak key":
            arn, now = await imported("a.example.com", key=small), NOW
        case "no domain":
            arn, now = await imported("localhost"), NOW
        case _:
            arn, now = await imported("a.example.com", until=NOW + DAY), NOW + timedelta(days=2)
    late = client("elbv2", clock=At(now))
    load_balancer = (await balancer(await network()))["LoadBalancerArn"]
    with pytest.raises(AwsError) as caught:
        await late(
            "CreateListener",
            LoadBalancerArn=load_balancer,
            Protocol="HTTPS",
            Port=443,
            DefaultActions=[FIXED],
            Certificates=[{"CertificateArn": arn}],
        )
    assert caught.value.code == "UnsupportedCertificate"
    assert caught.value.message == (
        f"The certificate '{arn}' must have a fully-qualified domain name, a supported signature, "
        "and a supported key size."
    )


async def test_members_of_https_are_refused_for_http(https, imported):
    for member, value in (
        ("SslPolicy", DEFAULT),
        ("Certificates", [{"CertificateArn": MISSING}]),
        ("MutualAuthentication", {"Mode": "off"}),
    ):
        with pytest.raises(AwsError) as caught:
            await https(**{"Protocol": "HTTP", "Certificates": [], member: value})
        assert caught.value.message.endswith("cannot be specified for HTTP listeners")


async def test_the_list_of_certificates_grows_and_shrinks(elb, https, imported, refused):
    made = await https()
    default = made["Certificates"][0]["CertificateArn"]
    one, two = await imported("one.example.com"), await imported("two.example.com")

    async def listed():
        found = await elb("DescribeListenerCertificates", ListenerArn=made["ListenerArn"])
        return [(part["CertificateArn"], part["IsDefault"]) for part in found["Certificates"]]

    async def change(name, *arns):
        return await elb(
            name,
            ListenerArn=made["ListenerArn"],
            Certificates=[{"CertificateArn": arn} for arn in arns],
        )

    assert await listed() == [(default, True)]
    added = await change("AddListenerCertificates", one, two)
    assert added["Certificates"] == [
        {"CertificateArn": one, "IsDefault": False},
        {"CertificateArn": two, "IsDefault": False},
    ]
    await change("AddListenerCertificates", one)
    assert await listed() == [(default, True), *sorted([(one, False), (two, False)])]
    await change("AddListenerCertificates", default)  # then names choose it too
    assert (default, False) in await listed()
    await change("RemoveListenerCertificates", default, one)
    assert await listed() == [(default, True), (two, False)]
    code, words = await refused(
        "RemoveListenerCertificates",
        ListenerArn=made["ListenerArn"],
        Certificates=[{"CertificateArn": default}],
    )
    assert (code, default in words) == ("OperationNotPermitted", True)


async def test_the_list_has_its_limit_and_comes_in_pages(elb, https, acm, imported, refused):
    made = await https()
    arns = [await imported(f"h{number}.example.com") for number in range(26)]
    certificates = [{"CertificateArn": arn} for arn in arns]
    code, _ = await refused(
        "AddListenerCertificates", ListenerArn=made["ListenerArn"], Certificates=certificates
    )
    assert code == "TooManyCertificates"
    await elb(
        "AddListenerCertificates", ListenerArn=made["ListenerArn"], Certificates=certificates[:25]
    )
    seen, marker = [], {}
    while True:
        found = await elb(
            "DescribeListenerCertificates",
            ListenerArn=made["ListenerArn"],
            PageSize=10,
            **marker,
        )
        seen += [one["CertificateArn"] for one in found["Certificates"]]
        if "NextMarker" not in found:
            break
        marker = {"Marker": found["NextMarker"]}
    assert len(seen) == 26
    assert seen[0] == made["Certificates"][0]["CertificateArn"]
    assert set(seen[1:]) == set(arns[:25])


async def test_a_plain_listener_has_no_list(https, imported, refused):
    plain = await https(Protocol="HTTP", Port=80, Certificates=[])
    for name in ("AddListenerCertificates", "RemoveListenerCertificates"):
        code, words = await refused(
            name,
            ListenerArn=plain["ListenerArn"],
            Certificates=[{"CertificateArn": await imported()}],
        )
        assert (code, "HTTP" in words) == ("ValidationError", True)


async def test_policies_are_described(elb, refused):
    found = await elb("DescribeSSLPolicies", Names=[NEWER])
    [policy] = found["SslPolicies"]
    assert policy["SslProtocols"] == ["TLSv1.2", "TLSv1.3"]
    assert policy["Ciphers"][0] == {"Name": "TLS_AES_128_GCM_SHA256", "Priority": 1}
    assert [one["Priority"] for one in policy["Ciphers"]] == list(range(1, 12))
    everything = await elb("DescribeSSLPolicies", LoadBalancerType="application")
    assert {one["Name"] for one in everything["SslPolicies"]} == set(POLICIES)
    first = await elb("DescribeSSLPolicies", PageSize=5)
    rest = await elb("DescribeSSLPolicies", Marker=first["NextMarker"])
    assert len(first["SslPolicies"]) + len(rest["SslPolicies"]) == len(POLICIES)
    code, words = await refused("DescribeSSLPolicies", Names=["ELBSecurityPolicy-None"])
    assert (code, words) == ("SSLPolicyNotFound", "SSL policy 'ELBSecurityPolicy-None' not found")
    assert (await refused("DescribeSSLPolicies", LoadBalancerType="gateway"))[0] == (
        "ValidationError"
    )


async def test_targets_may_be_reached_and_checked_over_https(elb, network, target_group):
    net = await network()
    arn = await target_group(net, Protocol="HTTPS", Port=443)
    [made] = (await elb("DescribeTargetGroups", TargetGroupArns=[arn]))["TargetGroups"]
    assert (made["Protocol"], made["HealthCheckProtocol"]) == ("HTTPS", "HTTP")
    changed = await elb("ModifyTargetGroup", TargetGroupArn=arn, HealthCheckProtocol="HTTPS")
    assert changed["TargetGroups"][0]["HealthCheckProtocol"] == "HTTPS"


async def test_only_https_listeners_name_headers_of_tls(elb, https, refused):
    made, plain = await https(), await https(Protocol="HTTP", Port=80, Certificates=[])
    version = "routing.http.request.x_amzn_tls_version.header_name"

    async def held(listener):
        found = await elb("DescribeListenerAttributes", ListenerArn=listener["ListenerArn"])
        return {one["Key"]: one["Value"] for one in found["Attributes"]}

    assert (await held(made))[version] == "X-Amzn-Tls-Version"
    assert version not in await held(plain)
    changes = [{"Key": version, "Value": "X-My-Version"}]
    await elb("ModifyListenerAttributes", ListenerArn=made["ListenerArn"], Attributes=changes)
    assert (await held(made))[version] == "X-My-Version"
    leaf = "routing.http.request.x_amzn_mtls_clientcert_leaf.header_name"
    changes = [{"Key": leaf, "Value": "X-Leaf"}]
    await elb("ModifyListenerAttributes", ListenerArn=made["ListenerArn"], Attributes=changes)
    assert (await held(made))[leaf] == "X-Leaf"
    for listener, key, value in (
        (plain, version, "X-My-Version"),
        (made, version, "no header: name"),
        (made, leaf, "no header: name"),
    ):
        code, words = await refused(
            "ModifyListenerAttributes",
            ListenerArn=listener["ListenerArn"],
            Attributes=[{"Key": key, "Value": value}],
        )
        assert (code, key in words) == ("ValidationError", True)


@pytest.mark.parametrize(
    ("version", "path", "matcher"),
    [
        ("HTTP1", "/", {"HttpCode": "200"}),
        ("HTTP2", "/", {"HttpCode": "200"}),
        ("GRPC", "/AWS.ALB/healthcheck", {"GrpcCode": "12"}),
    ],
)
async def test_a_group_has_its_versions_check(elb, network, target_group, version, path, matcher):
    arn = await target_group(await network(), ProtocolVersion=version)
    [made] = (await elb("DescribeTargetGroups", TargetGroupArns=[arn]))["TargetGroups"]
    assert made["ProtocolVersion"] == version
    assert (made["HealthCheckPath"], made["Matcher"]) == (path, matcher)
    member = next(iter(matcher))
    wanted = "0-99" if version == "GRPC" else "200-299"
    changed = await elb("ModifyTargetGroup", TargetGroupArn=arn, Matcher={member: wanted})
    assert changed["TargetGroups"][0]["Matcher"] == {member: wanted}
    # What Describe answers may be given back as it is.
    again = await elb("ModifyTargetGroup", TargetGroupArn=arn, Matcher={member: wanted})
    assert again == changed


@pytest.fixture
def balancer_and_group(network, balancer, target_group):
    """Make a balancer and a group of a protocol version; return both ARNs."""

    async def make(version):
        net = await network()
        arn = (await balancer(net))["LoadBalancerArn"]
        return arn, await target_group(net, ProtocolVersion=version)

    return make


@pytest.mark.parametrize("version", ["HTTP2", "GRPC"])
async def test_http2_and_grpc_need_an_https_listener(
    elb, balancer_and_group, imported, refused, version
):
    arn, group = await balancer_and_group(version)
    forward = [{"Type": "forward", "TargetGroupArn": group}]
    words = (
        "Listener protocol 'HTTP' is not supported with a target group with the protocol-version "
        f"'{version}'"
    )
    plain = {"LoadBalancerArn": arn, "Protocol": "HTTP", "Port": 80}
    found = await refused("CreateListener", **plain, DefaultActions=forward)
    assert found == ("ValidationError", words)
    listener = (await elb("CreateListener", **plain, DefaultActions=[FIXED]))["Listeners"][0]
    own = {"ListenerArn": listener["ListenerArn"]}
    condition = [{"Field": "path-pattern", "Values": ["/x"]}]
    rule = {"Priority": 1, "Conditions": condition, "Actions": forward}
    assert (await refused("CreateRule", **own, **rule))[1] == words
    assert (await refused("ModifyListener", **own, DefaultActions=forward))[1] == words
    certificates = [{"CertificateArn": await imported()}]
    await elb("ModifyListener", **own, Protocol="HTTPS", Certificates=certificates)
    [made] = (await elb("CreateRule", **own, **rule))["Rules"]
    assert (await refused("ModifyListener", **own, Protocol="HTTP"))[1] == words
    await elb("ModifyRule", RuleArn=made["RuleArn"], Actions=[FIXED])
    await elb("ModifyListener", **own, Protocol="HTTP")
    assert (await refused("ModifyRule", RuleArn=made["RuleArn"], Actions=forward))[1] == words
