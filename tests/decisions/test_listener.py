"""Listeners as HAProxy's configuration: what is in it, what is not, what changes it."""

import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ecsd.certificates.authority import Authority
from ecsd.decisions.edge import Door, compile_edge
from ecsd.decisions.haproxy_backend import backend_name
from ecsd.decisions.haproxy_tls import certificate_path
from ecsd.decisions.listener import Limits, Place, compile_config, entrance_binds
from ecsd.decisions.rule_regex import check_regex
from ecsd.decisions.sni import sni_choices
from ecsd.decisions.ssl_policies import POLICIES
from ecsd.errors import BalancerError
from ecsd.records.acm.certificate import Certificate
from ecsd.records.plan import (
    BalancerPlan,
    HealthCheckPlan,
    ListenerPlan,
    RulePlan,
    SniChoice,
    TargetGroupPlan,
    TargetPlan,
    TlsPlan,
)

GROUP = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/a/1"
OTHER = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/b/2"
ARN = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/web/1"
PLACE = Place("/run/x", Limits(1000, 2, host_namespace="ecsd-host"), {("127.64.0.1", 80)})
CHECK = HealthCheckPlan(
    enabled=True,
    protocol="HTTP",
    port="traffic-port",
    path="/",
    interval=30,
    timeout=5,
    healthy_threshold=5,
    unhealthy_threshold=2,
    matcher="200",
)


def group(arn=GROUP, targets=("10.0.1.5",), **attributes):
    return TargetGroupPlan(
        target_group_arn=arn,
        name="a",
        protocol="HTTP",
        health_check=CHECK,
        targets=tuple(TargetPlan(target_id=one, address=one, port=8080) for one in targets),
        attributes={key.replace("__", "."): value for key, value in attributes.items()},
    )


def forward(**weights):
    arns = {"a": GROUP, "b": OTHER}
    shares = [{"TargetGroupArn": arns[name], "Weight": w} for name, w in weights.items()]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": shares}}


def plan(*conditions, action=None, default=None, groups=None, attributes=None, world=True):
    rules = (
        RulePlan(
            rule_arn="r", priority=7, conditions=conditions, actions=(action or forward(a=1),)
        ),
    )
    return BalancerPlan(
        load_balancer_arn=ARN,
        name="web",
        dns_name="web-1.elb.localhost",
        vpc_id="vpc-1",
        addresses=("10.0.1.20", "10.0.2.20"),
        entrance="127.64.0.1",
        listeners=(
            ListenerPlan(
                listener_arn="arn:listener",
                port=80,
                protocol="HTTP",
                rules=rules if conditions else (),
                default_actions=(default or forward(a=1),),
                open_to_world=world,
            ),
        ),
        target_groups=groups or (group(),),
        attributes=attributes or {},
    )


def text(*args, used=(("10.0.1.5", 8080),), **more):
    return compile_config([plan(*args, **more)], {(ARN, GROUP): set(used)}, PLACE).text("/run/s")


def test_a_listener_listens_on_its_addresses_and_where_the_world_may_enter():
    written = text()
    assert "bind 10.0.1.20:80 transparent" in written
    assert "bind 10.0.2.20:80 transparent" in written
    assert "bind 127.64.0.1:80 namespace ecsd-host" in written
    assert "accept-proxy" in written
    closed = text(world=False)
    assert "127.64.0.1" not in closed
    assert "accept-proxy" not in closed
    assert entrance_binds([plan(world=False)]) == []


def test_an_entrance_whose_port_is_taken_is_left_out():
    config = compile_config([plan()], {}, PLACE._replace(entrances=()))
    assert "127.64.0.1" not in config.text("/run/s")


def test_targets_out_of_use_get_nothing_and_change_no_frame():
    def config(used):
        return compile_config([plan()], {(ARN, GROUP): used}, PLACE)

    on, off = config({("10.0.1.5", 8080)}), config(set())
    assert on.frame() == off.frame()
    assert "10.0.1.5:8080\n" in on.text("/run/s")
    assert "10.0.1.5:8080 disabled\n" in off.text("/run/s")


def test_more_targets_change_no_frame_but_a_rule_does():
    less = compile_config([plan()], {}, PLACE)
    more = compile_config([plan(groups=(group(targets=("10.0.1.5", "10.0.1.6")),))], {}, PLACE)
    condition = {"Field": "path-pattern", "Values": ["/x"]}
    assert less.frame() == more.frame()
    assert less.frame() != compile_config([plan(condition)], {}, PLACE).frame()


