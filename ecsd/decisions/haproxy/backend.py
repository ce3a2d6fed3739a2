"""Target groups as HAProxy backends.

Health is the agent's business: a server is either in use or, when unhealthy or draining, in
maintenance: it gets nothing new, not even sticky clients, while what is in flight finishes.
Source: ecs_semantics 5.2, 5.3; HAProxy 2.6 Configuration Manual.
"""

from collections.abc import Collection, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from ecsd.decisions.haproxy.action import SERVED, answer, page
from ecsd.decisions.haproxy.condition import argument
from ecsd.decisions.haproxy.observation import BEGAN, Observed, is_logged, target_lines
from ecsd.decisions.haproxy.server import server_options
from ecsd.decisions.haproxy.text import word
from ecsd.records.plan import BalancerPlan, TargetGroupPlan

ALGORITHMS = {
    "round_robin": "roundrobin",
    "least_outstanding_requests": "leastconn",
    "weighted_random": "random(1)",
}
DAY = "86400"  # seconds, the default of both kinds of stickiness
SLOW = 9_500_000  # microseconds: a connection that failed after this long was never answered
MARK = "x-ecsd-no-connection"
IDEMPOTENT = "GET HEAD OPTIONS"
DIGESTS = 10_000  # remembered: every change asks for those of all groups and targets
NO_TARGET = answer(503, "text/html", page("503 Service Temporarily Unavailable"))


class Server(NamedTuple):
    """A target as HAProxy knows it. used: it gets new requests. weight: beside others, 0 to 256."""

    address: str
    port: int
    options: str
    used: bool
    weight: int = 1  # HAProxy's own

    def line(self) -> str:
        """Return what follows the server's name, in the file and on the runtime API alike."""
        weight = "" if self.weight == 1 else f" weight {self.weight}"
        return f"{self.address}:{self.port}{self.options}{weight}"


def backend_name(target_group_arn: str) -> str:
    """Return the backend of a target group: unique, since ARNs are."""
    return f"t_{_digest(target_group_arn)}"


def server_name(target_group_arn: str, address: str, port: int) -> str:
    """Return the server of a target; clients see it in cookies, so it tells them nothing."""
    return f"s{_digest(f'{target_group_arn}|{address}:{port}')}"


def compile_servers(
    plan: BalancerPlan, group: TargetGroupPlan, used: Collection[tuple[str, int]]
) -> dict[str, Server]:
    """Return server name → server; ``used`` names targets by id and port."""
    options = server_options(plan, group)
    return {
        server_name(group.target_group_arn, one.address, one.port): Server(
            one.address,
            one.port,
            options,
            not one.draining and (one.target_id, one.port) in used,
        )
        for one in group.targets
    }


def compile_backend(
    plan: BalancerPlan,
    target_group_arn: str,
    attributes: Mapping[str, str],
    observed: Observed | None = None,
) -> list[str]:
    """Return a backend's lines without its servers.

    A request whose connection was refused, or whose idempotent request an idle connection lost, is
    tried on other targets. What remains is answered as ELB does: 503 without targets, 504 when the
    connection was not accepted within 10 seconds, else 502.
    """
    # A worker that leaves after a reload counts its servers as none: it goes on by itself.
    name = backend_name(target_group_arn)
    idle = plan.attributes.get("idle_timeout.timeout_seconds", "60")
    algorithm = attributes.get("load_balancing.algorithm.type", "round_robin")
    lines = [
        f"backend {name}",
        f"  balance {ALGORITHMS.get(algorithm, 'roundrobin')}",
        f"  timeout server {idle}s",
        f"  {NO_TARGET} if !{{ stopping }} {{ nbsrv({name}) eq 0 }}",
        f"  http-request disable-l7-retry unless {{ method {IDEMPOTENT} }}",
        *unreached_lines(),
        *(f"  {one}" for one in target_lines(observed, logged=is_logged(plan.attributes))),
    ]
    if plan.addresses:
        lines.append(f"  source {plan.addresses[0]}")
    return lines + [f"  {line}" for line in _stickiness(attributes)]


def unreached_lines() -> list[str]:
    """Return what a client hears when no server has taken its request."""
    slow = f"date(0,us),sub({BEGAN}),div({SLOW})"
    title = f"%[{slow},bool,iif('504 Gateway Time-out','502 Bad Gateway')]"
    unreached = f"if {{ status 503 }} {{ res.hdr({MARK}) -m found }}"
    return [
        f"  http-request set-var({BEGAN}) date(0,us)",
        f"  http-error status 503 content-type text/html lf-string {word(page(title))}"
        f" {SERVED} hdr {MARK} 1",
        f"  http-after-response set-status 504 {unreached} {{ {slow} ge 1 }}",
        f"  http-after-response set-status 502 {unreached}",
        f"  http-after-response del-header {MARK} if {{ status 502 504 }}",
    ]


def cookie_lines(name: str, value: str, seconds: int, condition: str = "") -> list[str]:
    """Return the rules that give a client ELB's pair of cookies, their expiry renewed."""
    expires = f"Expires=%[date({seconds}),http_date]; Path=/"
    both = (f"{name}={value}; {expires}", f"{name}CORS={value}; {expires}; SameSite=None")
    return [f"http-response add-header Set-Cookie {word(one)}{condition}" for one in both]


def _stickiness(attributes: Mapping[str, str]) -> list[str]:
    """Sticky clients name their server in a cookie; one that is out of use is chosen anew."""
    if attributes.get("stickiness.enabled") != "true":
        return []
    if attributes.get("stickiness.type") == "app_cookie":
        own = argument(attributes.get("stickiness.app_cookie.cookie_name", ""))
        seconds = int(attributes.get("stickiness.app_cookie.duration_seconds", DAY))
        value = f"AWSALBAPP-0=%[srv_name]; Expires=%[date({seconds}),http_date]; Path=/"
        found = f"{{ req.cook({own}) -m found }} {{ req.cook(AWSALBAPP-0) -m found }}"
        given = f"{{ res.cook({own}) -m found }}"
        return [
            f"use-server %[req.cook(AWSALBAPP-0)] if {found}",
            f"http-response add-header Set-Cookie {word(value)} if {given}",
        ]
    seconds = int(attributes.get("stickiness.lb_cookie.duration_seconds", DAY))
    return [
        "use-server %[req.cook(AWSALB)] if { req.cook(AWSALB) -m found }",
        *cookie_lines("AWSALB", "%[srv_name]", seconds),
    ]


@lru_cache(DIGESTS)
def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
