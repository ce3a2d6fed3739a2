"""Actions of listeners and rules: limits, defaults, members of other types."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.balancers.listener_checks import (
    CONFIGS,
    REDIRECT,
    check_actions,
    complete_action,
)


def forward(*groups, **stickiness):
    config = {"TargetGroups": list(groups)}
    if stickiness:
        config["TargetGroupStickinessConfig"] = stickiness
    return {"Type": "forward", "ForwardConfig": config}


def group(arn, weight=1):
    return {"TargetGroupArn": arn, "Weight": weight}


def redirect(**config):
    return {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301"} | config}


def fixed(**config):
    return {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"} | config}


@pytest.mark.parametrize(
    "action",
    [
        {"Type": "forward", "TargetGroupArn": "arn:a"},
        {"Type": "forward", "TargetGroupArn": "arn:a"} | forward(group("arn:a")),
        forward(*(group(f"arn:{number}", 999) for number in range(5))),
        forward(group("arn:a", 0), group("arn:b"), Enabled=True, DurationSeconds=604800),
        forward(group("arn:a"), Enabled=False, DurationSeconds=0),
        redirect(Protocol="HTTPS"),
        redirect(Host="www.#{host}", Path="/x/#{path}", Query="a=b&#{query}"),
        redirect(Query=""),
        fixed(),
        fixed(StatusCode="503", ContentType="application/json", MessageBody="x" * 1024),
        {"TargetGroupArn": "", "ForwardConfig": {}} | fixed(),
    ],
)
def test_what_an_action_may_be(action):
    assert list(check_actions([action])) == []


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ({"Type": "authenticate-cognito"}, "'authenticate-cognito' is not supported"),
        ({"Type": "jwt-validation"}, "'jwt-validation' is not supported"),
        ({"Type": "forward"}, "A target group ARN must be specified"),
        (forward(), "A target group ARN must be specified"),
        ({"TargetGroupArn": "arn:a"} | forward(group("arn:b")), "different target groups"),
        (forward(*(group(f"arn:{number}") for number in range(6))), "at most 5 target groups"),
        (forward(group("arn:a"), group("arn:a")), "each once"),
        (forward({"Weight": 1}), "must be given"),
        (forward(group("arn:a", 1000)), "between 0 and 999"),
        (forward(group("arn:a", -1)), "between 0 and 999"),
        (forward(group("arn:a"), Enabled=True), "between 1 and 604800"),
        (forward(group("arn:a"), Enabled=True, DurationSeconds=604801), "between 1 and 604800"),
        (redirect(), "creates a loop"),
        (redirect(**REDIRECT), "creates a loop"),
        (redirect(Protocol="HTTPS", StatusCode="HTTP_307"), "HTTP_301 or HTTP_302"),
        (redirect(Protocol="FTP"), "Protocol"),
        (redirect(Port="0"), "1 to 65535"),
        (redirect(Port="65536"), "1 to 65535"),
        (redirect(Port="#{host}"), "1 to 65535"),
        (redirect(Path="x"), "Path must begin with '/'"),
        (redirect(Host="x" * 129), "Host"),
        (redirect(Host="x\r\ny"), "Host"),
        (fixed(StatusCode="302"), "2XX, 4XX or 5XX"),
        (fixed(StatusCode="20"), "2XX, 4XX or 5XX"),
        (fixed(ContentType="image/png"), "ContentType"),
        (fixed(MessageBody="x" * 1025), "1024"),
        ({"TargetGroupArn": "arn:a"} | fixed(), "TargetGroupArn cannot be specified"),
        (fixed() | {"RedirectConfig": {"Host": "a"}}, "RedirectConfig cannot be specified"),
        (
            {"AuthenticateOidcConfig": {"Issuer": "x"}} | redirect(Host="a"),
            "AuthenticateOidcConfig cannot be specified",
        ),
    ],
)
def test_what_an_action_may_not_be(action, words):
    found = list(check_actions([action]))
    assert any(words in one for one in found), found


def test_a_rule_ends_in_one_action():
    assert list(check_actions([])) == ["At least one action must be specified"]
    [words] = check_actions([fixed(), fixed()])
    assert words.startswith("Exactly one action")


def test_a_disabled_stickiness_has_no_duration_of_zero():
    shown = complete_action(forward(group("arn:a"), Enabled=False, DurationSeconds=0))
    assert shown["ForwardConfig"]["TargetGroupStickinessConfig"] == {"Enabled": False}


words = st.text(max_size=20)
anything = st.fixed_dictionaries(
    {"Type": st.sampled_from(list(CONFIGS))},
    optional={
        "Order": st.integers(1, 50000),
        "TargetGroupArn": words,
        "ForwardConfig": st.fixed_dictionaries(
            {},
            optional={
                "TargetGroups": st.lists(
                    st.fixed_dictionaries(
                        {}, optional={"TargetGroupArn": words, "Weight": st.integers()}
                    ),
                    max_size=6,
                ),
                "TargetGroupStickinessConfig": st.fixed_dictionaries(
                    {}, optional={"Enabled": st.booleans(), "DurationSeconds": st.integers()}
                ),
            },
        ),
        "RedirectConfig": st.fixed_dictionaries(
            {"StatusCode": st.sampled_from(["HTTP_301", "HTTP_302"])},
            optional=dict.fromkeys(REDIRECT, words),
        ),
        "FixedResponseConfig": st.fixed_dictionaries(
            {"StatusCode": st.sampled_from(["200", "404", "302"])},
            optional={"MessageBody": words, "ContentType": words},
        ),
    },
)


@given(anything)
def test_no_action_is_too_strange_to_be_judged(action):
    assert all(isinstance(one, str) for one in check_actions([action]))


texts = st.text("az-./", min_size=1, max_size=20)
groups = st.lists(
    st.fixed_dictionaries({"TargetGroupArn": texts}, optional={"Weight": st.integers(0, 999)}),
    min_size=1,
    max_size=5,
    unique_by=lambda one: one["TargetGroupArn"],
)
off = st.just({}) | st.just({"Enabled": False}) | st.just({"Enabled": False, "DurationSeconds": 0})
on = st.integers(1, 604800).map(lambda seconds: {"Enabled": True, "DurationSeconds": seconds})
sound = st.one_of(
    texts.map(lambda arn: {"Type": "forward", "TargetGroupArn": arn}),
    st.builds(lambda many, sticky: forward(*many, **sticky), groups, off | on),
    texts.map(lambda text: redirect(Host=text)),
    st.builds(lambda path, query: redirect(Path=f"/{path}", Query=query), texts, st.text("a=&")),
    st.builds(lambda body: fixed(MessageBody=body), st.text(max_size=1024)),
)


@given(sound)
def test_what_is_accepted_is_accepted_again_as_it_is_shown(action):
    assert list(check_actions([action])) == []
    shown = complete_action(action)
    assert list(check_actions([shown])) == []
    assert complete_action(shown) == shown
