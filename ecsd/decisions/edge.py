"""The shared edge: one HAProxy on the host that leads ``NAME.elb.localhost`` to its balancer.

Browsers and curl take ``*.localhost`` for 127.0.0.1, whatever the name; so the name decides there.
Source: RFC 6761 6.3; network.md 4.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from ecsd.decisions.haproxy_action import answer
from ecsd.decisions.haproxy_condition import HOST
from ecsd.decisions.haproxy_text import word
from ecsd.decisions.listener import Config, Limits, default_lines, global_lines

LONGEST_IDLE = 4000  # seconds, ELB's own limit: the balancer behind decides


class Door(NamedTuple):
    """A listener behind the edge. port: on 127.0.0.1; socket: the listener's own."""

    port: int
    dns_name: str
    socket: str


def compile_edge(doors: Sequence[Door], limits: Limits) -> Config:
    """Return the edge's configuration; a name that no listener has is told so with a 404."""
    frontends, backends = [], []
    for port in sorted({one.port for one in doors}):
        own = sorted(one for one in doors if one.port == port)
        lines = [f"frontend e_{port}", f"  bind 127.0.0.1:{port} proto h1"]
        lines += [
            f"  use_backend {_name(one)} if {{ {HOST} -i -m str -- {word(one.dns_name)} }}"
            for one in own
        ]
        frontends.append((*lines, f"  default_backend unknown_{port}"))
        names = "".join(f"  {one.dns_name}\n" for one in own)
        told = f"No load balancer has this name here. Port {port} leads to:\n{names}"
        backends += [_backend(one) for one in own]
        backends.append((f"backend unknown_{port}", f"  {answer(404, 'text/plain', told, '')}"))
    patience = (
        f"  timeout client {LONGEST_IDLE}s",
        f"  timeout http-keep-alive {LONGEST_IDLE}s",
        f"  timeout server {LONGEST_IDLE}s",
    )
    sections = (global_lines(limits), default_lines() + patience, *frontends, *backends)
    return Config(sections, {})


def _backend(door: Door) -> tuple[str, ...]:
    return (
        f"backend {_name(door)}",
        f"  server balancer unix@{word(door.socket)} send-proxy-v2",
    )


def _name(door: Door) -> str:
    return f"d_{sha256(f'{door.port} {door.socket}'.encode()).hexdigest()[:16]}"