def test_checks_and_requests_come_from_the_balancers_own_address():
    assert "source 10.0.1.20\n" in text()


def test_weights_are_drawn_one_after_the_other_and_zero_gets_nothing():
    groups = (group(), group(OTHER))
    written = text(default=forward(a=3, b=1), groups=groups)
    assert f"use_backend {backend_name(GROUP)} if {{ rand(4) lt 3 }}" in written
    assert f"default_backend {backend_name(OTHER)}" in written
    assert f"default_backend {backend_name(GROUP)}" in text(
        default=forward(a=3, b=0), groups=groups
    )
    nowhere = text(default=forward(a=0, b=0), groups=groups)
    assert "default_backend a_" in nowhere


def test_a_group_that_is_not_planned_answers_503():
    written = text(default=forward(b=1))
    assert f"backend {backend_name(OTHER)}\n" in written


@pytest.mark.parametrize(
    ("attribute", "value", "line"),
    [
        ("idle_timeout.timeout_seconds", "7", "timeout server 7s"),
        ("idle_timeout.timeout_seconds", "7", "timeout client 7s"),
        ("client_keep_alive.seconds", "77", "{ date,sub(sess.began) ge 77 }"),
        ("routing.http.drop_invalid_header_fields.enabled", "true", "del-header [^-A-Za-z0-9]"),
        ("routing.http.xff_header_processing.mode", "remove", "del-header X-Forwarded-For"),
        ("routing.http.xff_client_port.enabled", "true", "%[src]:%[src_port]"),
    ],
)
def test_a_balancers_attributes_have_their_effect(attribute, value, line):
    assert line in text(attributes={attribute: value})
    assert line not in text()


def test_xff_is_left_alone_when_preserved():
    written = text(attributes={"routing.http.xff_header_processing.mode": "preserve"})
    assert "X-Forwarded-For" not in written


@pytest.mark.parametrize(
    ("attributes", "line"),
    [
        ({"load_balancing__algorithm__type": "least_outstanding_requests"}, "balance leastconn"),
        ({"load_balancing__algorithm__type": "weighted_random"}, "balance random(1)"),
        ({"slow_start__duration_seconds": "45"}, "10.0.1.5:8080 slowstart 45s"),
        (
            {"stickiness__enabled": "true", "stickiness__lb_cookie__duration_seconds": "9"},
            "AWSALB=%[srv_name];\\x20Expires=%[date(9),http_date]",
        ),
    ],
)
def test_a_groups_attributes_have_their_effect(attributes, line):
    assert line in text(groups=(group(**attributes),))
    assert line not in text()


@pytest.mark.parametrize(
    "condition",
    [
        {"Field": "source-ip", "SourceIpConfig": {"RegexValues": ["^10"]}},
        {"Field": "moon-phase", "Values": ["full"]},
    ],
)
def test_a_condition_that_cannot_be_enforced_is_refused(condition):
    with pytest.raises(BalancerError, match="cannot be enforced"):
        text(condition)


def test_an_action_that_cannot_be_carried_out_is_refused():
    with pytest.raises(BalancerError, match="cannot be carried out"):
        text(default={"Type": "authenticate-oidc"})


def test_the_edge_leads_names_to_sockets_and_tells_who_is_there():
    doors = [Door(80, "a.elb.localhost", "/run/a.sock"), Door(81, "b.elb.localhost", "/run/b.sock")]
    written = compile_edge(doors, PLACE.limits, "/run/e").text("/run/s")
    assert "bind 127.0.0.1:80 " in written
    assert "bind 127.0.0.1:81 " in written
    assert "server balancer unix@/run/a.sock send-proxy-v2" in written
    assert written.count("status 404") == 2


def test_the_edge_passes_tls_by_the_name_that_is_asked_for():
    a = Door(443, "a.elb.localhost", "/run/a.sock", ("shop.test", "*.b.test", "b.elb.localhost"))
    b = Door(443, "b.elb.localhost", "/run/b.sock", ("x.b.test", "shop.test"))
    written = compile_edge([a, b], PLACE.limits, "/run/e").text("/run/s")
    assert "bind 127.0.0.1:443\n" in written
    lines = [line.split() for line in written.splitlines() if "req.ssl_sni" in line]
    led = {line[-2]: line[1] for line in lines}
    assert [line[-2] for line in lines] == [  # own names, exact ones, wildcards
        "a.elb.localhost",
        "b.elb.localhost",
        "shop.test",
        "x.b.test",
        "^[^.]*\\x5cx2eb\\x5cx2etest\\x24",
    ]
    assert led["b.elb.localhost"] != led["a.elb.localhost"] == led["shop.test"]
    assert led["x.b.test"] == led["b.elb.localhost"]
    assert "tcp-request content reject" in written
    assert "404" not in [word for line in written.splitlines() for word in line.split()[3:5]]


