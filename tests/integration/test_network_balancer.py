"""Network load balancers of a whole ecsd: flows reach targets, and keep them."""

import os
import signal
import socket
from collections import Counter
from contextlib import ExitStack, closing

import pytest

from tests.integration.conftest import new_account
from tests.integration.nlb_world import (
    Flow,
    Flows,
    Host,
    Knocking,
    ask,
    reaches,
    resolve,
)
from tests.integration.sample import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
DATAGRAMS = socket.SOCK_DGRAM
CROSS = {"load_balancing.cross_zone.enabled": "true"}


@pytest.fixture
def flows(account):
    made = Flows(account)
    try:
        yield made
    finally:
        made.close()


def test_flows_reach_targets_from_the_vpc_and_from_the_host(flows):
    first, second = flows.targets("a", "b")
    (client,) = flows.tasks("a")
    addresses = flows.balancer()
    arn = flows.target_group("web", first, second)
    flows.listen(90, arn)
    flows.healthy(arn, first, second)

    # Without cross-zone balancing an address leads to its own zone; targets see the balancer.
    for target in (first, second):
        address = addresses[target.zone[-1]]
        assert {ask(client, address, 90) for _ in range(5)} == {(target.address, address)}
    assert not reaches(client, addresses["a"], 91)
    assert ask(first, addresses["a"], 90) == (first.address, addresses["a"])  # itself

    entrance = flows.account.entrance()
    answers = [ask(Host(), entrance, 90) for _ in range(20)]
    assert {target for target, _ in answers} == {first.address, second.address}

    flows.set(arn, **CROSS)
    answers = lambda: {ask(client, addresses["a"], 90)[0] for _ in range(12)}  # noqa: E731
    eventually(lambda: answers() == {first.address, second.address})

    # With its address kept a client is seen as it is, and cannot reach itself, as on AWS.
    flows.set(arn, **{"preserve_client_ip.enabled": "true"})
    eventually(lambda: ask(client, addresses["a"], 90)[1] == client.address)
    flows.set(arn, **{"load_balancing.cross_zone.enabled": "false"})
    eventually(lambda: len({ask(client, addresses["a"], 90)[0] for _ in range(12)}) == 1)
    assert not reaches(first, addresses["a"], 90)


def test_a_target_that_leaves_keeps_its_flows_until_its_time_is_over(flows):
    first, second = flows.targets("a", "a")
    (client,) = flows.tasks("a")
    address = flows.balancer()["a"]
    over = {
        "deregistration_delay.timeout_seconds": "4",
        "deregistration_delay.connection_termination.enabled": "true",
    }
    arn = flows.target_group("web", first, second, attributes=over)
    flows.listen(90, arn)
    flows.healthy(arn, first, second)

    with ExitStack() as stack:
        held = [stack.enter_context(closing(Flow(client, address, 90))) for _ in range(20)]
        leaving = [one for one in held if one.ask()[0] == first.address]
        assert 0 < len(leaving) < 20
        flows.deregister(arn, first)
        eventually(lambda: {ask(client, address, 90)[0] for _ in range(20)} == {second.address})
        assert flows.states(arn)[first.address] == "draining"
        assert {one.ask()[0] for one in leaving} == {first.address}
        eventually(lambda: first.address not in flows.states(arn))
        eventually(lambda: all(_is_reset(one) for one in leaving))
        assert {one.ask()[0] for one in held if one not in leaving} == {second.address}

        # An unhealthy target loses its flows too, unless the group says otherwise.
        flows.set(arn, **{"target_health_state.unhealthy.connection_termination.enabled": "false"})
        flows.register(arn, first)
        flows.healthy(arn, first, second)
        kept = next(
            flow
            for flow in (stack.enter_context(closing(Flow(client, address, 90))) for _ in range(30))
            if flow.ask()[0] == first.address
        )
        _refuse_checks(first)
        eventually(lambda: flows.states(arn)[first.address] == "unhealthy")
        assert {ask(client, address, 90)[0] for _ in range(10)} == {second.address}
        assert kept.ask()[0] == first.address
        flows.set(arn, **{"target_health_state.unhealthy.connection_termination.enabled": "true"})
        _admit_checks(first)
        flows.healthy(arn, first, second)
        _refuse_checks(first)
        eventually(lambda: _is_reset(kept))

        # When nothing is well everything is tried.
        _admit_checks(first)
        flows.healthy(arn, first, second)
        _refuse_checks(first, second)
        eventually(lambda: set(flows.states(arn).values()) == {"unhealthy"})
        _admit_checks(first, second)
        assert {ask(client, address, 90)[0] for _ in range(20)} == {first.address, second.address}


