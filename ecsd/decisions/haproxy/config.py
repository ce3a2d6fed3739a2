"""What all configurations of HAProxy here have in common: limits, the first sections, the text.

Source: HAProxy 2.6 Configuration Manual, 3 and 4.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType
from typing import NamedTuple

from ecsd.decisions.haproxy.action import SERVED, page
from ecsd.decisions.haproxy.authenticate import buffer_lines
from ecsd.decisions.haproxy.backend import Server
from ecsd.decisions.haproxy.observation import Observed
from ecsd.decisions.haproxy.text import word
from ecsd.decisions.haproxy.tls import NO_SHARED_SESSIONS

CONNECT_MS = 3300  # three attempts stay within ELB's 10 seconds
PAGES = {
    400: "400 Bad Request",
    408: "408 Request Time-out",
    413: "413 Request Entity Too Large",
    500: "500 Internal Server Error",
    502: "502 Bad Gateway",
    503: "503 Service Temporarily Unavailable",
    504: "504 Gateway Time-out",
}


class Limits(NamedTuple):
    """What the machine grants an HAProxy.

    user: whom its workers become; empty: nobody else. host_namespace: under what name in
    /run/netns the host's own namespace is found.
    """

    connections: int
    threads: int
    user: str = ""
    host_namespace: str = "ecsd-host"


class Place(NamedTuple):
    """Where an HAProxy lives: its folder, and the host entrances that it may bind.

    agent_socket: where the agent answers what an HAProxy cannot; empty: that is never asked for.
    observed: where it tells what it observes; None: nowhere.
    """

    folder: str
    limits: Limits
    entrances: Collection[tuple[str, int]] = ()
    agent_socket: str = ""
    observed: Observed | None = None


class Config(NamedTuple):
    """A configuration: the frame's sections, and what changes without another frame.

    sections: the text of each, servers aside. lists: path → content of files that belong to the
    frame, which names them by content.
    """

    sections: tuple[str, ...]
    servers: dict[str, dict[str, Server]]  # backend → server name → server
    lists: Mapping[str, str] = MappingProxyType({})
    certificates: Mapping[str, str] = MappingProxyType({})  # path → PEM, with the private key

    def frame(self) -> str:
        """Return the digest of all that only a reload can change."""
        text = "\n".join(self.sections)
        options = {one.options for all_of in self.servers.values() for one in all_of.values()}
        return sha256(f"{text}\n{sorted(options)}".encode()).hexdigest()

    def text(self, admin_socket: str) -> str:
        """Return the whole file; HAProxy listens for commands on ``admin_socket``."""
        out = [
            "global",
            f"  stats socket {word(admin_socket)} mode 600 level admin expose-fd listeners",
        ]
        for section in self.sections:
            out.append(section)
            backend = section.partition("\n")[0].removeprefix("backend ")
            servers = self.servers.get(backend, {})
            for name, one in servers.items():
                out.append(f"  server {name} {one.line()}{'' if one.used else ' disabled'}")
        return "\n".join(out) + "\n"


def joined(sections: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return the text of each section."""
    return tuple("\n".join(lines) for lines in sections)


def global_lines(
    limits: Limits, *, larger: bool = False, verifying: bool = False
) -> tuple[str, ...]:
    """Return the rest of the section that ``Config.text`` begins.

    larger: heads of requests. verifying: some listener verifies clients' certificates.
    """
    lines = [
        f"  maxconn {limits.connections}",
        f"  nbthread {limits.threads}",
        # Of a client that nothing here uses: without this, each load reads all authorities that the
        # machine trusts, which takes longer than most configurations.
        "  httpclient.ssl.verify none",
    ]
    if limits.user:
        lines += [f"  user {word(limits.user)}", f"  group {word(limits.user)}"]
    if verifying:
        lines.append(f"  {NO_SHARED_SESSIONS}")
    if larger:
        lines += [f"  {line}" for line in buffer_lines()]
    return tuple(lines)


def default_lines() -> tuple[str, ...]:
    """Return the section that all others rest on, with ELB's error pages."""
    return (
        "defaults",
        "  mode http",
        f"  timeout connect {CONNECT_MS}ms",
        "  timeout client 60s",
        "  timeout server 60s",
        "  retries 2",
        "  option redispatch 1",
        "  retry-on conn-failure empty-response",
        "  http-reuse safe",
        "  option idle-close-on-response",  # a reload closes no connection under a client's request
        *(
            f"  http-error status {code} content-type text/html string {word(page(title))} {SERVED}"
            for code, title in PAGES.items()
        ),
    )
