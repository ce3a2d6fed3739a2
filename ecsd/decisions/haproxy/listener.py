"""Load balancers of one VPC as the configuration of its HAProxy.

One frontend per listener, one backend per target group, one per action that the balancer answers
by itself. Everything but the servers is the frame: while it stays, targets come and go by the
runtime API; when it changes, HAProxy is reloaded. Source: network.md 4, dataplane.md 5,
ecs_semantics 5.3; HAProxy 2.6 Configuration Manual.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from ecsd.decisions.balancers import oidc
from ecsd.decisions.balancers.authenticate_checks import authentication_of
from ecsd.decisions.haproxy.action import Answer, Forward, answer, compile_action, page
from ecsd.decisions.haproxy.agent import CALLBACK, LOGIN, agent_lines, compile_function_backend
from ecsd.decisions.haproxy.authenticate import (
    DENIED,
    STALE,
    VALID,
    authenticates,
    listener_authenticates,
    session_lines,
    unforged_lines,
)
from ecsd.decisions.haproxy.backend import (
    Server,
    backend_name,
    compile_backend,
    compile_servers,
    cookie_lines,
)
from ecsd.decisions.haproxy.condition import compile_conditions
from ecsd.decisions.haproxy.config import PAGES, Config, Place, default_lines, global_lines, joined
from ecsd.decisions.haproxy.headers import life_lines, request_lines, tells_of_clients
from ecsd.decisions.haproxy.listener_names import (
    answer_prefix,
    asking_prefix,
    edge_socket,
    frontend_name,
    listener_digest,
)
from ecsd.decisions.haproxy.observation import (
    LONGEST_URI,
    answer_lines,
    is_logged,
    log_lines,
    seen_lines,
    traced_lines,
)
from ecsd.decisions.haproxy.server import server_options
from ecsd.decisions.haproxy.text import word
from ecsd.decisions.haproxy.tls import (
    bind_options,
    certificate_files,
    crt_list,
    trust_files,
)
from ecsd.decisions.haproxy.transform import RULE, transform_lines
from ecsd.errors import BalancerError
from ecsd.records.plan import BalancerPlan, ListenerPlan, TargetPlan

STICKY = "AWSALBTG"
HTTP2 = ("h2", "http/1.1")
USES = ("use_backend", "default_backend")  # after all rules, as HAProxy goes through them

Used = Mapping[tuple[str, str], Collection[tuple[str, int]]]  # (balancer, group) → (id, port)s


def entrance_binds(plans: Sequence[BalancerPlan]) -> list[tuple[str, int]]:
    """Return address and port of every entrance on the host that open listeners ask for."""
    return [
        (plan.entrance, listener.port)
        for plan in plans
        for listener in plan.listeners
        if listener.open_to_world and plan.entrance and plan.kind == "application"
    ]


class Part(NamedTuple):
    """What one balancer adds to a configuration, servers aside."""

    sections: tuple[str, ...]
    lists: Mapping[str, str]
    certificates: Mapping[str, str]


class _Known(NamedTuple):
    """A part, and what it was compiled from."""

    plan: BalancerPlan
    shape: BalancerPlan
    place: Place
    part: Part


class _KnownServers(NamedTuple):
    """The servers of a group, and what they were compiled from."""

    targets: Sequence[TargetPlan]
    used: frozenset[tuple[str, int]]
    options: str
    servers: dict[str, Server]


class Parts:
    """The parts of a VPC's balancers: compiled anew only where something has changed."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._servers: dict[str, _KnownServers] = {}  # by backend

    def of(self, plans: Sequence[BalancerPlan], place: Place) -> list[Part]:
        """Return the parts of these balancers, and remember no others.

        Raises:
            BalancerError: a rule that this balancer cannot enforce.
        """
        known, self._known = self._known, {}
        for plan in plans:
            own = frozenset(entrance_binds([plan])).intersection(place.entrances)
            here = place._replace(entrances=own)
            was = known.get(plan.load_balancer_arn)
            if was is None or was.plan is not plan or was.place != here:
                shape = _shape(plan)
                if was is not None and (was.shape, was.place) == (shape, here):
                    was = was._replace(plan=plan)
                else:
                    was = _Known(plan, shape, here, compile_part(plan, here))
            self._known[plan.load_balancer_arn] = was
        return [one.part for one in self._known.values()]

    def servers(self, plans: Sequence[BalancerPlan], used: Used) -> dict[str, dict[str, Server]]:
        """Return the servers of these balancers' groups by backend, and remember no others."""
        known, self._servers = self._servers, {}
        for plan in plans:
            for group in plan.target_groups:
                if group.is_function:
                    continue
                arn = group.target_group_arn
                use = frozenset(used.get((plan.load_balancer_arn, arn), ()))
                made_from = (group.targets, use, server_options(plan, group))
                was = known.get(backend_name(arn))
                if was is None or was[:3] != made_from:
                    was = _KnownServers(*made_from, compile_servers(plan, group, use))
                self._servers[backend_name(arn)] = was
        return {backend: one.servers for backend, one in self._servers.items()}


