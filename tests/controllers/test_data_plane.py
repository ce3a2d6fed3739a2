"""Plans of HTTPS balancers: private keys reach the host, and nothing else."""

import pytest
from msgspec.structs import replace

from ecsd.certificates.authority import Authority
from ecsd.clock import VIRTUAL_START, VirtualClock
from ecsd.controllers.data_plane import DataPlaneController
from ecsd.decisions.balancers.balancer_plan import compile_balancer, traffic_digest
from ecsd.decisions.balancers.user_session import sealed_for
from ecsd.errors import CertificateError
from ecsd.records.acm.certificate import Certificate
from ecsd.records.ec2.flow_log import FlowLog
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.ec2.vpc_peering import VpcPeeringConnection
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule, UserKeys
from ecsd.records.elbv2.trust_store import TrustStore, TrustStoreRevocation
from ecsd.records.plan import TrustStorePlan
from ecsd.records.plan_network import FlowLogsPlan
from ecsd.settings import Settings
from ecsd.store.finders.data_plane import balancer_parts
from ecsd.store.store import Change
from tests.conftest import SCOPE
from tests.controllers.balancing import BALANCER, load_balancer
from tests.controllers.hub import Published
from tests.decisions.user_actions import KEYS, completed

ARN = "arn:aws:acm:us-east-1:000000000000:certificate/1"
LISTED = "arn:aws:acm:us-east-1:000000000000:certificate/2"
TRUST = "arn:aws:elasticloadbalancing:us-east-1:000000000000:truststore/t/1"
AUTHORITY = Authority(None)
FIRST, SECOND = (
    AUTHORITY.issue([name], "EC_prime256v1", VIRTUAL_START) for name in ("a.test", "*.b.test")
)


def certificate(arn, issued):
    facts = issued.facts
    return Certificate(
        certificate_arn=arn,
        type="AMAZON_ISSUED",
        domain_name=facts.domain_names[0],
        subject_alternative_names=facts.domain_names,
        body=issued.body,
        chain=issued.chain,
        sealed_key=AUTHORITY.seal.seal(issued.private_key, arn),
        facts=facts,
        created_at=VIRTUAL_START,
    )


@pytest.fixture
async def filled(store):
    """A balancer with an HTTPS listener, a default certificate and one in its list."""
    balancer = load_balancer(VIRTUAL_START)
    listener = Listener(
        listener_arn="arn:listener",
        load_balancer_arn=BALANCER,
        port=443,
        protocol="HTTPS",
        default_actions=(),
        ssl_policy="ELBSecurityPolicy-2016-08",
        default_certificate=ARN,
        certificates=(LISTED,),
        certificate_arns=(ARN, LISTED),
    )
    async with store.transaction(SCOPE) as change:
        change.put(Vpc(vpc_id="vpc-1", cidr_block="10.0.0.0/16", number=1), balancer, listener)
        change.put(certificate(ARN, FIRST), certificate(LISTED, SECOND))
    return store


@pytest.fixture
def published():
    return Published()


@pytest.fixture
def controller(filled, published):
    return DataPlaneController(filled, published, Settings(), AUTHORITY, VirtualClock())


async def test_a_plan_holds_certificates_with_their_keys(controller, published):
    await controller.reconcile(SCOPE, f"balancer/{BALANCER}")
    plan = published[f"balancer/{BALANCER}"]
    assert plan.certificates == {
        ARN: FIRST.body + FIRST.chain + FIRST.private_key,
        LISTED: SECOND.body + SECOND.chain + SECOND.private_key,
    }
    tls = plan.listeners[0].tls
    assert (tls.default_certificate, tls.ssl_policy) == (ARN, "ELBSecurityPolicy-2016-08")
    assert [(one.certificate_arn, one.names) for one in tls.choices] == [(LISTED, ("*.b.test",))]


async def test_the_digest_that_a_rollout_waits_for_needs_no_keys(controller, published, filled):
    await controller.reconcile(SCOPE, f"balancer/{BALANCER}")
    parts = balancer_parts(filled.view(SCOPE), BALANCER)
    without = compile_balancer(parts)
    assert without.certificates == {}
    assert traffic_digest(without) == traffic_digest(published[f"balancer/{BALANCER}"])


async def test_a_plan_holds_what_users_are_authenticated_with(controller, published, filled):
    """Rules with the same issuer, client and cookie share their sessions, others do not."""
    seal, config = AUTHORITY.seal.seal, completed()
    other = completed(SessionCookieName="other")
    async with filled.transaction(SCOPE) as change:
        keys = UserKeys(
            key_id="key-1",
            public_key="PEM",
            sealed_private_key=seal(KEYS.private_key, sealed_for(BALANCER, "signature")),
            sealed_session_key=seal(KEYS.session_key, sealed_for(BALANCER, "sessions")),
        )
        change.put(replace(change.get(LoadBalancer, BALANCER), user_keys=keys))
        listener = change.get(Listener, "arn:listener")
        actions = ({"Type": "authenticate-oidc", "AuthenticateOidcConfig": config},)
        secret = seal("first", "arn:listener")
        change.put(replace(listener, default_actions=actions, client_secret=secret))
        for number, one in enumerate((config, other), start=1):
            actions = ({"Type": "authenticate-oidc", "AuthenticateOidcConfig": one},)
            change.put(
                Rule(
                    rule_arn=f"arn:rule/{number}",
                    listener_arn="arn:listener",
                    priority=number,
                    conditions=(),
                    actions=actions,
                    client_secret=seal(f"secret {number}", f"arn:rule/{number}"),
                )
            )
    await controller.reconcile(SCOPE, f"balancer/{BALANCER}")
    plan = published[f"balancer/{BALANCER}"]
    found = plan.authentications
    assert {arn: one.client_secret for arn, one in found.items()} == {
        "arn:listener": "first",
        "arn:rule/1": "secret 1",
        "arn:rule/2": "secret 2",
    }
    sessions = [found[f"arn:{one}"].session_key for one in ("listener", "rule/1", "rule/2")]
    assert sessions[0] == sessions[1] != sessions[2]
    assert (plan.user_keys.key_id, plan.user_keys.private_key) == ("key-1", KEYS.private_key)
    assert len({*sessions, plan.user_keys.login_key, KEYS.session_key}) == 4
    without = compile_balancer(balancer_parts(filled.view(SCOPE), BALANCER))
    assert traffic_digest(without) == traffic_digest(plan)
    assert "secret" not in str(without.listeners)


