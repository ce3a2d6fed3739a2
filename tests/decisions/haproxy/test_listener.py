"""Listeners as HAProxy's configuration: what is in it, what is not, what changes it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ecsd.decisions.haproxy.backend import backend_name
from ecsd.decisions.haproxy.edge import Door, compile_edge
from ecsd.decisions.haproxy.listener import Parts, compile_config, entrance_binds
from ecsd.errors import BalancerError
from ecsd.records.plan import BalancerPlan
from tests.decisions.listener_plans import (
    ARN,
    GROUP,
    OTHER,
    PLACE,
    forward,
    function_group,
    group,
    plan,
    text,
)


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


def test_parts_that_are_remembered_say_what_fresh_ones_say():
    targets = group(targets=("10.0.1.5", "10.0.1.6"))
    condition = {"Field": "path-pattern", "Values": ["/x"]}
    plans = [
        plan(),
        plan(groups=(targets,)),
        plan(condition, groups=(targets,)),
        plan(condition, groups=(targets,), attributes={"idle_timeout.timeout_seconds": "7"}),
        plan(groups=(group(stickiness__enabled="true"),)),
        plan(),
        plan(groups=(function_group("http://one"),)),
        plan(groups=(replace(function_group("http://one"), targets=()),)),
    ]
    other = replace(plan(), load_balancer_arn="arn:other", entrance="127.64.0.2")
    parts = Parts()
    for number, one in enumerate([*plans, *reversed(plans)]):
        others = [other] if number % 3 else []
        entrances = {("127.64.0.1", 80)} if number >= len(plans) else set()
        place = PLACE._replace(entrances=entrances)
        remembered = compile_config([one, *others], {}, place, parts)
        assert remembered == compile_config([one, *others], {}, place)


TARGETS = ("10.0.1.5", "10.0.1.6", "10.0.1.7")
moments = st.lists(
    st.tuples(
        st.sets(st.sampled_from(TARGETS)),  # registered
        st.sets(st.sampled_from(TARGETS)),  # in use
        st.sampled_from(["HTTP", "HTTPS"]),
        st.sampled_from(["0", "30"]),
        st.booleans(),  # the other balancer is there
        st.booleans(),  # the plan is decoded anew
    ),
    max_size=8,
)


@given(moments)
def test_remembered_servers_are_what_fresh_ones_are(moments):
    parts = Parts()
    for registered, using, protocol, ramp, both, anew in moments:
        own = group(targets=sorted(registered), slow_start__duration_seconds=ramp)
        plans = [plan(groups=(replace(own, protocol=protocol),))]
        if anew:
            plans = [msgspec.msgpack.decode(msgspec.msgpack.encode(plans[0]), type=BalancerPlan)]
        if both:
            other = (group(OTHER, targets=TARGETS),)
            plans.append(replace(plan(groups=other), load_balancer_arn="arn:other"))
        used = {(ARN, GROUP): {(one, 8080) for one in using}, ("arn:other", OTHER): using}
        for _ in range(2):
            remembered = compile_config(plans, used, PLACE, parts)
            assert remembered == compile_config(plans, used, PLACE)


def test_servers_are_compiled_again_only_where_targets_or_their_use_have_changed():
    both = plan(groups=(group(), group(OTHER)))
    parts = Parts()
    first = parts.servers([both], {})
    second = parts.servers([both], {(ARN, GROUP): {("10.0.1.5", 8080)}})
    assert second[backend_name(OTHER)] is first[backend_name(OTHER)]
    assert second[backend_name(GROUP)] != first[backend_name(GROUP)]


def test_a_part_is_compiled_again_only_when_more_than_targets_changes():
    parts = Parts()
    (first,) = parts.of([plan()], PLACE)
    (second,) = parts.of([plan(groups=(group(targets=("10.0.1.9",)),))], PLACE)
    (third,) = parts.of([plan(attributes={"idle_timeout.timeout_seconds": "7"})], PLACE)
    assert second is first
    assert third != first


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
        text(default={"Type": "authenticate-cognito"})


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


URL = "http://127.0.0.1:9001/2015-03-31/functions/f/invocations"


def test_a_function_is_asked_through_the_agent_beside_targets_in_the_network():
    made = text(action=forward(a=1, b=3), groups=(group(), function_group(URL, OTHER)))
    [own] = [one for one in made.split("\nbackend ") if one.startswith(backend_name(OTHER))]
    assert f"http-request set-header x-ecsd-function {OTHER}" in own
    assert own.index("del-header x-ecsd- -m beg") < own.index("set-header x-ecsd-function")
    assert "server agent unix@/run/ecsd/haproxy/agent.sock maxconn" in own
    assert "retry-on conn-failure\n" in own
    assert "deny_status 400 if { req.hdr(upgrade) -m found }" in own
    assert "source" not in own
    assert URL not in made


def test_a_group_without_a_function_has_nobody_to_ask():
    [only] = function_group(URL).targets
    for targets in ((), (replace(only, draining=True),)):
        made = text(groups=(replace(function_group(URL), targets=targets),))
        own = made.split(f"\nbackend {backend_name(GROUP)}")[1]
        assert "status 503" in own
        assert "server agent" not in own