def _shape(plan: BalancerPlan) -> BalancerPlan:
    """Return a plan without what only concerns servers; a function's target is in its backend."""
    groups = [one if one.is_function else replace(one, targets=()) for one in plan.target_groups]
    return replace(plan, target_groups=tuple(groups))


def compile_config(
    plans: Sequence[BalancerPlan], used: Used, place: Place, parts: Parts | None = None
) -> Config:
    """Return the configuration of the HAProxy for all balancers of a VPC.

    parts: of an earlier configuration, to go on with.

    Raises:
        BalancerError: a rule that this balancer cannot enforce.
    """
    larger = any(authenticates(one) or tells_of_clients(one) for one in plans)
    verifying = any(one.trust_stores for one in plans)
    whole = global_lines(place.limits, larger=larger, verifying=verifying)
    if place.observed is not None and any(is_logged(one.attributes) for one in plans):
        whole += (f"  tune.http.logurilen {LONGEST_URI}",)
    sections = list(joined([whole, default_lines()]))
    lists: dict[str, str] = {}
    certificates: dict[str, str] = {}
    parts = parts or Parts()
    for part in parts.of(plans, place):
        sections += part.sections
        lists |= part.lists
        certificates |= part.certificates
    return Config(tuple(sections), parts.servers(plans, used), lists, certificates)


def compile_part(plan: BalancerPlan, place: Place) -> Part:
    """Return a balancer's part.

    A listener that is not open to the world has no entrance and no socket for the edge: clients
    on the host would pass its security groups by.

    Raises:
        BalancerError: a rule that this balancer cannot enforce.
    """
    sections: list[Sequence[str]] = []
    lists: dict[str, str] = {}
    certificates: dict[str, str] = {}
    groups = {one.target_group_arn: one for one in plan.target_groups}
    forwarded = dict.fromkeys(groups)
    rewrites: list[str] = []
    for listener in plan.listeners:
        compiled = _Listener(plan, listener, place)
        sections.append(compiled.frontend())
        sections += compiled.answers
        forwarded |= dict.fromkeys(compiled.groups)
        rewrites += compiled.rewrites
        if listener.tls:
            lists |= [crt_list(listener.tls, place.folder)]
            lists |= trust_files(listener.tls, plan.trust_stores, place.folder)
            certificates |= certificate_files(listener.tls, plan.certificates, place.folder)
    for arn in forwarded:
        group = groups.get(arn)
        if group and group.is_function:
            backend = compile_function_backend(
                group, place.agent_socket, place.observed, logged=is_logged(plan.attributes)
            )
        else:
            attributes = group.attributes if group else {}
            backend = compile_backend(plan, arn, attributes, place.observed)
        sections.append((*backend, *(f"  {line}" for line in rewrites)))
    return Part(joined(sections), lists, certificates)


