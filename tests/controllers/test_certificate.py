"""Certificates in virtual time: renewed while in use, told of before they expire."""

import asyncio
import logging
from datetime import timedelta

import pytest

from ecsd.certificates.authority import Authority
from ecsd.clock import VIRTUAL_START, VirtualClock
from ecsd.controllers.certificate import CertificateController
from ecsd.controllers.controller import Controllers
from ecsd.records.acm.account_configuration import AccountConfiguration
from ecsd.records.acm.certificate import Certificate
from ecsd.records.elbv2.load_balancer import Listener
from ecsd.store.store import Store
from tests.conftest import SCOPE

ARN = "arn:aws:acm:us-east-1:000000000000:certificate/1"
DAY = 86400
AUTHORITY = Authority(None)
ISSUED = AUTHORITY.issue(["a.example.com", "b.example.com"], "EC_prime256v1", VIRTUAL_START)


class World:
    """A store, the controller, and one certificate."""

    def __init__(self, kind="AMAZON_ISSUED"):
        self.store = Store.in_memory()
        self.clock = VirtualClock()
        self.asked = []
        controller = CertificateController(self.store, self.clock, AUTHORITY, self.issue)
        self.controllers = Controllers(self.store, self.clock, [controller])
        self.kind = kind

    async def issue(self, names, algorithm, now):
        self.asked.append((tuple(names), algorithm))
        return AUTHORITY.issue(names, algorithm, now)

    async def put(self, *records):
        async with self.store.transaction(SCOPE) as change:
            change.put(*records)

    async def begin(self):
        facts = ISSUED.facts
        await self.put(
            Certificate(
                certificate_arn=ARN,
                type=self.kind,
                domain_name="a.example.com",
                subject_alternative_names=facts.domain_names,
                body=ISSUED.body,
                chain=ISSUED.chain,
                sealed_key=AUTHORITY.seal.seal(ISSUED.private_key, ARN),
                facts=facts,
                created_at=VIRTUAL_START,
            )
        )

    async def serve(self):
        await self.put(
            Listener(
                listener_arn="listener",
                load_balancer_arn="balancer",
                port=443,
                protocol="HTTPS",
                default_actions=(),
                certificate_arns=(ARN,),
            )
        )

    @property
    def certificate(self):
        return self.store.view(SCOPE).get(Certificate, ARN)


@pytest.fixture
def live(run_virtual):
    """Run a scenario while the controllers work: ``live(world, scenario)``."""

    def run(world, scenario):
        async def whole():
            async with asyncio.TaskGroup() as group:
                work = group.create_task(world.controllers.run())
                await world.begin()
                await scenario()
                work.cancel()

        run_virtual(whole())

    return run


def test_what_is_in_use_is_renewed_again_and_again(live):
    world = World()

    async def scenario():
        await world.serve()
        await world.clock.advance(152 * DAY)
        assert world.certificate.body == ISSUED.body
        await world.clock.advance(2 * DAY)
        first = world.certificate
        assert first.facts.not_after == VIRTUAL_START + timedelta(days=153 + 198)
        assert first.renewed_at == VIRTUAL_START + timedelta(days=153)
        assert first.subject_alternative_names == ("a.example.com", "b.example.com")
        assert "PRIVATE KEY" in AUTHORITY.seal.unseal(first.sealed_key, ARN)
        await world.clock.advance(153 * DAY)
        assert world.certificate.renewed_at == VIRTUAL_START + timedelta(days=306)

    live(world, scenario)
    assert world.asked == [(("a.example.com", "b.example.com"), "EC_prime256v1")] * 2


def test_what_nobody_serves_is_not_renewed_but_told_of_daily(live, caplog):
    world = World()
    told = []

    async def scenario():
        caplog.set_level(logging.WARNING)
        await world.put(AccountConfiguration(days_before_expiry=3))
        await world.clock.advance(194 * DAY)
        told.append(len(caplog.records))
        await world.clock.advance(DAY + 1)
        told.append(len(caplog.records))
        await world.clock.advance(DAY)
        told.append(len(caplog.records))
        await world.clock.advance(30 * DAY)
        told.append(len(caplog.records))

    live(world, scenario)
    assert told == [0, 1, 2, 3]
    assert {one.message for one in caplog.records} == {"a certificate expires soon"}
    assert world.asked == []


def test_an_imported_one_is_never_renewed(live):
    world = World("IMPORTED")

    async def scenario():
        await world.serve()
        await world.clock.advance(300 * DAY)

    live(world, scenario)
    assert world.certificate.body == ISSUED.body


def test_one_that_is_put_in_use_late_is_renewed_then(live):
    world = World()

    async def scenario():
        await world.clock.advance(190 * DAY)
        await world.serve()
        await world.clock.advance(1)

    live(world, scenario)
    assert world.certificate.renewed_at == VIRTUAL_START + timedelta(days=190)
