"""What the API says of load balancers, rules and zones, put into words."""

import xml.etree.ElementTree as ET

import msgspec
import pytest
from msgspec.structs import replace

from ecsd.cli.balancers import action_words, condition_words, forwards, plain, urls_of
from ecsd.cli.why_url import _group, _peers, _to_target, tls_words
from ecsd.cli.why_zone import _answering, alias_targets
from tests.decisions.vpc import test_reachability

RULE = """
<Rules><member><Priority>5</Priority><IsDefault>false</IsDefault>
<Conditions><member><Field>query-string</Field><QueryStringConfig><Values>
<member><Key>v</Key><Value>1</Value></member></Values></QueryStringConfig></member>
<member><Field>http-header</Field><HttpHeaderConfig><HttpHeaderName>X-A</HttpHeaderName>
<Values><member>a</member><member>b</member></Values></HttpHeaderConfig></member></Conditions>
<Actions><member><Type>forward</Type><ForwardConfig><TargetGroups>
<member><TargetGroupArn>arn:a</TargetGroupArn><Weight>3</Weight></member>
<member><TargetGroupArn>arn:b</TargetGroupArn><Weight>1</Weight></member>
</TargetGroups></ForwardConfig></member></Actions></member></Rules>"""


def test_a_rule_is_told_in_words():
    (rule,) = plain(ET.fromstring(RULE))
    assert condition_words(rule) == "query-string v=1 and http-header X-A a or b"
    assert action_words(rule["Actions"], {"arn:a": "one"}) == "forward to one (3), arn:b (1)"
    assert forwards(rule["Actions"]) == {"arn:a": 3, "arn:b": 1}


def test_users_are_told_of_too():
    config = {"Issuer": "https://idp.test", "OnUnauthenticatedRequest": "deny"}
    actions = [
        {"Type": "authenticate-oidc", "AuthenticateOidcConfig": config},
        {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}},
    ]
    words = "users of https://idp.test pass, others: deny, answer 200"
    assert action_words(actions, {}) == words


@pytest.mark.parametrize(
    ("xml", "value"),
    [
        ("<a/>", None),
        ("<a>b</a>", "b"),
        ("<a><b>1</b><c/></a>", {"b": "1", "c": None}),
        ("<a><member>1</member><member>2</member></a>", ["1", "2"]),
        ("<a><item><b>1</b></item></a>", [{"b": "1"}]),
    ],
)
def test_xml_becomes_plain_values(xml, value):
    assert plain(ET.fromstring(xml)) == value


@pytest.mark.parametrize(
    ("protocol", "port", "url"),
    [
        ("HTTP", "80", "http://a"),
        ("HTTP", "8080", "http://a:8080"),
        ("HTTPS", "443", "https://a"),
        ("TCP", "80", "tcp://a:80"),
        ("TLS", "443", "tls://a:443"),
    ],
)
def test_a_url_leaves_out_what_its_scheme_implies(protocol, port, url):
    assert urls_of("a", {"Protocol": protocol, "Port": port}) == [url]


@pytest.mark.parametrize(
    ("protocol", "alpn", "words"),
    [
        ("HTTPS", None, "by P"),
        ("TLS", None, "by P; no ALPN is negotiated"),
        ("TLS", ["None"], "by P; no ALPN is negotiated"),
        ("TLS", ["HTTP2Only"], "by P and the ALPN policy HTTP2Only"),
    ],
)
def test_where_tls_ends_is_told_in_words(protocol, alpn, words):
    listener = {"Protocol": protocol, "SslPolicy": "P", "AlpnPolicy": alpn}
    assert tls_words(listener) == f"TLS ends at the load balancer, {words}"


@pytest.mark.parametrize(
    ("kind", "words"),
    [("application", "requests get 503"), ("network", "connections are refused")],
)
def test_a_group_without_targets_turns_away_what_comes(kind, words):
    group = {"TargetGroupName": "web", "Targets": []}
    (line,) = _group(None, {"Type": kind}, group, "")
    assert line == f"it stops here: target group web has no targets, and {words}"


