"""Plans of hosted zones: published when they change, and only then a change is in sync."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from ecsd.certificates.authority import Authority
from ecsd.clock import VirtualClock, VirtualLoop
from ecsd.controllers.controller import Controllers
from ecsd.controllers.data_plane import DataPlaneController
from ecsd.controllers.expiry import ExpiryController
from ecsd.decisions.dns.hosted_zone import BALANCER_ZONE, first_record_sets
from ecsd.decisions.dns.record_set import place
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.elbv2.load_balancer import Listener
from ecsd.records.elbv2.target_group import Target
from ecsd.records.route53.hosted_zone import HostedZone, ZoneVpc
from ecsd.records.route53.record_set import AliasTarget, RecordSet
from ecsd.records.route53.zone_change import ZoneChange
from ecsd.settings import Settings
from ecsd.store.scope import Scope
from ecsd.store.store import Store
from tests.controllers.balancing import BALANCER, GROUP, load_balancer, target_group

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REGION = Scope("000000000000", "eu-west-1")
OWN = REGION.globally()
ZONE = HostedZone(
    zone_id="Z1",
    name="corp.",
    caller_reference="r",
    private=True,
    vpcs=(ZoneVpc(vpc_id="vpc-1", region="eu-west-1"),),
    created_at=NOW,
)
VPC = Vpc(vpc_id="vpc-1", cidr_block="10.0.0.0/16", number=1, enable_dns_hostnames=True)


class Hosts:
    """Stands for the hub: what every host was told, newest last."""

    def __init__(self, store):
        self._store = store
        self.plans = {}
        self.pending_when_told = []

    def publish(self, key, plan, host=None):
        self.plans[key] = plan
        self._note()

    def withdraw(self, key):
        self.plans.pop(key, None)
        self._note()

    def _note(self):
        changes = self._store.view(OWN).select(ZoneChange)
        self.pending_when_told.append([one.status for one in changes])


def changed(number):
    return ZoneChange(
        change_id=f"C{number}",
        zone_id="Z1",
        submitted_at=NOW,
        expires_at=VirtualClock().now() + timedelta(days=14),
    )


def record(name, **more):
    own = more.get("set_identifier")
    key = place("Z1", name, "A", own)
    return RecordSet(place=key, zone_id="Z1", name=name, type="A", **more)


@pytest.fixture
def run():
    """Run ``scenario(store, hosts, settle, clock)`` in virtual time."""

    def start(scenario):
        async def main():
            store, clock = Store.in_memory(), VirtualClock()
            hosts = Hosts(store)
            controllers = Controllers(
                store,
                clock,
                [
                    DataPlaneController(store, hosts, Settings(), Authority(None), VirtualClock()),
                    ExpiryController(store, clock),
                ],
            )
            async with asyncio.TaskGroup() as group:
                running = group.create_task(controllers.run())
                await asyncio.sleep(0)
                await scenario(store, hosts, controllers.settle, clock)
                assert controllers.errors() == {}
                running.cancel()

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(main())

    return start


async def put(store, scope, *records):
    async with store.transaction(scope) as change:
        change.put(*records)


def test_a_change_is_in_sync_once_its_plan_was_published(run):
    async def scenario(store, hosts, settle, clock):
        await put(store, REGION, VPC)
        await put(store, OWN, ZONE, *first_record_sets(ZONE), changed(1))
        await settle()
        assert hosts.plans["zone/Z1"].vpc_ids == ("vpc-1",)
        assert ["PENDING"] in hosts.pending_when_told
        view = store.view(OWN)
        assert view.get(ZoneChange, "C1").status == "INSYNC"
        await put(store, OWN, record("w.corp.", ttl=1, values=("10.0.0.1",)), changed(2))
        await settle()
        assert len(hosts.plans["zone/Z1"].record_sets) == 3
        assert view.get(ZoneChange, "C2").status == "INSYNC"
        async with store.transaction(OWN) as change:
            change.remove(view.get(HostedZone, "Z1"), *view.select(RecordSet))
            change.put(changed(3))
        await settle()
        assert "zone/Z1" not in hosts.plans
        assert view.get(ZoneChange, "C3").status == "INSYNC"
        await clock.sleep(timedelta(days=15).total_seconds())
        await settle()
        assert view.select(ZoneChange) == []

    run(scenario)


def test_a_vpc_that_changes_changes_the_zones_that_it_asks(run):
    async def scenario(store, hosts, settle, _):
        await put(store, OWN, ZONE, *first_record_sets(ZONE))
        await settle()
        assert "zone/Z1" not in hosts.plans
        await put(store, REGION, VPC)
        await settle()
        assert "zone/Z1" in hosts.plans
        await put(store, REGION, replace(VPC, enable_dns_hostnames=False))
        await settle()
        assert "zone/Z1" not in hosts.plans

    run(scenario)


def balancing():
    """A load balancer with one listener, one group and one target."""
    yield load_balancer(NOW, scheme="internal")
    yield Listener(
        listener_arn="arn:l",
        load_balancer_arn=BALANCER,
        port=80,
        protocol="HTTP",
        default_actions=({"Type": "forward", "TargetGroupArn": GROUP},),
        target_group_arns=(GROUP,),
    )
    yield target_group(GROUP, 30)


TARGET = Target(
    place=f"{GROUP}|10.0.0.9|80",
    target_group_arn=GROUP,
    target_id="10.0.0.9",
    port=80,
    registered_at=NOW,
)


def test_a_weighted_alias_is_as_well_as_its_load_balancer(run):
    async def scenario(store, hosts, settle, _):
        leads = AliasTarget(
            hosted_zone_id=BALANCER_ZONE,
            dns_name="web-1.elb.localhost.",
            evaluate_target_health=True,
        )
        alias = record("w.corp.", alias=leads, set_identifier="x", weight=1)
        await put(store, REGION, VPC, *balancing(), TARGET)
        await put(store, OWN, ZONE, *first_record_sets(ZONE), alias)

        def is_healthy():
            (one,) = (each for each in hosts.plans["zone/Z1"].record_sets if each.alias)
            assert one.alias == "web-1.elb.localhost"
            return one.healthy

        await settle()
        assert not is_healthy()
        await put(store, REGION, replace(TARGET, state="healthy"))
        await settle()
        assert is_healthy()
        await put(store, REGION, replace(TARGET, state="unhealthy"))
        await settle()
        assert not is_healthy()

    run(scenario)