def test_datagrams_keep_their_targets_while_others_come_and_go(flows):
    first, second, third = flows.targets("a", "b", "a")
    (client,) = flows.tasks("a")
    address = flows.balancer()["a"]
    flows.account.elbv2.modify_load_balancer_attributes(
        LoadBalancerArn=flows.account.balancer,
        Attributes=[{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}],
    )
    arn = flows.target_group("dns", first, second, protocol="TCP_UDP")
    flows.listen(53, arn, protocol="TCP_UDP")
    flows.healthy(arn, first, second)

    with ExitStack() as stack:
        held = {}
        for _ in range(300):
            flow = stack.enter_context(closing(Flow(client, address, 53, DATAGRAMS)))
            target, seen = flow.ask()
            assert seen == client.address
            held[flow] = target
        shares = Counter(held.values())
        assert set(shares) == {first.address, second.address}
        assert min(shares.values()) >= 100
        flows.register(arn, third)
        flows.healthy(arn, first, second, third)
        fresh = Counter(ask(client, address, 53, DATAGRAMS)[0] for _ in range(90))
        assert fresh[third.address] >= 10
        assert {flow: flow.ask()[0] for flow in held} == held
        flows.deregister(arn, second)
        eventually(lambda: second.address not in flows.states(arn))
        # The end of a drain ends its datagram flows: the next datagram finds another target.
        eventually(lambda: all(flow.ask()[0] != second.address for flow in held))
        stayed = {flow: target for flow, target in held.items() if target == first.address}
        assert {flow: flow.ask()[0] for flow in stayed} == stayed
    assert ask(client, address, 53)[1] == client.address  # the same port, over TCP
    assert ask(Host(), flows.account.entrance(), 53, DATAGRAMS)[0] in {
        first.address,
        third.address,
    }


def test_its_name_leads_past_zones_without_targets_and_silence_ends_as_the_listener_says(flows):
    first, second = flows.targets("a", "b")
    (client,) = flows.tasks("a")
    addresses = flows.balancer()
    arn = flows.target_group("web", first, second)
    listener = flows.listen(90, arn)
    flows.account.elbv2.modify_listener_attributes(
        ListenerArn=listener, Attributes=[{"Key": "tcp.idle_timeout.seconds", "Value": "60"}]
    )
    flows.healthy(arn, first, second)
    name = flows.account.dns_name
    eventually(lambda: resolve(client, name) == sorted(addresses.values()))
    second.deafen()
    eventually(lambda: resolve(client, name) == [addresses["a"]])
    first.deafen()
    eventually(lambda: resolve(client, name) == sorted(addresses.values()))
    first.hear()
    eventually(lambda: resolve(client, name) == [addresses["a"]])

    second.hear()
    eventually(lambda: resolve(client, name) == sorted(addresses.values()))
    near = [{"Key": "dns_record.client_routing_policy", "Value": "availability_zone_affinity"}]
    flows.account.elbv2.modify_load_balancer_attributes(
        LoadBalancerArn=flows.account.balancer, Attributes=near
    )
    eventually(lambda: resolve(client, name) == [addresses["a"]])
    assert resolve(second, name) == [addresses["b"]]

    with closing(Flow(client, addresses["a"], 90)) as flow:
        flow.ask()
        (line,) = flows.conntrack(
            "-p", "tcp", "--orig-dst", addresses["a"], "--state", "ESTABLISHED"
        )
        assert 50 <= int(line.split()[2]) <= 60


def test_weights_share_flows_and_a_sticky_group_knows_its_clients(flows):
    first, second = flows.targets("a", "a")
    clients = flows.tasks(*"aabb")
    address = flows.balancer()["a"]
    heavy, light = flows.target_group("heavy", first), flows.target_group("light", second)
    flows.listen(90, (heavy, 80), (light, 20))
    flows.healthy(heavy, first)
    flows.healthy(light, second)
    shares = Counter(ask(clients[0], address, 90)[0] for _ in range(200))
    assert 130 <= shares[first.address] <= 185

    sticky = flows.target_group("sticky", first, second, attributes={"stickiness.enabled": "true"})
    flows.listen(91, sticky)
    flows.healthy(sticky, first, second)
    for client in clients:
        assert len({ask(client, address, 91)[0] for _ in range(10)}) == 1


