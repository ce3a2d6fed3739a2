"""One check of an endpoint from this host, as the internet would see it.

Source: Route 53 Developer Guide, how Route 53 determines whether a health check is healthy:
seconds, and certificates that nobody judges.
"""

import asyncio
import os
import socket
import ssl

from ecsd.agent.drivers.target_channel import Channel, hear_out, opened
from ecsd.clock import Clock
from ecsd.decisions.dns.endpoint_check import Found, answered, is_enough, request_text
from ecsd.decisions.dns.health_check import is_askable
from ecsd.records.plan import EndpointCheckPlan

CONNECT_SECONDS, TCP_SECONDS = 4.0, 10.0
ANSWER_SECONDS = 2.0
ALPN = "http/1.1"


async def ask_endpoint(plan: EndpointCheckPlan, clock: Clock, *, strict: bool) -> Found:
    """Return how the check went; it never fails itself. strict: as in ``is_askable``."""
    try:
        address = plan.address or await _resolved(plan, clock)
    except TimeoutError:
        return _failure(f"DNS resolution failed: {plan.name} was not resolved in time.")
    except OSError as error:
        return _failure(f"DNS resolution failed: {plan.name}: {error.strerror or error}.")
    if not plan.is_balancer and not is_askable(address, strict=strict):
        return _failure(f"The address {address} may not be checked.")
    found = await _checked(plan, address, clock)
    resolved = "" if plan.address else f" Resolved IP: {address}."
    return found._replace(words=found.words + resolved)


async def _checked(plan: EndpointCheckPlan, address: str, clock: Clock) -> Found:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    channel: Channel | None = None
    began = clock.now()
    try:
        channel = await _connected(connection, plan, address, clock)
        checker, connected = connection.getsockname()[0], clock.now()
        found = await _asked(channel, plan, address, clock)
        answered_at = clock.now()
        if plan.kind != "TCP":
            await hear_out(channel, clock)
    except TimeoutError:
        return _failure(
            "Connection timed out. The endpoint or the network to it is down, or something "
            "between drops requests."
            if channel is None
            else f"The endpoint did not answer within {ANSWER_SECONDS:.0f} seconds."
        )
    except ssl.SSLError as error:
        return _failure(f"SSL handshake failed: {error.reason or error}.")
    except OSError as error:
        words = os.strerror(error.errno) if error.errno else str(error)
        return _failure(f"Connection failed: {words}.")
    finally:
        if channel is None:
            connection.close()
        else:
            channel.close()
    took = (connected - began).total_seconds(), (answered_at - connected).total_seconds()
    detail = f" Connected in {took[0] * 1000:.0f} ms, answered in {took[1] * 1000:.0f} ms."
    return found._replace(checker=checker, detail=detail if plan.latency else "")


async def _connected(
    connection: socket.socket, plan: EndpointCheckPlan, address: str, clock: Clock
) -> Channel:
    alpn = ALPN if plan.kind.startswith("HTTPS") else ""
    async with clock.deadline(TCP_SECONDS if plan.kind == "TCP" else CONNECT_SECONDS):
        return await opened(connection, address, plan.port, alpn, plan.name if plan.sni else "")


async def _asked(channel: Channel, plan: EndpointCheckPlan, address: str, clock: Clock) -> Found:
    if plan.kind == "TCP":
        return Found(passed=True, words="Success: Connection established.")
    heard = b""
    async with clock.deadline(ANSWER_SECONDS):
        await channel.send(request_text(plan, address))
        while not is_enough(heard, plan):
            piece = await channel.receive()
            if not piece:
                break
            heard += piece
    return answered(heard, plan)


async def _resolved(plan: EndpointCheckPlan, clock: Clock) -> str:
    async with clock.deadline(CONNECT_SECONDS):
        found = await asyncio.get_running_loop().getaddrinfo(
            plan.name, plan.port, type=socket.SOCK_STREAM
        )
    first = next((one for one in found if one[0] == socket.AF_INET), found[0])
    return str(first[4][0])


def _failure(words: str) -> Found:
    return Found(passed=False, words=f"Failure: {words}")
