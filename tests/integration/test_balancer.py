"""Real HAProxy in a namespace, real targets: what a load balancer promises."""

import asyncio
import json
import os
import re
import signal
import socket
from collections import Counter
from pathlib import Path

import pytest

from ecsd.errors import BalancerError
from ecsd.link.messages import PlanApplied
from tests.integration.balancer_world import (
    ADDRESS,
    ARN,
    DNS_NAME,
    ENTRANCE,
    Load,
    World,
    fetch,
    forward,
    group,
    plan,
    rule,
)

pytestmark = pytest.mark.integration


@pytest.fixture
async def world():
    made = World(f"ecst-lb-{os.getpid()}")
    made.open()
    try:
        await made.begin()
        try:
            yield made
        finally:
            await made.end()
            await (await made.begin()).remove_everything()
            await made.end()
    finally:
        made.close()


async def test_requests_are_spread_over_healthy_targets_with_elbs_headers(world):
    first, second = world.start_target(5), world.start_target(6)
    await world.balancers.apply(plan(group("a", first, second)))
    await world.healthy(first, second)

    answers = [json.loads((await world.get("/x?y=1")).text) for _ in range(10)]
    assert Counter(one["name"] for one in answers) == {"t5": 5, "t6": 5}
    headers = answers[0]["headers"]
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-port"] == "18080"
    assert headers["host"] == f"{DNS_NAME}:18080"
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", headers["x-amzn-trace-id"])
    assert answers[0]["path"] == "/x?y=1"
