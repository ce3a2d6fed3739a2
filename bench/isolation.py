"""Security groups: one rule changed where a thousand addresses belong to the group."""

import asyncio
import statistics
import time
from contextlib import nullcontext

from bench.table import Group, Row, milliseconds
from tests.integration.vpc_world import World, allow, group, interface, vpc_plan

ADDRESSES, CHANGES = 1000, 15
WORLD = "0.0.0.0/0"


def changed(_):
    return milliseconds(asyncio.run(_changes()))


async def _changes():
    """Return the median of the seconds that a changed rule takes to be in force."""
    world = World()
    await world.begin()
    try:
        members = tuple(
            interface(number, f"10.207.{1 + number // 240}.{10 + number % 240}", "sg-web")
            for number in range(ADDRESSES)
        )
        taken = []
        for turn in range(CHANGES):
            rules = (
                allow("tcp", 80, cidr="0.0.0.0/0"),
                allow("tcp", 1000 + turn, group_id="sg-web"),
            )
            plan = vpc_plan(interfaces=members, security_groups=(group("sg-web", ingress=rules),))
            began = time.perf_counter()
            await world.networks.apply(plan)
            taken.append(time.perf_counter() - began)
        return statistics.median(taken[1:])  # the first one makes the VPC
    finally:
        await world.close()


GROUP = Group(
    nullcontext,
    (Row(f"a security group's rule changed, {ADDRESSES:,} addresses in it", "≤ 5 ms", changed),),
)