def test_targets_are_told_of_their_clients_by_the_proxy_protocol(flows):
    first, second = flows.targets("a", "a")
    (client,) = flows.tasks("a")
    addresses = flows.balancer()
    address = addresses["a"]
    over = {
        "proxy_protocol_v2.enabled": "true",
        "deregistration_delay.connection_termination.enabled": "true",
    }
    arn = flows.target_group("told", first, second, attributes=over)
    plain = flows.target_group("plain", first)
    flows.listen(90, (arn, 50), (plain, 50))
    flows.healthy(arn, first, second)
    flows.healthy(plain, first)

    told = (client.address, f"{address}:90", address)
    seen = Counter(ask(client, address, 90) for _ in range(80))
    assert set(seen) == {
        (first.address, "/".join(told)),
        (second.address, "/".join(told)),
        (first.address, address),
    }
    host = {ask(Host(), flows.account.entrance(), 90)[1].count("/") for _ in range(20)}
    assert host == {0, 2}
    relays = flows.relays()
    assert relays
    assert not any(reaches(client, *one) for one in relays)  # past the balancer

    with ExitStack() as stack:
        held = [stack.enter_context(closing(Flow(client, address, 90))) for _ in range(40)]
        leaving = [one for one in held if one.ask()[0] == second.address]
        staying = [one for one in held if one not in leaving]
        assert leaving
        flows.deregister(arn, second)
        eventually(lambda: second.address not in flows.states(arn))
        eventually(lambda: all(_is_over(one) for one in leaving))
        assert {one.ask()[0] for one in staying} == {first.address}
        assert {ask(client, address, 90)[0] for _ in range(20)} == {first.address}


def test_an_agent_that_is_killed_leaves_every_flow_and_takes_up_again(flows, ecsd):
    first, second = flows.targets("a", "a")
    (client,) = flows.tasks("a")
    address = flows.balancer()["a"]
    arn = flows.target_group("web", first, second)
    flows.listen(90, arn)
    flows.healthy(arn, first, second)
    with ExitStack() as stack:
        held = {}
        for _ in range(20):
            flow = stack.enter_context(closing(Flow(client, address, 90)))
            held[flow] = flow.ask()[0]
        with Knocking(client, address, 90) as knocking:
            for part in ("agent", "server"):
                before = ecsd.pids()[part]
                os.kill(before, signal.SIGKILL)
                eventually(lambda part=part, before=before: _is_new(ecsd, part, before))
                assert {flow: flow.ask()[0] for flow in held} == held
                flows.healthy(arn, first, second)
                seen = knocking.targets.total()
                eventually(lambda seen=seen: knocking.targets.total() > seen + 50)
        assert knocking.failures == []
        assert set(knocking.targets) == {first.address, second.address}
        flows.deregister(arn, first)
        eventually(lambda: first.address not in flows.states(arn))
        eventually(lambda: {ask(client, address, 90)[0] for _ in range(10)} == {second.address})
        assert {flow: flow.ask()[0] for flow in held} == held  # nobody asked for their end


def test_two_vpcs_of_one_range_have_entrances_of_their_own(flows, ecsd, request):
    with new_account(ecsd, request.node.nodeid + " other") as account:
        other = Flows(account)
        try:
            both = (flows, other)
            targets = [one.targets("a")[0] for one in both]
            for one, target in zip(both, targets, strict=True):
                one.balancer()
                arn = one.target_group("web", target)
                one.listen(90, arn)
                one.healthy(arn, target)
                target.fall_silent()
                target.serve(name=one.account.number)
            for one in both:
                entrance = one.account.entrance()
                assert ask(Host(), entrance, 90)[0] == one.account.number
            flows.account.elbv2.delete_load_balancer(LoadBalancerArn=flows.account.balancer)
            assert ask(Host(), other.account.entrance(), 90)[0] == other.account.number
        finally:
            other.close()


def test_security_groups_judge_both_halves_of_a_flow(flows):
    gate = flows.group("nlb", {"CidrIp": "10.0.10.0/24"}, protocol="tcp", port=90)
    behind = flows.group("behind", groups=[gate])
    (target,) = flows.targets("a", group=behind)
    near, far = flows.tasks("a", "b")
    addresses = flows.balancer(SecurityGroups=[gate])
    arn = flows.target_group("web", target, attributes=CROSS)
    flows.listen(90, arn)
    flows.healthy(arn, target)

    for kept in ("false", "true"):
        flows.set(arn, **{"preserve_client_ip.enabled": kept})
        seen = near.address if kept == "true" else addresses["a"]
        eventually(lambda seen=seen: ask(near, addresses["a"], 90) == (target.address, seen))
        assert not reaches(far, addresses["a"], 90)  # its subnet may not enter the balancer
        assert not reaches(near, target.address, 7000)  # nor anybody the target past it
    flows.account.ec2.authorize_security_group_ingress(
        GroupId=gate,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 90,
                "ToPort": 90,
                "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
            }
        ],
    )
    eventually(lambda: reaches(far, addresses["b"], 90))
    assert ask(Host(), flows.account.entrance(), 90)[0] == target.address


def _is_over(flow):
    try:
        flow.ask()
    except ConnectionError:
        return True
    return False


def _is_reset(flow):
    try:
        flow.ask()
    except TimeoutError:
        raise AssertionError("the client was left waiting") from None
    except ConnectionError:
        return True
    return False


def _is_new(ecsd, part, before):
    return ecsd.pids().get(part) not in {None, before}


def _refuse_checks(*places):
    for one in places:
        one.deafen()


def _admit_checks(*places):
    for one in places:
        one.hear()
