"""What HAProxy is told of listeners whose users authenticate."""

import pytest
from msgspec.structs import replace

from ecsd.decisions.balancers.listener_checks import complete_action
from ecsd.decisions.haproxy.authenticate import FORGED, session_lines
from ecsd.decisions.haproxy.listener import compile_config
from ecsd.decisions.haproxy.text import word
from ecsd.errors import BalancerError
from tests.decisions.listener_plans import PLACE, function_group, plan, secure
from tests.decisions.user_actions import completed, fixed, with_users


def written(*plans):
    return compile_config(plans, {}, PLACE).text("/run/s")


def frontends(text):
    return text.split("\nfrontend ")[1:]


def test_a_rule_asks_the_agent_about_users_without_a_session():
    text = written(with_users())
    [frontend] = frontends(text)
    lines = [line.strip() for line in frontend.split("\nbackend ")[0].split("\n")]
    uses = [one for one in lines if one.startswith(("use_backend", "default_backend"))]
    assert uses[0].endswith("if { path /oauth2/idpresponse }")
    assert uses[1].endswith("if c0_0 !{ var(txn.user) -m str valid }")
    assert uses[1].split()[1].startswith("u_")
    assert uses[2].split()[1].startswith("t_")
    assert "x-ecsd-login arn:aws:elasticloadbalancing" in text
    assert "x-ecsd-callback arn:listener" in text


@pytest.mark.parametrize(
    ("behaviour", "gates"),
    [
        ("authenticate", ["!{ var(txn.user) -m str valid }"]),
        ("deny", ["{ var(txn.user) -m str stale }", "!{ var(txn.user) -m str valid }"]),
        ("allow", ["{ var(txn.user) -m str stale }"]),
    ],
)
def test_who_is_not_known_is_sent_away_denied_or_let_through(behaviour, gates):
    text = written(with_users(default=True, OnUnauthenticatedRequest=behaviour))
    found = [line for line in text.split("\n") if "use_backend" in line and "txn.user" in line]
    assert [line.partition(" if ")[2] for line in found] == gates
    assert ("return status 401" in text) == (behaviour == "deny")


def test_headers_of_users_are_nobodys_to_forge_at_any_listener_of_the_balancer():
    made = with_users()
    other = replace(made.listeners[0], listener_arn="arn:plain", port=80, protocol="HTTP")
    plain = replace(other, rules=(), tls=None)
    text = written(replace(made, listeners=(*made.listeners, plain)))
    assert all(word(FORGED) in one for one in frontends(text))
    assert "x[-_]amzn" not in written(plan(), secure())


def test_only_balancers_with_users_need_large_buffers():
    assert "tune.bufsize 65536" in written(plan(), with_users())
    assert "tune.bufsize" not in written(plan())


def test_a_short_tag_opens_nothing():
    """HAProxy itself would take it: a byte is guessed soon."""
    lines = session_lines("mark", completed(), "a2V5")
    [opening] = [one for one in lines if "aes_gcm_dec" in one]
    assert "{ var(txn.tag) -m reg ^[A-Za-z0-9+/]\\x7b22\\x7d==\\x24 }" in opening
    assert "{ var(txn.nonce) -m reg ^[A-Za-z0-9+/]\\x7b16\\x7d\\x24 }" in opening


def test_users_cannot_be_authenticated_without_a_key():
    with pytest.raises(BalancerError, match="without a key"):
        written(replace(with_users(), authentications={}))


def test_the_balancer_may_answer_a_user_itself():
    made = with_users()
    [listener] = made.listeners
    [rule] = listener.rules
    actions = (rule.actions[0], complete_action(fixed()))
    listener = replace(listener, rules=(replace(rule, actions=actions),))
    text = written(replace(made, listeners=(listener,)))
    assert "use_backend a_" in text
    assert "use_backend u_" in text


def test_a_function_hears_of_its_user():
    made = replace(with_users(), target_groups=(function_group("http://f"),))
    assert "x-ecsd-function" in written(made)


def test_the_secret_is_no_part_of_the_configuration():
    assert "top secret" not in written(with_users(secret="top secret"))
