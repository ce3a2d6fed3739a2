"""Certificates of encrypted Service Connect, in virtual time."""

import asyncio
from datetime import timedelta

from msgspec.structs import replace

from ecsd.certificates.authority import Authority
from ecsd.clock import VIRTUAL_START, VirtualClock
from ecsd.controllers.connect_certificate import ConnectCertificateController
from ecsd.controllers.controller import Controllers
from ecsd.controllers.data_plane import DataPlaneController
from ecsd.records.ecs.connect_certificate import ConnectCertificate
from ecsd.records.ecs.service_connect import ConnectName, ConnectPort
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.service import DiscoveryService
from ecsd.settings import Settings
from ecsd.store.store import Store
from tests.conftest import SCOPE
from tests.controllers.hub import Published

DAY = 86400
ARN = "arn:aws:servicediscovery:us-east-1:000000000000:service/srv-1"
AUTHORITY = Authority(None)
SERVICE = DiscoveryService(
    service_id="srv-1",
    arn=ARN,
    name="api",
    namespace_id="ns-1",
    ecs_service_arn="arn:service",
    is_encrypted=True,
    created_at=VIRTUAL_START,
)
TASK = Task(
    task_arn="arn:task/1",
    task_id="1",
    cluster="c",
    cluster_arn="arn:c",
    task_definition="web:1",
    task_definition_arn="arn:d",
    group="service:web",
    host="h",
    containers=(),
    connect_ports=(
        ConnectPort(
            port_name="api",
            discovery_name="api",
            discovery_arn=ARN,
            container_port=80,
            protocol="http",
            idle_timeout=300,
            tls=True,
        ),
    ),
    connect_names=(
        ConnectName(discovery_arn=ARN, name="api", port=80, protocol="http", idle_timeout=300),
    ),
    created_at=VIRTUAL_START,
)
DEFINITION = TaskDefinition(
    name="web:1",
    arn="arn:d",
    family="web",
    revision=1,
    container_definitions=({"name": "app"},),
    registered_at=VIRTUAL_START,
    registered_by="me",
)
INSTANCE = Instance(
    place="srv-1|1",
    service_id="srv-1",
    instance_id="1",
    attributes={"AWS_INSTANCE_IPV4": "10.0.0.5", "AWS_INSTANCE_PORT": "80"},
    task_arn="arn:task/1",
    registered_at=VIRTUAL_START,
)


class World:
    """A store, the controller and the one that publishes plans."""

    def __init__(self):
        self.store = Store.in_memory()
        self.clock = VirtualClock()
        self.published = Published()
        controller = ConnectCertificateController(self.store, self.clock, AUTHORITY, self.issue)
        planner = DataPlaneController(
            self.store, self.published, Settings(), AUTHORITY, VirtualClock()
        )
        self.controllers = Controllers(self.store, self.clock, [controller, planner])

    async def issue(self, names, algorithm, now):
        return AUTHORITY.issue(names, algorithm, now)

    async def put(self, *records):
        async with self.store.transaction(SCOPE) as change:
            change.put(*records)

    @property
    def certificate(self):
        return self.store.view(SCOPE).get(ConnectCertificate, ARN)

    def run(self, run_virtual, scenario):
        async def wrapped():
            running = asyncio.create_task(self.controllers.run())
            await asyncio.sleep(0)
            try:
                await scenario()
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

        run_virtual(wrapped())


def test_an_encrypted_name_gets_a_certificate_that_is_rotated_every_five_days(run_virtual):
    world = World()

    async def scenario():
        await world.put(SERVICE)
        await world.controllers.settle()
        first = world.certificate
        assert first.name == "srv-1.ecs-service-connect"
        assert first.chain == AUTHORITY.root(VIRTUAL_START)
        await world.clock.advance(5 * DAY - 60)
        assert world.certificate == first
        await world.clock.advance(120)
        second = world.certificate
        assert second.body != first.body
        assert second.issued_at - first.issued_at >= timedelta(days=5)

    world.run(run_virtual, scenario)


def test_a_plain_name_has_none_and_one_that_is_gone_leaves_none(run_virtual):
    world = World()

    async def scenario():
        await world.put(replace(SERVICE, is_encrypted=False))
        await world.controllers.settle()
        assert world.certificate is None
        await world.put(SERVICE)
        await world.controllers.settle()
        assert world.certificate is not None
        async with world.store.transaction(SCOPE) as change:
            change.remove(SERVICE)
        await world.controllers.settle()
        assert world.certificate is None

    world.run(run_virtual, scenario)


def test_a_proxy_waits_for_its_certificate_and_gets_each_new_one(run_virtual):
    world = World()

    async def scenario():
        await world.put(replace(SERVICE, is_encrypted=False), DEFINITION, TASK, INSTANCE)
        await world.controllers.settle()
        assert "connect/arn:task/1" not in world.published
        await world.put(SERVICE)
        await world.controllers.settle()
        plan = world.published["connect/arn:task/1"]
        known = world.certificate
        assert plan.certificates[ARN].startswith(known.body + known.chain)
        assert plan.certificates[ARN].rstrip().endswith("-----END PRIVATE KEY-----")
        assert plan.authority == known.chain
        (name,) = plan.names
        assert name.server_name == known.name
        assert [one.tls for one in name.endpoints] == [True]
        await world.clock.advance(5 * DAY + 60)
        await world.controllers.settle()
        renewed = world.published["connect/arn:task/1"]
        assert renewed.certificates[ARN].startswith(world.certificate.body)
        assert renewed.certificates != plan.certificates

    world.run(run_virtual, scenario)
