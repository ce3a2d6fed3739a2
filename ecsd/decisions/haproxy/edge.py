"""The shared edge: one HAProxy on the host that leads ``NAME.elb.localhost`` to its balancer.

Browsers and curl take ``*.localhost`` for 127.0.0.1, whatever the name; so the name decides there:
HTTP's Host, or the name that TLS asks for (SNI), whose bytes pass through untouched. A TLS client
may also ask for a name of the listener's certificates, the balancer's own names first.
Source: RFC 6761 6.3; network.md 4; HAProxy 2.6 Configuration Manual, req.ssl_sni.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from ecsd.decisions.balancers.wildcard import regex
from ecsd.decisions.haproxy.action import answer
from ecsd.decisions.haproxy.condition import HOST
from ecsd.decisions.haproxy.config import Config, Limits, default_lines, global_lines, joined
from ecsd.decisions.haproxy.text import word

LONGEST_IDLE = 4000  # seconds, ELB's own limit: the balancer behind decides
HELLO_SECONDS = 5  # for a TLS client to say what it wants


class Door(NamedTuple):
    """A listener behind the edge. port: on 127.0.0.1; socket: the listener's own.

    names: None for HTTP; for HTTPS those of its certificates, ``*.`` in front of a wildcard.
    """

    port: int
    dns_name: str
    socket: str
    names: tuple[str, ...] | None = None


def compile_edge(doors: Sequence[Door], limits: Limits, folder: str) -> Config:
    """Return the edge's configuration; a name that no listener has is told so with a 404.

    folder: where the edge may have sockets of its own.
    """
    sections: list[tuple[str, ...]] = []
    for port in sorted({one.port for one in doors}):
        own = sorted(one for one in doors if one.port == port)
        plain = [one for one in own if one.names is None]
        secure = [one for one in own if one.names is not None]
        place = f"127.0.0.1:{port} proto h1"
        if secure:
            path = word(f"{folder}/plain-{port}.sock")
            owner = f" user {word(limits.user)}" if limits.user else ""
            place = f"unix@{path} accept-proxy mode 600{owner} proto h1"
            sections.append(_by_sni(port, secure, with_plain=bool(plain)))
            if plain:
                sections.append(_backend(f"p_{port}", f"unix@{path}", "tcp"))
        if plain:
            sections += [_by_host(port, place, plain), _unknown(port, plain)]
        sections += [
            _backend(_name(one), f"unix@{word(one.socket)}", "http" if one in plain else "tcp")
            for one in own
        ]
    patience = (
        f"  timeout client {LONGEST_IDLE}s",
        f"  timeout http-keep-alive {LONGEST_IDLE}s",
        f"  timeout server {LONGEST_IDLE}s",
    )
    shared = [global_lines(limits), default_lines() + patience]
    return Config(joined([*shared, *sections]), {})


def _by_host(port: int, place: str, doors: Sequence[Door]) -> tuple[str, ...]:
    return (
        f"frontend e_{port}",
        f"  bind {place}",
        *(
            f"  use_backend {_name(one)} if {{ {HOST} -i -m str -- {word(one.dns_name)} }}"
            for one in doors
        ),
        f"  default_backend unknown_{port}",
    )


def _by_sni(port: int, doors: Sequence[Door], *, with_plain: bool) -> tuple[str, ...]:
    """Balancers' own names go before exact names of certificates, those before wildcards."""
    led: dict[str, str] = {one.dns_name: _name(one) for one in doors}
    given = [(name, _name(one)) for one in doors for name in one.names or ()]
    for name, backend in sorted(given, key=lambda one: one[0].startswith("*.")):
        led.setdefault(name, backend)
    return (
        f"frontend s_{port}",
        "  mode tcp",
        f"  bind 127.0.0.1:{port}",
        f"  tcp-request inspect-delay {HELLO_SECONDS}s",
        "  tcp-request content accept if { req.ssl_hello_type 1 }",
        *([] if with_plain else ["  tcp-request content reject"]),
        *(f"  use_backend {backend} if {{ {_sni(name)} }}" for name, backend in led.items()),
        *([f"  default_backend p_{port}"] if with_plain else []),
    )


def _sni(name: str) -> str:
    """Return the test whether TLS asks for a name; a wildcard stands for one label."""
    if name.startswith("*."):
        label = "[^.]"
        return f"req.ssl_sni -i -m reg -- {word(f'^{regex(name, label)}$')}"
    return f"req.ssl_sni -i -m str -- {word(name)}"


def _unknown(port: int, doors: Sequence[Door]) -> tuple[str, ...]:
    names = "".join(f"  {one.dns_name}\n" for one in doors)
    told = f"No load balancer has this name here. Port {port} leads to:\n{names}"
    return f"backend unknown_{port}", f"  {answer(404, 'text/plain', told, '')}"


def _backend(name: str, place: str, mode: str) -> tuple[str, ...]:
    return (f"backend {name}", f"  mode {mode}", f"  server balancer {place} send-proxy-v2")


def _name(door: Door) -> str:
    return f"d_{sha256(f'{door.port} {door.socket}'.encode()).hexdigest()[:16]}"
