"""Each contradiction between load balancers, listeners, rules, groups and targets is found."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from ecsd.decisions.invariants.balancing import Balancing, check_balancing, check_entrances
from ecsd.decisions.network.network_interface import new_interface
from ecsd.records.ec2.vpc import Subnet
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule, UserKeys, Zone
from ecsd.records.elbv2.target_group import HealthCheck, Target, TargetGroup
from ecsd.records.elbv2.trust_store import TrustStore, TrustStoreRevocation

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SUBNET = Subnet(
    subnet_id="subnet-1",
    vpc_id="vpc-1",
    cidr_block="10.0.1.0/24",
    availability_zone="us-east-1a",
    availability_zone_id="use1-az1",
)
LB = LoadBalancer(
    load_balancer_arn="arn:loadbalancer/1",
    name="web",
    dns_name="web-1.elb.localhost",
    scheme="internal",
    type="application",
    ip_address_type="ipv4",
    vpc_id="vpc-1",
    zones=(
        Zone(
            subnet_id="subnet-1",
            availability_zone="us-east-1a",
            network_interface_id="eni-1",
            private_ip_address="10.0.1.4",
        ),
    ),
    security_groups=("sg-1",),
    entrance="127.64.0.1",
    created_at=NOW,
)
OTHER = replace(
    LB,
    load_balancer_arn="arn:loadbalancer/2",
    name="api",
    dns_name="api-2.elb.localhost",
    zones=(),
    entrance="127.64.0.2",
)
INTERFACE = new_interface(
    SUBNET,
    network_interface_id="eni-1",
    address="10.0.1.4",
    mac_address="0a:00:00:00:00:01",
    owner=LB.load_balancer_arn,
)
GROUP = TargetGroup(
    target_group_arn="arn:tg",
    name="web",
    protocol="HTTP",
    protocol_version="HTTP1",
    port=80,
    vpc_id="vpc-1",
    target_type="ip",
    health_check=HealthCheck(),
)
LISTENER = Listener(
    listener_arn="arn:listener/1",
    load_balancer_arn=LB.load_balancer_arn,
    port=80,
    protocol="HTTP",
    default_actions=(),
    target_group_arns=("arn:tg",),
)
RULE = Rule(
    rule_arn="arn:rule/1",
    listener_arn=LISTENER.listener_arn,
    priority=1,
    conditions=(),
    actions=(),
    target_group_arns=("arn:tg",),
)
TARGET = Target(
    place="arn:tg|10.0.1.9|80",
    target_group_arn="arn:tg",
    target_id="10.0.1.9",
    port=80,
    registered_at=NOW,
)
SOUND = Balancing(
    load_balancers=(LB, OTHER),
    listeners=(LISTENER,),
    rules=(RULE,),
    target_groups=(GROUP,),
    targets=(TARGET,),
    interfaces=(INTERFACE,),
)


AUTHENTICATED = replace(
    LISTENER,
    protocol="HTTPS",
    default_actions=({"Type": "authenticate-oidc", "AuthenticateOidcConfig": {}},),
    client_secret="sealed",
)
KEYED = replace(
    LB,
    user_keys=UserKeys(key_id="1", public_key="", sealed_private_key="", sealed_session_key=""),
)


def test_users_that_can_log_in_are_sound():
    sound = SOUND._replace(listeners=(AUTHENTICATED,), load_balancers=(KEYED, OTHER))
    assert list(check_balancing(sound)) == []


@pytest.mark.parametrize(
    ("change", "balancer", "words"),
    [
        ({"client_secret": None}, KEYED, "no client secret"),
        ({"default_actions": ()}, KEYED, "the other way round"),
        ({"protocol": "HTTP"}, KEYED, "over HTTP"),
        ({}, LB, "without keys"),
    ],
)
def test_users_that_could_not_log_in_are_found(change, balancer, words):
    broken = SOUND._replace(
        listeners=(replace(AUTHENTICATED, **change),), load_balancers=(balancer, OTHER)
    )
    [finding] = check_balancing(broken)
    assert finding.subject == AUTHENTICATED.listener_arn
    assert words in finding.words


TRUST = TrustStore(
    trust_store_arn="arn:trust", name="t", created_at=NOW, authorities="PEM", number=1
)
REVOKED = TrustStoreRevocation(
    place="arn:trust/1",
    trust_store_arn="arn:trust",
    revocation_id=1,
    content="PEM",
    entries=1,
    added_at=NOW,
)
VERIFYING = replace(LISTENER, mutual_authentication="verify", trust_store_arn="arn:trust")


@pytest.mark.parametrize(
    ("listener", "stores", "subject"),
    [
        (VERIFYING, (TRUST,), None),
        (replace(VERIFYING, trust_store_arn=None), (TRUST,), "arn:listener/1"),
        (replace(VERIFYING, mutual_authentication="off"), (TRUST,), "arn:listener/1"),
        (replace(VERIFYING, trust_store_arn="arn:other"), (TRUST,), "arn:listener/1"),
        (LISTENER, (), "arn:trust/1"),
    ],
)
def test_listeners_that_could_verify_nobody_are_found(listener, stores, subject):
    held = SOUND._replace(listeners=(listener,), trust_stores=stores, revocations=(REVOKED,))
    assert [one.subject for one in check_balancing(held)] == ([subject] if subject else [])


def _elastic(zone):
    return replace(zone, allocation_id="eipalloc-1", public_ip="203.0.113.1")


def _flows(group):
    return replace(group, protocol="TCP_UDP")


def test_a_sound_state_has_no_findings():
    assert list(check_balancing(SOUND)) == []
    assert list(check_entrances(SOUND.load_balancers)) == []


@pytest.mark.parametrize(
    ("broken", "subject", "words"),
    [
        (
            SOUND._replace(load_balancers=(LB, replace(OTHER, name="web"))),
            "arn:loadbalancer/2",
            "has the name of",
        ),
        (SOUND._replace(interfaces=()), "arn:loadbalancer/1", "has lost eni-1"),
        (
            SOUND._replace(interfaces=(replace(INTERFACE, private_ip_address="10.0.1.5"),)),
            "arn:loadbalancer/1",
            "disagree",
        ),
        (
            SOUND._replace(
                interfaces=(
                    INTERFACE,
                    replace(INTERFACE, network_interface_id="eni-2", owner="arn:x:loadbalancer/3"),
                )
            ),
            "eni-2",
            "outlived",
        ),
        (SOUND._replace(load_balancers=(OTHER,)), "arn:listener/1", "belongs to no load balancer"),
        (
            SOUND._replace(listeners=(LISTENER, replace(LISTENER, listener_arn="arn:listener/2"))),
            "arn:listener/2",
            "second listener on port 80",
        ),
        (SOUND._replace(listeners=()), "arn:rule/1", "belongs to no listener"),
        (
            SOUND._replace(rules=(RULE, replace(RULE, rule_arn="arn:rule/2"))),
            "arn:rule/2",
            "shares priority 1",
        ),
        (SOUND._replace(target_groups=()), "arn:listener/1", "does not exist"),
        (SOUND._replace(target_groups=()), "arn:tg|10.0.1.9|80", "target of no group"),
        (
            SOUND._replace(
                listeners=(
                    LISTENER,
                    replace(
                        LISTENER,
                        listener_arn="arn:listener/2",
                        load_balancer_arn=OTHER.load_balancer_arn,
                    ),
                )
            ),
            "arn:tg",
            "used by 2 load balancers",
        ),
        (
            SOUND._replace(
                load_balancers=(
                    replace(LB, zones=tuple(_elastic(one) for one in LB.zones)),
                    OTHER,
                )
            ),
            LB.load_balancer_arn,
            "has lost eipalloc-1",
        ),
        (
            SOUND._replace(load_balancers=(replace(LB, type="network"), OTHER)),
            "arn:listener/1",
            "speaks HTTP on a balancer: network",
        ),
        (
            SOUND._replace(target_groups=tuple(_flows(one) for one in SOUND.target_groups)),
            "arn:listener/1",
            "of another protocol",
        ),
        (
            SOUND._replace(
                listeners=(
                    replace(LISTENER, protocol="UDP"),
                    replace(LISTENER, listener_arn="arn:listener/2", protocol="TCP_UDP"),
                )
            ),
            "arn:listener/2",
            "second listener on port 80",
        ),
    ],
)
def test_a_contradiction_is_found(broken, subject, words):
    found = [(one.severity, one.subject) for one in check_balancing(broken) if words in one.words]
    assert ("fatal", subject) in found


def test_tcp_and_udp_have_ports_of_their_own():
    network = SOUND._replace(
        load_balancers=(replace(LB, type="network"), OTHER),
        listeners=(
            replace(LISTENER, protocol="TCP"),
            replace(LISTENER, listener_arn="arn:listener/2", protocol="UDP"),
        ),
        rules=(),
        target_groups=tuple(_flows(one) for one in SOUND.target_groups),
    )
    assert list(check_balancing(network)) == []


@pytest.mark.parametrize("member", ["entrance", "dns_name"])
def test_nobody_shares_an_entrance_or_a_name(member):
    twin = replace(OTHER, **{member: getattr(LB, member)})
    [found] = check_entrances((LB, twin))
    assert (found.subject, member in found.words) == (OTHER.load_balancer_arn, True)
