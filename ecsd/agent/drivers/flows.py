"""Open connections of a VPC, as the kernel tracks them: listed, and ended one by one.

Source: conntrack(8), ss(8); network.md 2 (rule removed, connection open).
"""

import logging
from collections.abc import Sequence

from ecsd.agent.drivers.programs import attempt
from ecsd.clock import Clock
from ecsd.decisions.balancers.nlb_plan import Ending
from ecsd.decisions.network.security_group import Flow
from ecsd.errors import NetworkError

log = logging.getLogger(__name__)


async def open_flows(clock: Clock, path: str) -> list[Flow]:
    """Return the TCP and UDP flows of the namespace at a path, as they were begun."""
    found: list[Flow] = []
    for protocol in ("tcp", "udp"):
        code, listing, words = await _conntrack(clock, path, "-L", "-p", protocol)
        if code != 0:
            raise NetworkError(f"conntrack: {words.strip()[:200]}")
        found += [_flow(protocol, line) for line in listing.splitlines() if "src=" in line]
    return found


async def end_flows(clock: Clock, path: str, flows: list[Flow]) -> None:
    """Forget flows: their next packet is judged by the rules of now."""
    for one in flows:
        code, _, words = await _conntrack(
            clock,
            path,
            "-D",
            "-p",
            one.protocol,
            *("-s", one.source, "-d", one.destination),
            *("--sport", str(one.source_port), "--dport", str(one.port)),
        )
        if code != 0 and "0 flow entries" not in words:
            raise NetworkError(f"conntrack: {words.strip()[:200]}")
        log.info("an open connection lost its rule", extra={"flow": one._asdict()})


async def end_translated(clock: Clock, path: str, endings: Sequence[Ending]) -> None:
    """Forget flows that a balancer has led to a target; cut those that a program relays."""
    for one in endings:
        for came_to in one.addresses:
            await (_cut if one.relayed else _forget)(clock, path, one, came_to)
        log.info(
            "a target's flows are ended", extra={"target": one.target[0], "port": one.target[1]}
        )


async def _forget(clock: Clock, path: str, one: Ending, came_to: str) -> None:
    address, port = one.target
    code, _, words = await _conntrack(
        clock,
        path,
        *("-D", "-p", one.protocol),
        *("--orig-dst", came_to, "--orig-port-dst", str(one.port)),
        *("--reply-src", address, "--reply-port-src", str(port)),
    )
    if code != 0 and "0 flow entries" not in words:
        raise NetworkError(f"conntrack: {words.strip()[:200]}")


async def _cut(clock: Clock, path: str, one: Ending, source: str) -> None:
    address, port = one.target
    matching = ("src", source, "dst", address, "dport", "=", f":{port}")
    code, _, words = await attempt(
        clock, "nsenter", f"--net={path}", "ss", "--kill", "--tcp", *matching
    )
    if code != 0:
        raise NetworkError(f"ss: {words.strip()[:200]}")


async def _conntrack(clock: Clock, path: str, *words: str) -> tuple[int, str, str]:
    return await attempt(clock, "nsenter", f"--net={path}", "conntrack", *words)


def _flow(protocol: str, line: str) -> Flow:
    """Return the first direction of a line of ``conntrack -L``."""
    facts: dict[str, str] = {}
    for word in line.split():
        key, equals, value = word.partition("=")
        if equals:
            facts.setdefault(key, value)
    return Flow(
        protocol,
        facts["src"],
        facts["dst"],
        port=int(facts["dport"]),
        source_port=int(facts["sport"]),
    )