class _Listener:
    """A listener being compiled: its answers and the groups it forwards to are gathered."""

    def __init__(self, plan: BalancerPlan, listener: ListenerPlan, place: Place) -> None:
        self._plan = plan
        self._place = place
        self._listener = listener
        self._name = listener_digest(listener.listener_arn)
        self._after: list[str] = []
        self._logged = place.observed is not None and is_logged(plan.attributes)
        self.answers: list[tuple[str, ...]] = []
        self.groups: list[str] = []
        self.rewrites: list[str] = []  # for the backends

    def frontend(self) -> list[str]:
        """Return the frontend's lines."""
        attributes = self._plan.attributes
        idle = attributes.get("idle_timeout.timeout_seconds", "60")
        lines = [
            *self._binds(self._place),
            *log_lines(self._place.observed, logged=self._logged),
            f"timeout client {idle}s",
            f"timeout http-request {idle}s",  # a whole head: bytes in drops hold nothing open
            f"timeout http-keep-alive {idle}s",
            *life_lines(int(attributes.get("client_keep_alive.seconds", "3600"))),
            *seen_lines(logged=self._logged),
            *request_lines(attributes, self._listener),
            *traced_lines(logged=self._logged),
            *(unforged_lines() if authenticates(self._plan) else []),
            *sorted(self._choices(), key=lambda one: one.startswith(USES)),
        ]
        return [
            f"frontend {frontend_name(self._listener.listener_arn)}",
            *(f"  {line}" for line in lines + self._after),
        ]

    def _binds(self, place: Place) -> list[str]:
        port, tls = self._listener.port, self._listener.tls
        spoken = "proto h1"
        if tls:
            http2 = self._plan.attributes.get("routing.http2.enabled", "true") == "true"
            protocols = HTTP2 if http2 else HTTP2[1:]
            spoken = bind_options(tls, place.folder, protocols, self._plan.trust_stores)
        # transparent: an address may be bound before the VPC's own plan has added it.
        binds = [f"bind {one}:{port} transparent {spoken}" for one in self._plan.addresses]
        if self._listener.open_to_world:
            if (self._plan.entrance, port) in place.entrances:
                entrance = f"{self._plan.entrance}:{port}"
                binds.append(f"bind {entrance} namespace {place.limits.host_namespace} {spoken}")
            path = edge_socket(place.folder, self._listener.listener_arn)
            owner = f" user {word(place.limits.user)}" if place.limits.user else ""
            binds.append(f"bind unix@{word(path)} accept-proxy mode 600{owner} {spoken}")
        return binds

    def _choices(self) -> list[str]:
        """Return ACLs and ``use_backend`` lines in priority order, the default rule last."""
        own = self._listener
        lines: list[str] = []
        if listener_authenticates(own):
            back = self._asked("callback", CALLBACK, own.listener_arn)
            lines.append(_use(back, f"{{ path {oidc.CALLBACK} }}"))
        marked = self._last_marked()
        for number, rule in enumerate(own.rules):
            acls = compile_conditions(f"c{number}", rule.conditions)
            lines += [line for acl in acls.values() for line in acl]
            name, condition = str(rule.priority), " ".join(acls)
            if number <= marked:
                lines.append(self._mark(name, condition))
                self.rewrites += transform_lines(f"{self._name}_{name}", rule.transforms)
            lines += self._authenticate(name, rule.rule_arn, rule.actions, condition)
            action = compile_action(rule.actions, own.protocol, own.port)
            lines += self._choose(name, action, condition)
        if self._logged or authentication_of(own.default_actions) is not None:
            lines.append(self._mark("default", ""))
        lines += self._authenticate("default", own.listener_arn, own.default_actions, "")
        action = compile_action(own.default_actions, own.protocol, own.port)
        return lines + self._choose("default", action, "")

    def _last_marked(self) -> int:
        """Return the last rule of which must be known whether it is the first that matches."""
        rules = self._listener.rules
        if self._logged or authentication_of(self._listener.default_actions) is not None:
            return len(rules)
        asking = [
            number
            for number, rule in enumerate(rules)
            if rule.transforms or authentication_of(rule.actions) is not None
        ]
        return asking[-1] if asking else -1

    def _mark(self, rule: str, condition: str) -> str:
        unmarked = f"!{{ var({RULE}) -m found }}"
        mark = f"http-request set-var({RULE}) str({self._name}_{rule})"
        return f"{mark} if {unmarked} {condition}".rstrip()

    def _authenticate(
        self, rule: str, arn: str, actions: Sequence[Mapping[str, Any]], condition: str
    ) -> list[str]:
        """Let users with a session pass; others log in, are denied, or pass as nobody."""
        config = authentication_of(actions)
        if config is None:
            return []
        keys = self._plan.authentications.get(arn)
        if keys is None:
            raise BalancerError(f"users cannot be authenticated without a key: {arn}")
        lines = session_lines(f"{self._name}_{rule}", config, keys.session_key)
        agent = self._asked(rule, LOGIN, arn)
        match config["OnUnauthenticatedRequest"]:
            case "authenticate":
                return [*lines, _use(agent, f"{condition} !{VALID}")]
            case "deny":
                denied = self._answer(f"{rule}_denied", (DENIED,))
                gates = [_use(agent, f"{condition} {STALE}"), _use(denied, f"{condition} !{VALID}")]
                return [*lines, *gates]
            case _:
                return [*lines, _use(agent, f"{condition} {STALE}")]

    def _asked(self, rule: str, header: str, arn: str) -> str:
        """Return a backend that asks the agent about a rule's user."""
        name = f"{asking_prefix(self._listener.listener_arn)}{rule}"
        lines = agent_lines(self._place.agent_socket, header, arn)
        self.answers.append((f"backend {name}", *lines))
        return name

    def _choose(self, rule: str, action: Forward | Answer, condition: str) -> list[str]:
        if isinstance(action, Answer):
            return [_use(self._answer(rule, action.lines), condition)]
        self.groups += [share.target_group_arn for share in action.shares]
        lines = self._keep(rule, action, condition) if action.sticky else []
        shares = [share for share in action.shares if share.weight > 0]
        if not shares:
            empty = answer(503, "text/html", page(PAGES[503]))
            return [_use(self._answer(rule, (empty,)), condition)]
        rest = sum(share.weight for share in shares)
        for share in shares[:-1]:
            chance = f"{condition} {{ rand({rest}) lt {share.weight} }}"
            lines.append(_use(backend_name(share.target_group_arn), chance))
            rest -= share.weight
        return [*lines, _use(backend_name(shares[-1].target_group_arn), condition)]

    def _keep(self, rule: str, action: Forward, condition: str) -> list[str]:
        """Return how a client keeps its group: a cookie names it, and each answer renews it.

        The first sticky rule that matches leaves its mark; the cookie needs the mark and an answer
        of one of the rule's groups. A group of weight 0 keeps nobody.
        """
        mark = f"http-request set-var(txn.sticky) str({rule})"
        lines = [f"{mark} if !{{ var(txn.sticky) -m found }} {condition}".rstrip()]
        for share in action.shares:
            if share.weight <= 0:
                continue
            backend = backend_name(share.target_group_arn)
            kept = f"{{ req.cook({STICKY}) -m str -- {backend} }}"
            lines.append(_use(backend, f"{condition} {kept}"))
            matched = f" if {{ var(txn.sticky) -m str -- {rule} }} {{ be_name -m str {backend} }}"
            self._after += cookie_lines(STICKY, backend, action.sticky, matched)
        return lines

    def _answer(self, rule: str, lines: Sequence[str]) -> str:
        name = f"{answer_prefix(self._listener.listener_arn)}{rule}"
        told = answer_lines(self._place.observed, logged=self._logged)
        self.answers.append((f"backend {name}", *(f"  {line}" for line in (*told, *lines))))
        return name


def _use(backend: str, condition: str) -> str:
    condition = condition.strip()
    return f"use_backend {backend} if {condition}" if condition else f"default_backend {backend}"
