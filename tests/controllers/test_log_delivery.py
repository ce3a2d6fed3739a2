"""Credentials for balancers' logs, in virtual time: opened, told to the host, renewed."""

import asyncio
from datetime import timedelta

from msgspec.structs import replace

from ecsd.certificates.authority import Authority
from ecsd.clock import VIRTUAL_START, VirtualClock
from ecsd.controllers.controller import Controllers
from ecsd.controllers.data_plane import DataPlaneController
from ecsd.controllers.log_delivery import LogDeliveryController
from ecsd.ids import SeededIds
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.iam.session import Session
from ecsd.settings import Settings
from ecsd.store.store import Store
from tests.conftest import SCOPE
from tests.controllers.balancing import BALANCER, load_balancer
from tests.controllers.hub import Published

AUTHORITY = Authority(None)
ON = {"access_logs.s3.enabled": "true", "access_logs.s3.bucket": "logs"}


class World:
    """A store, the controller and the one that publishes plans."""

    def __init__(self):
        self.store, self.clock, self.published = Store.in_memory(), VirtualClock(), Published()
        parts = self.store, self.clock, SeededIds(1), AUTHORITY, Settings()
        plans = DataPlaneController(self.store, self.published, Settings(), AUTHORITY, self.clock)
        self.controllers = Controllers(
            self.store, self.clock, [LogDeliveryController(*parts), plans]
        )

    async def put(self, **attributes):
        made = load_balancer(VIRTUAL_START)
        async with self.store.transaction(SCOPE) as change:
            change.put(Vpc(vpc_id="vpc-1", cidr_block="10.0.0.0/16", number=1))
            change.put(replace(made, attributes=attributes))
        await self.controllers.settle()

    @property
    def sessions(self):
        return self.store.view(SCOPE.globally()).select(Session, load_balancer_arn=BALANCER)

    @property
    def given(self):
        return self.published.get(f"balancer/{BALANCER}").log_credentials


def test_a_balancer_has_a_session_while_it_keeps_logs(run_virtual):
    world = World()

    async def scenario():
        running = asyncio.create_task(world.controllers.run())
        await asyncio.sleep(0)
        await world.put()
        assert (world.sessions, world.given) == ([], None)
        await world.put(**ON)
        [session] = world.sessions
        assert session.is_judged
        assert session.arn == "logdelivery.elasticloadbalancing.amazonaws.com"
        first = world.given
        assert first.access_key_id == session.access_key_id
        assert first.expires_at - VIRTUAL_START >= timedelta(hours=6)
        await world.clock.sleep(5 * 3600 + 60)
        await world.controllers.settle()
        assert len(world.sessions) == 2
        assert world.given.expires_at > first.expires_at
        await world.put(**{**ON, "access_logs.s3.enabled": "false"})
        assert world.given is None
        await world.clock.sleep(6 * 3600)
        assert len(world.sessions) == 2  # no more of them
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_virtual(scenario())
