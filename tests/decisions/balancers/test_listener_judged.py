"""HAProxy's own judgement of what users' texts become: no text breaks out of its place."""

import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ecsd.certificates.authority import Authority
from ecsd.decisions.balancers.rule_regex import check_regex
from ecsd.decisions.balancers.sni import sni_choices
from ecsd.decisions.balancers.ssl_policies import POLICIES
from ecsd.decisions.haproxy.config import Place
from ecsd.decisions.haproxy.listener import compile_config
from ecsd.records.acm.certificate import Certificate
from tests.decisions.listener_plans import (
    LISTED,
    PLACE,
    function_group,
    group,
    plan,
    secure,
)
from tests.decisions.user_actions import with_users

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


@pytest.mark.integration
@settings(max_examples=20)
@given(NASTY.map("arn{}".format))
def test_no_name_of_a_function_group_breaks_out_of_the_configuration(name):
    made = plan(
        groups=(
            replace(
                function_group("http://a", arn=name),
            ),
        )
    )
    shares = {"TargetGroups": [{"TargetGroupArn": name, "Weight": 1}]}
    action = {"Type": "forward", "ForwardConfig": shares}
    [listener] = made.listeners
    made = replace(made, listeners=(replace(listener, default_actions=(action,)),))
    judge(compile_config([made], {}, PLACE._replace(entrances=())).text("/run/s"))


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


@pytest.mark.integration
@settings(max_examples=40)
@given(st.lists(NASTY, max_size=4), st.sampled_from(sorted(POLICIES)), st.booleans(), st.booleans())
def test_no_name_in_a_certificate_breaks_out_of_the_list(names, policy, http2, asks):
    """Whatever a certificate says, HAProxy reads one line for each certificate."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder, PLACE.limits, agent_socket=PLACE.agent_socket)
        record = certificate_with(("a.test", *names))
        choices = [(one.certificate_arn, one.names) for one in sni_choices([record])]
        pem = AUTHORITY_PEM.body + AUTHORITY_PEM.chain + AUTHORITY_PEM.private_key
        made = secure(*choices, policy=policy, pem=pem, routing__http2__enabled=str(http2).lower())
        [listener] = made.listeners
        listener = replace(listener, tls=replace(listener.tls, asks_clients=asks))
        made = replace(made, entrance="", addresses=(), listeners=(listener,))
        config = compile_config([made], {}, place)
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


NAMES = TOKEN.filter(lambda one: one != "AWSALBAuthNonce")


@pytest.mark.integration
@settings(max_examples=40)
@given(
    st.dictionaries(st.sampled_from(["Issuer", "ClientId", "Scope", "TokenEndpoint"]), NASTY),
    NAMES,
    st.sampled_from(["authenticate", "deny", "allow"]),
    st.booleans(),
)
def test_nothing_that_is_said_of_users_breaks_out_of_the_configuration(
    config, cookie, behaviour, default
):
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder, PLACE.limits, agent_socket=PLACE.agent_socket)
        pem = AUTHORITY_PEM.body + AUTHORITY_PEM.chain + AUTHORITY_PEM.private_key
        config = {name: one for name, one in config.items() if one}
        more = {"SessionCookieName": cookie, "OnUnauthenticatedRequest": behaviour}
        made = with_users(default=default, made=secure(pem=pem), **config, **more)
        compiled = compile_config([replace(made, addresses=(), entrance="")], {}, place)
        for path, content in {**compiled.lists, **compiled.certificates}.items():
            Path(path).write_text(content)
        written = compiled.text(f"{folder}/s")
        plain = with_users(default=default, OnUnauthenticatedRequest=behaviour)
        expected = compile_config([plain], {}, place).text("/run/s")
        assert sections(written) == sections(expected)
        judge(written)


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