def permission(protocol="tcp", first="80", last="80", *, ranges=(), groups=()):
    return {
        "ipProtocol": protocol,
        "fromPort": first,
        "toPort": last,
        "ipRanges": [{"cidrIp": one} for one in ranges],
        "groups": [{"groupId": one} for one in groups],
    }


@pytest.mark.parametrize(
    ("rule", "peers"),
    [
        (permission(ranges=["10.0.0.0/24"], groups=["sg-lb"]), ["10.0.0.0/24", "sg-lb"]),
        (permission() | {"prefixListIds": [{"prefixListId": "pl-1"}]}, ["pl-1"]),
        (permission(first="81", last="90", groups=["sg-lb"]), []),
        (permission("-1", None, None, groups=["sg-lb"]), ["sg-lb"]),
        (permission("udp", groups=["sg-lb"]), []),
    ],
)
def test_a_rule_tells_whom_it_admits_to_a_port(rule, peers):
    assert _peers(rule, 80) == peers


class VpcApi:
    """VPCs' plans, as ecsd's own page has them."""

    def inspect(self, what):
        assert what == "vpcs"
        plan = replace(test_reachability.plan(), names={"lb": (test_reachability.CLIENT,)})
        return [{"plan": msgspec.to_builtins(plan)}]


def test_what_keeps_a_balancer_from_a_target_is_told_by_the_rule():
    balancer = {"VpcId": "vpc-1", "DNSName": "LB"}
    target = {"Id": test_reachability.WEB, "Port": "80"}
    assert _to_target(VpcApi(), balancer, target) is None
    stop = _to_target(VpcApi(), balancer, target | {"Port": "81"})
    assert stop.startswith("it stops here: no ingress rule of sg-w")
    assert _to_target(VpcApi(), balancer | {"VpcId": "vpc-gone"}, target) is None


class FakeApi:
    """Hosted zones and their records, by the paths that are asked."""

    account = "1"
    zones = "<r><HostedZones><HostedZone><Id>/hostedzone/Z1</Id><Name>a.com.</Name></HostedZone>"
    zones += "</HostedZones></r>"
    alias = "<AliasTarget><DNSName>{}</DNSName></AliasTarget>"
    value = "<ResourceRecords><ResourceRecord><Value>{}</Value></ResourceRecord></ResourceRecords>"

    def __init__(self, *record_sets):
        self.pages = [
            f"<ResourceRecordSet><Name>{name}</Name><Type>{kind}</Type>"
            f"{(self.value if kind == 'CNAME' else self.alias).format(target)}"
            "</ResourceRecordSet>"
            for name, kind, target in record_sets
        ]

    def rest(self, service, path, /, **query):
        assert service == "route53"
        if path.endswith("/hostedzone"):
            return ET.fromstring(self.zones)
        at = int(query.get("name", 0))
        more = "true" if at + 1 < len(self.pages) else "false"
        return ET.fromstring(
            f"<r><ResourceRecordSets>{''.join(self.pages[at : at + 1])}</ResourceRecordSets>"
            f"<IsTruncated>{more}</IsTruncated><NextRecordName>{at + 1}</NextRecordName></r>"
        )


def test_a_name_leads_through_cnames_and_aliases_to_load_balancers():
    api = FakeApi(
        ("www.a.com.", "CNAME", "Web.a.com"),
        ("web.a.com.", "A", "dualstack.lb-1.elb.localhost."),
        ("\\052.apps.a.com.", "A", "web.a.com."),
        ("round.a.com.", "CNAME", "round.a.com"),
    )
    assert "lb-1.elb.localhost" in alias_targets(api, "www.a.com")
    assert "lb-1.elb.localhost" in alias_targets(api, "x.apps.A.com")
    assert alias_targets(api, "nobody.a.com") == []
    assert alias_targets(api, "round.a.com") == ["round.a.com"]


def test_a_wildcard_stands_for_what_is_not_there():
    known = [{"Name": one} for one in ("\\052.a.com.", "b.a.com.", "a.com.")]
    assert [one["Name"] for one in _answering(known, "x.y.a.com.")] == ["\\052.a.com."]
    assert _answering(known, "x.b.a.com.") == []
    assert [one["Name"] for one in _answering(known, "b.a.com.")] == ["b.a.com."]
