"""Health checks in force: one host asks, findings are stored, names and instances follow."""

import asyncio

import pytest
from msgspec.structs import replace

from ecsd.certificates.authority import Authority
from ecsd.clock import VirtualClock, VirtualLoop
from ecsd.controllers.controller import Controllers
from ecsd.controllers.data_plane import DataPlaneController
from ecsd.controllers.discovery_instance import InstanceController
from ecsd.controllers.observations import Observations
from ecsd.decisions.dns.hosted_zone import first_record_sets
from ecsd.ids import SeededIds
from ecsd.records.host import Host
from ecsd.records.observed import EndpointObserved
from ecsd.records.route53.health_check import HealthCheck, HealthCheckConfig
from ecsd.records.route53.hosted_zone import HostedZone
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.service import DiscoveryService, DnsRecord, InstanceCheck
from ecsd.settings import Settings
from ecsd.store.scope import HOSTS
from ecsd.store.store import Store
from tests.controllers.balancing import load_balancer
from tests.controllers.conftest import no_flow_logs
from tests.controllers.test_zone_plans import NOW, OWN, REGION, Hosts, put, record

ZONE = HostedZone(zone_id="Z1", name="corp.", caller_reference="r", created_at=NOW)


def check(own, **config):
    config = {"type": "HTTP", "fully_qualified_domain_name": "web-1.elb.localhost"} | config
    return HealthCheck(
        health_check_id=own,
        caller_reference=own,
        config=HealthCheckConfig(**config),
        created_at=NOW,
    )


class World:
    """A store with the controllers that health checks concern, and hosts that only listen."""

    def __init__(self):
        self.store, self.clock, ids = Store.in_memory(), VirtualClock(), SeededIds(1)
        self.hosts = Hosts(self.store)
        self.observations = Observations(self.store, self.clock, ids, no_flow_logs)
        self.controllers = Controllers(
            self.store,
            self.clock,
            [
                DataPlaneController(
                    self.store, self.hosts, Settings(), Authority(None), self.clock
                ),
                InstanceController(self.store, self.clock, ids),
            ],
        )

    async def put(self, scope, *records):
        await put(self.store, scope, *records)
        await self.controllers.settle()

    async def see(self, own, healthy, *, passed=True, words="x"):
        seen = EndpointObserved(
            account=OWN.account,
            health_check_id=own,
            healthy=healthy,
            passed=passed,
            words=words,
            at=NOW,
        )
        self.observations.receive("h", seen)
        await self.observations.idle()
        await self.controllers.settle()

    def check(self, own):
        return self.store.view(OWN).get(HealthCheck, own)

    def linked(self):
        found = self.store.view(OWN).select(HealthCheck)
        return [one for one in found if one.linked_instance]

    def healthy(self):
        plans = self.hosts.plans["zone/Z1"].record_sets
        return [one.healthy for one in plans if one.record_type == "A"]


@pytest.fixture
def in_world():
    """Run ``scenario(world)`` in virtual time."""

    def start(scenario):
        async def main():
            world = World()
            running = [
                asyncio.create_task(world.controllers.run()),
                asyncio.create_task(world.observations.run()),
            ]
            await asyncio.sleep(0)
            await scenario(world)
            assert world.controllers.errors() == {}
            for one in running:
                one.cancel()

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(main())

    return start


def test_one_host_asks_and_a_load_balancer_is_asked_at_its_entrance(in_world):
    async def scenario(world):
        await world.put(OWN, check("a"), check("s", type="CALCULATED"))
        assert "endpoint-check/a" not in world.hosts.plans
        await world.put(HOSTS, Host(name="h", boot_id="1", connected=True))
        plan = world.hosts.plans["endpoint-check/a"]
        assert (plan.account, plan.address, plan.is_balancer) == (OWN.account, "", False)
        assert "endpoint-check/s" not in world.hosts.plans
        balancer = load_balancer(NOW)
        await world.put(REGION, balancer)
        plan = world.hosts.plans["endpoint-check/a"]
        assert (plan.address, plan.is_balancer) == (balancer.entrance, True)
        await world.put(OWN, check("a", disabled=True))
        assert "endpoint-check/a" not in world.hosts.plans

    in_world(scenario)


