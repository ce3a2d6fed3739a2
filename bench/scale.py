"""One VPC with 100 listeners, 1,000 rules and 1,000 targets, changed under load; health checks.

An agent's own parts without server or Engine: plans go straight to its load balancers.
"""

import asyncio
import socket
import statistics
import time
from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import NamedTuple

from msgspec.structs import replace

from bench import machine
from bench.scene import answering
from bench.table import Group, Row, milliseconds
from ecsd.agent.drivers.haproxy import Haproxy
from ecsd.agent.drivers.target_probe import Question
from tests.integration.balancer_world import (
    ADDRESS,
    ENTRANCE,
    LISTENER,
    forward,
    group,
    opened_world,
    plan,
    rule,
)

BALANCERS, LISTENERS, RULES, TARGETS = 10, 10, 10, 100  # of each balancer; rules of each listener
FIRST_PORT, TARGET_PORT = 18080, 8080
NETWORK = "10.202.0.0/16"
INTERVAL = 5  # seconds
CHANGES = 15
PAUSES = "function delay() return 4 end"  # ms: load, but none that takes all processors
SECONDS = 5
SHARE = 0.1  # of a core, for health checks


@asynccontextmanager
async def crowd():
    """A world whose VPC answers at every address of NETWORK."""
    async with opened_world() as world:
        enter = ["nsenter", f"--net={world.namespace}"]
        for one in (NETWORK, f"{ADDRESS.rpartition('.')[0]}.0/24"):  # targets', and balancers' own
            words = (*enter, "ip", "route", "add", "local", one, "dev", "lo")
            await asyncio.to_thread(machine.run, *words)
        with answering(str(world.namespace), TARGET_PORT):
            yield world


def address(number):
    """Return the address of a target."""
    return f"10.202.{number // 250}.{number % 250 + 1}"


def balancer(number):
    """Return a balancer's plan: a group for each listener, a rule's condition of its own."""
    share = TARGETS // LISTENERS
    groups = [
        group(
            f"g{number}-{at}",
            *(address(number * TARGETS + at * share + one) for one in range(share)),
            interval=INTERVAL,
        )
        for at in range(LISTENERS)
    ]
    made = plan(*groups)
    listeners = tuple(
        replace(
            made.listeners[0],
            listener_arn=f"{LISTENER}/{number}/{at}",
            port=FIRST_PORT + at,
            default_actions=forward((own.name, 1)),
            rules=tuple(
                rule(one, _path(f"/path-{one}/*"), *forward((own.name, 1)))
                for one in range(1, RULES + 1)
            ),
        )
        for at, own in enumerate(groups)
    )
    return replace(
        made,
        load_balancer_arn=f"{made.load_balancer_arn}{number}",
        name=f"web{number}",
        dns_name=f"web-{number}.elb.localhost",
        addresses=(f"{ADDRESS.rpartition('.')[0]}.{100 + number}",),
        entrance=f"{ENTRANCE.rpartition('.')[0]}.{10 + number}",
        listeners=listeners,
    )


def _path(value):
    return {"Field": "path-pattern", "PathPatternConfig": {"Values": [value]}}


class Found(NamedTuple):
    """Seconds until a changed target, and a changed rule, were in force; requests meanwhile.

    bare: seconds that HAProxy takes to read the same file, which a changed rule has it do twice:
    to check it, and to load it.
    """

    target: float
    rule: float
    bare: float
    failed: int
    asked: float


async def changes():
    """Change targets and rules under load; return what was found out."""
    async with crowd() as world:
        plans = [balancer(number) for number in range(BALANCERS)]
        for one in plans:
            await world.balancers.apply(one)
        await asyncio.wait_for(_all_healthy(world, plans), 60)
        first = plans[0]
        url = f"http://{first.entrance}:{FIRST_PORT}/"
        host = f"Host: {first.dns_name}"
        script = world.folder / "pauses.lua"
        script.write_text(PAUSES)
        how = {"seconds": SECONDS * 2, "connections": 8, "headers": [host], "script": str(script)}
        load = asyncio.create_task(asyncio.to_thread(machine.wrk, url, **how))
        targets, rules, bare = [], [], []
        file = str(world.folder / "haproxy" / first.vpc_id / "haproxy.cfg")
        for turn in range(CHANGES):
            targets.append(await _in_use(world, _without_target(first, turn)))
            await asyncio.sleep(SECONDS / CHANGES / 2)
            rules.append(await _in_force(world, _with_rule(first, turn)))
            await asyncio.sleep(SECONDS / CHANGES / 2)
            await world.balancers.apply(first)
            bare.append(await asyncio.to_thread(_read_by_haproxy, file))
        rate, bad = await load
    medians = (statistics.median(each) for each in (targets, rules, bare))
    return Found(*medians, bad, rate * SECONDS * 2)