def test_a_port_with_both_protocols_serves_both():
    doors = [
        Door(8443, "a.elb.localhost", "/run/a.sock"),
        Door(8443, "b.elb.localhost", "/run/b.sock", ()),
    ]
    written = compile_edge(doors, PLACE.limits, "/run/e").text("/run/s")
    assert written.count("bind 127.0.0.1:8443") == 1
    assert "bind unix@/run/e/plain-8443.sock accept-proxy" in written
    assert "default_backend p_8443" in written
    assert "tcp-request content reject" not in written


# ------------------------------------------------------------------ HAProxy's own judgement

NASTY = st.text(
    st.one_of(
        st.characters(blacklist_categories=["Cs"]),
        st.sampled_from(list("\"'\\%{}[]()#$ \t\n\r\0*?;|&,`~!<>")),
    ),
    max_size=30,
)
TOKEN = st.text("!#$%&'*+.^_`|~09Az-", min_size=1, max_size=20)


@st.composite
def conditions(draw):
    values = draw(st.lists(NASTY, min_size=1, max_size=3))
    return draw(
        st.sampled_from(
            [
                {"Field": "host-header", "HostHeaderConfig": {"Values": values}},
                {"Field": "path-pattern", "PathPatternConfig": {"Values": values}},
                {
                    "Field": "http-header",
                    "HttpHeaderConfig": {"HttpHeaderName": draw(TOKEN), "Values": values},
                },
                {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": values}},
                {
                    "Field": "query-string",
                    "QueryStringConfig": {
                        "Values": [{"Key": draw(NASTY), "Value": one} for one in values]
                    },
                },
            ]
        )
    )


@st.composite
def answers(draw):
    fixed = {"StatusCode": "418", "ContentType": "text/css", "MessageBody": draw(NASTY)}
    redirect = {
        "StatusCode": "HTTP_302",
        "Host": draw(NASTY),
        "Path": "/#{path}" + draw(NASTY),
        "Query": "#{query}" + draw(NASTY),
    }
    return draw(
        st.sampled_from(
            [
                {"Type": "fixed-response", "FixedResponseConfig": fixed},
                {"Type": "redirect", "RedirectConfig": redirect},
            ]
        )
    )


@pytest.mark.integration
@settings(max_examples=60)
@given(conditions(), answers(), TOKEN, NASTY)
def test_no_text_of_a_user_breaks_out_of_the_configuration(condition, action, cookie, name):
    attributes = {
        "stickiness__enabled": "true",
        "stickiness__type": "app_cookie",
        "stickiness__app_cookie__cookie_name": cookie,
    }
    made = plan(condition, action=action, groups=(group(**attributes),))
    made = replace(made, dns_name=name)
    plain = plan({"Field": "path-pattern", "Values": ["/x"]}, groups=(group(**attributes),))
    closed = PLACE._replace(entrances=())
    written = compile_config([made], {}, closed).text("/run/s")
    expected = compile_config([plain], {}, closed).text("/run/s")
    assert sections(written) - sections(expected) <= {"backend a_"}
    judge(written)


PIECES = st.lists(
    st.sampled_from(
        [
            *("a", "é", " ", '"', "'", ",", "#", "%", "${x}", "%[src]", "^", "$", "|", "(", ")"),
            *("(?:", "(?i)", "(?<n>", "[a-z]", "[^/]", "[]x]", r"\d", r"\.", r"\/", r"\x41"),
            *("*", "+", "?", "{2}", "{2,}", "{9}", "(a{1000}){9}", "(b+)+", "((a){9}){9}"),
        ]
    ),
    min_size=1,
    max_size=12,
).map("".join)
GOOD = PIECES.filter(lambda one: not list(check_regex(one)))


@pytest.mark.integration
@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
@given(GOOD, GOOD, GOOD, NASTY)
def test_every_expression_that_is_let_through_is_one_to_haproxy(path, host, header, replacement):
    conditions = (
        {"Field": "path-pattern", "PathPatternConfig": {"RegexValues": [path]}},
        {"Field": "host-header", "HostHeaderConfig": {"RegexValues": [host]}},
        {
            "Field": "http-header",
            "HttpHeaderConfig": {"HttpHeaderName": "X", "RegexValues": [header]},
        },
    )
    replacement = replacement.replace("$", "")
    rewrites = {"Rewrites": [{"Regex": path, "Replace": replacement}]}
    transforms = (
        {"Type": "url-rewrite", "UrlRewriteConfig": rewrites},
        {"Type": "host-header-rewrite", "HostHeaderRewriteConfig": rewrites},
    )
    made = plan(*conditions)
    [listener] = made.listeners
    rules = tuple(replace(one, transforms=transforms) for one in listener.rules)
    made = replace(made, listeners=(replace(listener, rules=rules),))
    closed = PLACE._replace(entrances=())
    written = compile_config([made], {}, closed).text("/run/s")
    plain = compile_config([plan(*conditions[:1])], {}, closed).text("/run/s")
    assert sections(written) == sections(plain)
    judge(written)


def judge(written):
    """Let HAProxy say whether a configuration is one."""
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        Path(file.name).write_text(written)
        judged = subprocess.run(
            ["/usr/sbin/haproxy", "-c", "-f", file.name], capture_output=True, check=False
        )
    assert judged.returncode == 0, judged.stderr


def sections(written):
    return {
        line if not line.startswith("backend a_") else "backend a_"
        for line in written.split("\n")
        if line and not line.startswith(" ")
    }


# ------------------------------------------------------------------ HTTPS

SHOP = "arn:aws:acm:us-east-1:000000000000:certificate/shop"
LISTED = "arn:aws:acm:us-east-1:000000000000:certificate/listed"


def secure(*choices, policy="ELBSecurityPolicy-TLS13-1-2-2021-06", pem="PEM", **attributes):
    """The plan with its listener on HTTPS; choices: (ARN, names)."""
    made = plan(attributes={key.replace("__", "."): value for key, value in attributes.items()})
    tls = TlsPlan(
        ssl_policy=policy,
        default_certificate=SHOP,
        choices=tuple(SniChoice(certificate_arn=arn, names=names) for arn, names in choices),
    )
    listener = replace(made.listeners[0], protocol="HTTPS", port=443, tls=tls)
    arns = (SHOP, *(arn for arn, _ in choices))
    return replace(made, listeners=(listener,), certificates=dict.fromkeys(arns, pem))


def test_every_way_into_an_https_listener_is_tls():
    place = PLACE._replace(entrances={("127.64.0.1", 443)})
    config = compile_config([secure()], {}, place)
    binds = [line for line in config.text("/run/s").splitlines() if line.startswith("  bind ")]
    assert len(binds) == 4  # two zones, the entrance, the edge's socket
    [path] = config.lists
    assert all(f"ssl crt-list {path} alpn h2,http/1.1" in line for line in binds)
    assert "proto h1" not in "".join(binds)
    assert "X-Forwarded-Proto https\n" in config.text("/run/s")


def test_the_list_begins_with_the_default_that_no_name_chooses():
    config = compile_config([secure((LISTED, ("a.test", "*.b.test")))], {}, PLACE)
    [content] = config.lists.values()
    first, second = content.splitlines()
    assert first.split() == [certificate_path("/run/x", SHOP), "!*"]
    assert second.split() == [certificate_path("/run/x", LISTED), "a.test", "*.b.test"]
    assert set(config.certificates) == {first.split()[0], second.split()[0]}


def test_contents_of_a_certificate_change_no_frame_but_the_list_and_the_policy_do():
    def frame(*choices, **more):
        return compile_config([secure(*choices, **more)], {}, PLACE).frame()

    assert frame() == frame(pem="OTHER")
    assert frame() != frame((LISTED, ("a.test",)))
    assert frame((LISTED, ("a.test",))) != frame((LISTED, ("b.test",)))
    assert frame() != frame(policy="ELBSecurityPolicy-2016-08")
    assert frame() != frame(routing__http2__enabled="false")


def test_a_private_key_is_in_no_configuration_and_no_list():
    config = compile_config([secure(pem="PRIVATE KEY")], {}, PLACE)
    assert "PRIVATE" not in config.text("/run/s")
    assert "PRIVATE" not in "".join(config.lists.values())
    assert set(config.certificates.values()) == {"PRIVATE KEY"}


def test_a_certificate_that_no_listener_serves_is_not_written():
    made = secure()
    made = replace(made, certificates=made.certificates | {LISTED: "PEM"})
    assert len(compile_config([made], {}, PLACE).certificates) == 1


@pytest.mark.integration
@settings(max_examples=40)
@given(st.lists(NASTY, max_size=4), st.sampled_from(sorted(POLICIES)), st.booleans())
def test_no_name_in_a_certificate_breaks_out_of_the_list(names, policy, http2):
    """Whatever a certificate says, HAProxy reads one line for each certificate."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder, PLACE.limits)
        record = certificate_with(("a.test", *names))
        choices = [(one.certificate_arn, one.names) for one in sni_choices([record])]
        pem = AUTHORITY_PEM.body + AUTHORITY_PEM.chain + AUTHORITY_PEM.private_key
        made = secure(*choices, policy=policy, pem=pem, routing__http2__enabled=str(http2).lower())
        config = compile_config([replace(made, entrance="", addresses=())], {}, place)
        for path, content in {**config.lists, **config.certificates}.items():
            Path(path).write_text(content)
        [content] = config.lists.values()
        assert len(content.splitlines()) == 2
        file = Path(folder) / "haproxy.cfg"
        file.write_text(config.text(f"{folder}/s"))
        judged = subprocess.run(
            ["/usr/sbin/haproxy", "-c", "-f", str(file)], capture_output=True, check=False
        )
        assert judged.returncode == 0, judged.stderr


def certificate_with(names):
    facts = AUTHORITY_PEM.facts
    return Certificate(
        certificate_arn=LISTED,
        type="IMPORTED",
        domain_name=names[0],
        subject_alternative_names=names,
        body="",
        sealed_key="",
        facts=replace(facts, domain_names=names),
        created_at=facts.not_before,
    )


AUTHORITY_PEM = Authority(None).issue(["a.test"], "EC_prime256v1", datetime(2026, 1, 1, tzinfo=UTC))


def test_targets_are_reached_by_tls_without_a_look_at_their_certificates():
    def line(made, **more):
        groups = (replace(group(), protocol="HTTPS"),)
        config = compile_config([replace(made, target_groups=groups, **more)], {}, PLACE)
        return next(one for one in config.text("/run/s").splitlines() if " server s" in one)

    newer = line(secure())
    assert " ssl verify none ssl-min-ver TLSv1.0 ssl-max-ver TLSv1.3 ciphers " in newer
    assert "TLS_AES_128_GCM_SHA256" in newer
    older = line(secure(policy="ELBSecurityPolicy-2016-08"))
    assert "ssl-max-ver TLSv1.2" in older
    assert line(plan()).partition(" ssl ")[2] == older.partition(" ssl ")[2]
    assert " ssl " not in text()


def test_headers_of_tls_are_given_on_wish_under_the_listeners_names():
    wish = {"routing__http__x_amzn_tls_version_and_cipher_suite__enabled": "true"}

    def written(made):
        return compile_config([made], {}, PLACE).text("/run/s")

    assert "set-header X-Amzn-Tls-Version %[ssl_fc_protocol]\n" in written(secure(**wish))
    assert "X-Amzn-Tls" not in written(secure())
    attributes = {key.replace("__", "."): value for key, value in wish.items()}
    assert "X-Amzn-Tls" not in text(attributes=attributes)
    made = secure(**wish)
    names = {"routing.http.request.x_amzn_tls_cipher_suite.header_name": "X-#'s"}
    renamed = replace(made, listeners=(replace(made.listeners[0], attributes=names),))
    assert "set-header X-\\x23\\x27s %[ssl_fc_cipher]\n" in written(renamed)


@pytest.mark.parametrize("version", ["HTTP2", "GRPC"])
def test_targets_are_spoken_to_in_their_groups_version(version):
    def options(protocol):
        groups = (replace(group(), version=version, protocol=protocol),)
        config = compile_config([replace(secure(), target_groups=groups)], {}, PLACE)
        [servers] = config.servers.values()
        return next(iter(servers.values())).options

    assert options("HTTP") == " proto h2"
    assert options("HTTPS").endswith(" proto h2 alpn h2")
    assert "verify none" in options("HTTPS")


def test_many_names_are_several_lines_of_the_list():
    names = tuple(f"h{number}.test" for number in range(450))
    [content] = compile_config([secure((LISTED, names))], {}, PLACE).lists.values()
    lines = content.splitlines()
    assert len(lines) == 4
    assert {line.split()[0] for line in lines[1:]} == {certificate_path("/run/x", LISTED)}
    assert tuple(word for line in lines[1:] for word in line.split()[1:]) == names