def test_findings_are_kept_and_too_few_change_nothing(in_world):
    async def scenario(world):
        await world.put(OWN, check("a"))
        await world.see("a", False, passed=False, words="bad")
        await world.see("a", None, words="good")
        one = world.check("a")
        assert (one.healthy, one.last.words, one.last_failure.words) == (False, "good", "bad")
        await world.see("a", True)
        assert world.check("a").healthy is True
        await world.see("gone", True)
        assert world.check("gone") is None

    in_world(scenario)


def test_a_record_is_as_well_as_its_check_and_a_sum_as_its_children(in_world):
    async def scenario(world):
        total = check("s", type="CALCULATED", health_threshold=1, child_health_checks=("a",))
        await world.put(OWN, check("a"), total, ZONE, *first_record_sets(ZONE))
        own = {"ttl": 1, "multivalue": True}
        await world.put(
            OWN,
            record("w.corp.", set_identifier="1", health_check_id="a", values=("10.0.0.1",), **own),
            record("w.corp.", set_identifier="2", health_check_id="s", values=("10.0.0.2",), **own),
            record("w.corp.", set_identifier="3", health_check_id="gone", **own),
        )
        assert world.healthy() == [True, True, True]
        await world.see("a", False, passed=False)
        assert world.healthy() == [False, False, True]
        told = len(world.hosts.pending_when_told)
        await world.see("a", False, passed=False, words="still")
        assert len(world.hosts.pending_when_told) == told
        await world.put(OWN, replace(world.check("s"), config=replace(total.config, inverted=True)))
        assert world.healthy() == [False, True, True]

    in_world(scenario)


def test_an_instance_of_cloud_map_has_a_check_whose_health_it_has(in_world):
    async def scenario(world):
        service = DiscoveryService(
            service_id="srv-1",
            arn="arn:aws:servicediscovery:eu-west-1:000000000000:service/srv-1",
            name="web",
            namespace_id="ns-1",
            dns_records=(DnsRecord(type="A", ttl=1),),
            health_check=InstanceCheck(type="HTTP", resource_path="/up"),
            created_at=NOW,
        )
        instance = Instance(
            place="srv-1|i",
            service_id="srv-1",
            instance_id="i",
            attributes={"AWS_INSTANCE_IPV4": "127.0.0.1"},
            health="UNKNOWN",
            registered_at=NOW,
        )
        alias = replace(instance, place="srv-1|b", instance_id="b", attributes={})
        await world.put(REGION, service, instance, alias)
        (linked,) = world.linked()
        config = linked.config
        assert (config.ip_address, config.port, config.resource_path) == ("127.0.0.1", 80, "/up")
        assert (config.failure_threshold, linked.linked_instance) == (1, "eu-west-1|srv-1|i")

        def health():
            return world.store.view(REGION).get(Instance, "srv-1|i").health

        assert health() == "UNKNOWN"
        await world.see(linked.health_check_id, False, passed=False)
        assert health() == "UNHEALTHY"
        await world.see(linked.health_check_id, True)
        assert health() == "HEALTHY"
        await world.put(REGION, replace(service, health_check=InstanceCheck(type="HTTPS")))
        (changed,) = world.linked()
        assert (changed.config.port, changed.version) == (443, 2)
        assert changed.health_check_id == linked.health_check_id
        await world.put(REGION, replace(service, health_check=None))
        assert world.linked() == []
        await world.put(REGION, service)
        assert len(world.linked()) == 1
        async with world.store.transaction(REGION) as change:
            change.remove(instance)
        await world.controllers.settle()
        assert world.linked() == []

    in_world(scenario)