def _read_by_haproxy(file):
    """Return the seconds that a bare ``haproxy -c`` takes."""
    began = time.perf_counter()
    machine.run("haproxy", "-c", "-f", file)
    return time.perf_counter() - began


async def _all_healthy(world, plans):
    wanted = {
        one.target_group_arn: len(one.targets) for plan in plans for one in plan.target_groups
    }
    await world.until(
        lambda world: all(_healthy(world).get(arn) == count for arn, count in wanted.items()), 60
    )


def _healthy(world):
    """Return how many targets of each group were last reported healthy."""
    return {
        one.target_group_arn: sum(target.state == "healthy" for target in one.targets)
        for one in world.heard
    }


async def _in_force(world, plan):
    """Return the seconds until a plan is in force."""
    began = time.perf_counter()
    await world.balancers.apply(plan)
    return time.perf_counter() - began


async def _in_use(world, plan):
    """The same of a plan that changes a target: when HAProxy has answered."""
    answered = []
    command = Haproxy.command

    async def noted(self, commands):
        said = await command(self, commands)
        answered.append(time.perf_counter())
        return said

    Haproxy.command = noted
    try:
        began = time.perf_counter()
        await world.balancers.apply(plan)
    finally:
        Haproxy.command = command
    return answered[0] - began


def _without_target(plan, turn):
    """Return the plan with one of the first group's targets draining."""
    own, *others = plan.target_groups
    targets = list(own.targets)
    targets[turn % len(targets)] = replace(targets[turn % len(targets)], draining=True)
    return replace(plan, target_groups=(replace(own, targets=tuple(targets)), *others))


def _with_rule(plan, turn):
    """Return the plan with another condition in one of the first listener's rules."""
    own, *others = plan.listeners
    first, *rest = own.rules
    changed = replace(first, conditions=(_path(f"/changed-{turn}/*"),))
    return replace(plan, listeners=(replace(own, rules=(changed, *rest)), *others))


class Checking(NamedTuple):
    """Checks a second, the share of a core that they took, and a bare check's CPU seconds."""

    rate: float
    used: float
    bare: float


async def checking(count=2000):
    """Return how ``count`` targets are checked each second."""
    async with crowd() as world:
        groups = [
            group(f"g{at}", *(address(at * 100 + one) for one in range(100)), interval=1)
            for at in range(count // 100)
        ]
        made = plan(*groups)
        await world.balancers.apply(made)
        await asyncio.wait_for(_all_healthy(world, [made]), 60)
        checks = world.balancers._checks  # noqa: SLF001 - counts what it hears
        judge, asked = checks._judge, 0  # noqa: SLF001

        def counted(watched, outcome, check):
            nonlocal asked
            asked += outcome.kind == "passed"
            judge(watched, outcome, check)

        checks._judge = counted  # noqa: SLF001
        await asyncio.sleep(1)
        asked, cpu, began = 0, time.process_time(), time.monotonic()
        await asyncio.sleep(SECONDS)
        taken = time.monotonic() - began
        rate, used = asked / taken, (time.process_time() - cpu) / taken
        bare = world.networks.within(lambda: bare_check(address(0)))
        return Checking(rate, used, bare)


def bare_check(target, count=300):
    """Return the CPU seconds of a check that a blocking loop makes."""
    asked = Question(target, TARGET_PORT, "/", 1, "200").request()
    began = time.thread_time()
    for _ in range(count):
        with socket.create_connection((target, TARGET_PORT), 5) as connection:
            connection.sendall(asked)
            while connection.recv(1 << 14):
                pass
    return (time.thread_time() - began) / count


def checks_within(_):
    found = asyncio.run(checking())
    each = found.used / found.rate
    return (
        f"{SHARE / each:,.0f} ({found.rate:,.0f} at {found.used:.0%}: {each * 1e6:.0f} us each, "
        f"{each / found.bare:.1f} times a bare blocking loop's)"
    )


def rule_changed(found):
    return f"{milliseconds(found.rule)} ({milliseconds(found.bare)} a bare `haproxy -c` of it)"


@contextmanager
def opened():
    """Yield what ``changes`` found out."""
    yield asyncio.run(changes())


SIZE = (
    f"{BALANCERS * LISTENERS} listeners, {BALANCERS * LISTENERS * RULES:,} rules, "
    f"{BALANCERS * TARGETS:,} targets"
)
GROUP = Group(
    opened,
    (
        Row(f"one target changed, {SIZE}", "≤ 5 ms", lambda found: milliseconds(found.target)),
        Row("one rule changed there", "≤ 150 ms", rule_changed),
        Row(
            "failed requests during these changes",
            "0",
            lambda found: f"{found.failed} of {found.asked:,.0f}",
        ),
    ),
)
CHECKS = Group(
    nullcontext,
    (Row("health checks/s of an agent at 10 % of a core", "≥ 1,000", checks_within),),
)
