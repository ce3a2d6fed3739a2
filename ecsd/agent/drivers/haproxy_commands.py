"""HAProxy's runtime API: commands over its socket, and servers made as wanted by them.

Source: HAProxy 2.6 Management Guide, 9.3. A server that is added gets none of the file's defaults:
without a pool named, 2.6 opens a connection for every request (measured: 2.7 times slower).
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from ecsd.clock import Clock
from ecsd.decisions.haproxy.backend import Server
from ecsd.errors import BalancerError

ANSWER_SECONDS = 5
AT_ONCE = 50  # commands in one line; HAProxy reads at most 16 KiB
MAINTENANCE = 0x3B  # all flags of srv_admin_state but CMAINT: ``disabled`` in the file, once
FINE = ("New server registered.", "Server deleted.")
LARGEST_PAYLOAD = 15_000  # bytes: HAProxy holds a command and its payload in one buffer of 16 KiB
POOL = "pool-max-conn -1 pool-purge-delay 5s"  # as servers of the file have it by default
TAKEN, COMMITTED = ("Transaction created", "Transaction updated"), "Success!"
KEPT = "still has connections"
CHECKED = " check "  # a server that is added is not checked before it is told to

Servers = dict[str, dict[str, Server]]  # backend → server name → server


async def converse(path: Path, commands: list[str], clock: Clock) -> list[str]:
    """Return the non-empty lines that HAProxy answers.

    Raises:
        BalancerError: it does not listen, or does not answer in time.
    """
    answers: list[str] = []
    for start in range(0, len(commands), AT_ONCE):
        answers += await _exchange(path, ";".join(commands[start : start + AT_ONCE]), clock)
    return answers


async def replace_certificate(path: Path, file: str, pem: str, clock: Clock) -> str | None:
    """Have new handshakes see other contents of a certificate's file; return why not, or None.

    Raises:
        BalancerError: it does not listen, or does not answer in time.
    """
    if len(pem) > LARGEST_PAYLOAD:
        return f"{len(pem)} bytes are more than its command socket takes"
    said = await _exchange(path, f"set ssl cert {file} <<\n{pem.strip()}\n", clock)
    if not any(one.startswith(TAKEN) for one in said):
        return " ".join(said)
    said = await _exchange(path, f"commit ssl cert {file}", clock)
    if not any(one.startswith(COMMITTED) for one in said):
        await _exchange(path, f"abort ssl cert {file}", clock)
        return " ".join(said)
    return None


async def _exchange(path: Path, line: str, clock: Clock) -> list[str]:
    """Return the non-empty lines that one line is answered with."""
    try:
        async with clock.deadline(ANSWER_SECONDS):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.write(f"{line}\n".encode())
                heard = await reader.read(-1)
            finally:
                writer.close()
    except (OSError, TimeoutError) as error:
        reason = str(error) or f"no answer within {ANSWER_SECONDS} s"
        raise BalancerError(f"HAProxy's command socket: {reason}") from error
    return [one for one in heard.decode(errors="replace").splitlines() if one.strip()]


def changes(running: Servers, wanted: Servers) -> list[str]:
    """Return the commands that make the running servers the wanted ones.

    One that is not wanted any more is put out of use; ``leavers`` go for good. What becomes heavier
    does so first, so that a backend is at no moment without a server that has a weight.
    """
    commands: list[str] = []
    lighter: list[str] = []
    for backend, servers in wanted.items():
        known = running.get(backend, {})
        if known == servers:
            continue
        for name, server in servers.items():
            place = f"{backend}/{name}"
            old = known.get(name)
            if old is None:
                commands.append(f"add server {place} {server.line()} {POOL}")
                if CHECKED in server.options:
                    commands.append(f"enable health {place}")
            elif old.weight != server.weight:
                order = commands if server.weight > old.weight else lighter
                order.append(f"set server {place} weight {server.weight}")
            if (old.used if old else False) != server.used:
                state = "ready" if server.used else "maint"
                commands.append(f"set server {place} state {state}")
    commands += lighter
    commands += [
        f"set server {backend}/{name} state maint"
        for backend, name in leavers(running, wanted)
        if running[backend][name].used
    ]
    return commands


def leavers(running: Servers, wanted: Servers) -> list[tuple[str, str]]:
    """Return the servers (backend, name) that run and are not wanted."""
    return [
        (backend, name)
        for backend, servers in running.items()
        if servers.keys() - wanted.get(backend, {}).keys()
        for name in servers
        if name not in wanted.get(backend, {})
    ]


def refusals(answers: list[str]) -> list[str]:
    """Return what HAProxy said that is not assent."""
    return [one for one in answers if one not in FINE]


def read_servers(answers: list[str], wanted: Mapping[str, object]) -> Servers:
    """Return the servers of the wanted backends out of ``show servers state``."""
    servers: Servers = {backend: {} for backend in wanted}
    for answer in answers:
        fields = answer.split()
        if answer.startswith("#") or len(fields) < 19 or fields[1] not in servers:  # noqa: PLR2004
            continue
        backend, name, address, flags = fields[1], fields[3], fields[4], int(fields[6])
        used = not flags & MAINTENANCE
        servers[backend][name] = Server(address, int(fields[18]), "", used, int(fields[7]))
    return servers