def test_a_certificates_change_concerns_those_that_serve_it(controller):
    def keys(arn):
        record = certificate(arn, FIRST)
        return list(controller.keys(Change(0, SCOPE, Certificate, arn, record, record)))

    assert set(keys(LISTED)) == {(SCOPE, f"balancer/{BALANCER}")}
    assert keys("arn:aws:acm:us-east-1:000000000000:certificate/3") == []


async def test_a_plan_holds_whom_clients_are_verified_by(controller, published, filled):
    mine = TrustStore(
        trust_store_arn=TRUST, name="t", created_at=VIRTUAL_START, authorities="CA", number=1
    )
    lists = [
        TrustStoreRevocation(
            place=f"{TRUST}/{number}",
            trust_store_arn=TRUST,
            revocation_id=number,
            content=f"CRL {number}",
            entries=1,
            added_at=VIRTUAL_START,
        )
        for number in (2, 10)
    ]
    async with filled.transaction(SCOPE) as change:
        held = change.get(Listener, "arn:listener")
        verifying = {"mutual_authentication": "verify", "trust_store_arn": TRUST}
        change.put(replace(held, **verifying, ignores_client_expiry=True), mine, *lists)
    await controller.reconcile(SCOPE, f"balancer/{BALANCER}")
    plan = published[f"balancer/{BALANCER}"]
    assert plan.trust_stores == {
        TRUST: TrustStorePlan(authorities="CA", revocations=("CRL 2", "CRL 10"))
    }
    tls = plan.listeners[0].tls
    assert (tls.trust_store, tls.ignores_client_expiry, tls.asks_clients) == (TRUST, True, False)
    for record in (mine, lists[0]):
        changed = controller.keys(Change(0, SCOPE, type(record), record.key, None, record))
        assert list(changed) == [(SCOPE, f"balancer/{BALANCER}")]
    other = replace(mine, trust_store_arn="arn:other")
    assert list(controller.keys(Change(0, SCOPE, TrustStore, other.key, None, other))) == []


async def test_a_key_that_does_not_open_is_told_and_nothing_is_published(filled, published):
    stranger = Authority(None)
    stranger.seal.seal("", "")
    controller = DataPlaneController(filled, published, Settings(), stranger, VirtualClock())
    with pytest.raises(CertificateError, match=ARN):
        await controller.reconcile(SCOPE, f"balancer/{BALANCER}")
    assert published == {}


async def test_a_vpc_that_changes_changes_its_peers_plans_too(filled, controller):
    there = Vpc(vpc_id="vpc-2", cidr_block="10.2.0.0/16", number=2)
    way = VpcPeeringConnection(
        vpc_peering_connection_id="pcx-1",
        requester_vpc_id="vpc-1",
        requester_cidr="10.1.0.0/16",
        accepter_vpc_id="vpc-2",
        accepter_cidr="10.2.0.0/16",
        status="active",
        expires_at=VIRTUAL_START,
    )
    async with filled.transaction(SCOPE) as change:
        change.put(there, way)
    told = Change(1, SCOPE, Vpc, "vpc-2", there, there)
    keys = {key for _, key in controller.keys(told)}
    assert {"vpc/vpc-1", "vpc/vpc-2"} <= keys
    async with filled.transaction(SCOPE) as change:
        change.put(replace(way, status="deleted"))
    keys = {key for _, key in controller.keys(told)}
    assert "vpc/vpc-1" not in keys


async def test_a_flow_log_has_its_vpc_counted_while_it_is_there(filled, controller, published):
    flow_log = FlowLog(
        flow_log_id="fl-1",
        resource_id="vpc-1",
        vpc_id="vpc-1",
        traffic_type="ALL",
        log_group_name="/flows",
        deliver_logs_permission_arn="arn:aws:iam::000000000000:role/r",
        log_format="${version}",
        max_aggregation_interval=60,
        created_at=VIRTUAL_START,
    )
    made = Change(1, SCOPE, FlowLog, "fl-1", None, flow_log)
    assert list(controller.keys(made)) == [(SCOPE, "vpc/vpc-1")]
    async with filled.transaction(SCOPE) as change:
        change.put(flow_log)
    await controller.reconcile(SCOPE, "vpc/vpc-1")
    assert published["vpc/vpc-1"].flow_logs == FlowLogsPlan(
        vpc_arn="arn:aws:ec2:us-east-1:000000000000:vpc/vpc-1", intervals=(60,)
    )
    async with filled.transaction(SCOPE) as change:
        change.remove(flow_log)
    await controller.reconcile(SCOPE, "vpc/vpc-1")
    assert published["vpc/vpc-1"].flow_logs is None
