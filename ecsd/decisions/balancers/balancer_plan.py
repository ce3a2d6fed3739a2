"""Load balancers' records made into a plan for the host that carries them."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from ipaddress import IPv4Network
from typing import NamedTuple

from msgspec import msgpack

from ecsd.decisions.balancers.function_arn import invoke_url
from ecsd.decisions.balancers.sni import hosts, sni_choices
from ecsd.records.acm.certificate import Certificate
from ecsd.records.ec2.security_group import SecurityGroupRule
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule
from ecsd.records.elbv2.target_group import Target, TargetGroup
from ecsd.records.elbv2.trust_store import TrustStore, TrustStoreRevocation
from ecsd.records.plan import (
    AuthenticationPlan,
    BalancerPlan,
    HealthCheckPlan,
    ListenerPlan,
    RulePlan,
    TargetGroupPlan,
    TargetPlan,
    TlsPlan,
    TrustStorePlan,
    UserKeysPlan,
)

WORLD = "0.0.0.0/0"


class BalancerParts(NamedTuple):
    """A load balancer with everything that is its own.

    rules: of its listeners. targets: of its groups, draining ones too. security_group_rules: of
    its security groups. certificates: that its listeners serve. trust_stores, revocations: that
    they check clients by.
    """

    balancer: LoadBalancer
    vpc: Vpc
    listeners: Sequence[Listener]
    rules: Sequence[Rule]
    groups: Sequence[TargetGroup]
    targets: Sequence[Target]
    security_group_rules: Sequence[SecurityGroupRule]
    certificates: Sequence[Certificate] = ()
    trust_stores: Sequence[TrustStore] = ()
    revocations: Sequence[TrustStoreRevocation] = ()


class UserSecrets(NamedTuple):
    """What a host needs to authenticate users. authentications: by ARN of rule or listener."""

    authentications: Mapping[str, AuthenticationPlan]
    keys: UserKeysPlan


def compile_balancer(
    parts: BalancerParts,
    keys: Mapping[str, str] | None = None,
    functions: str = "",
    users: UserSecrets | None = None,
) -> BalancerPlan:
    """Return the plan; lists are sorted, so that equal state gives an equal plan.

    Args:
        parts: the records.
        keys: certificate's ARN → private key (PEM); a host needs them, a digest does not.
        functions: URL of who answers Lambda's Invoke; likewise.
        users: secrets of rules that authenticate them; likewise.
    """
    balancer = parts.balancer
    return BalancerPlan(
        load_balancer_arn=balancer.load_balancer_arn,
        name=balancer.name,
        dns_name=balancer.dns_name,
        vpc_id=balancer.vpc_id,
        addresses=tuple(one.private_ip_address for one in balancer.zones),
        entrance=balancer.entrance,
        listeners=tuple(
            _listener(one, parts) for one in sorted(parts.listeners, key=lambda one: one.port)
        ),
        target_groups=tuple(
            _group(one, _reachable(balancer, parts.targets), functions)
            for one in sorted(parts.groups, key=lambda one: one.target_group_arn)
        ),
        certificates={
            one.certificate_arn: one.body + one.chain + keys[one.certificate_arn]
            for one in sorted(parts.certificates, key=lambda one: one.certificate_arn)
            if keys and one.certificate_arn in keys
        },
        trust_stores={
            one.trust_store_arn: _trust_store(one, parts.revocations)
            for one in sorted(parts.trust_stores, key=lambda one: one.trust_store_arn)
        },
        attributes=balancer.attributes,
        kind=balancer.type,
        zones=tuple(one.availability_zone for one in balancer.zones),
        authentications=dict(sorted(users.authentications.items())) if users else {},
        user_keys=users.keys if users else None,
    )


def traffic_digest(plan: BalancerPlan) -> str:
    """Return the digest of what a balancer does with requests: its listeners, rules, weights."""
    return sha256(msgpack.encode(plan.listeners, order="deterministic")).hexdigest()


def admits_world(rules: Sequence[SecurityGroupRule], port: int) -> bool:
    """Tell whether security groups let anybody reach a TCP port: then clients on the host may."""
    for rule in rules:
        if rule.is_egress or rule.cidr_ipv4 is None or rule.ip_protocol not in {"-1", "tcp", "6"}:
            continue
        if IPv4Network(rule.cidr_ipv4, strict=False).prefixlen != 0:
            continue
        if rule.ip_protocol == "-1" or _covers(rule, port):
            return True
    return False


def _covers(rule: SecurityGroupRule, port: int) -> bool:
    if rule.from_port is None or rule.from_port == -1:
        return True
    return rule.from_port <= port <= (rule.to_port if rule.to_port is not None else rule.from_port)


def _listener(listener: Listener, parts: BalancerParts) -> ListenerPlan:
    own = [one for one in parts.rules if one.listener_arn == listener.listener_arn]
    return ListenerPlan(
        listener_arn=listener.listener_arn,
        port=listener.port,
        protocol=listener.protocol,
        rules=tuple(
            RulePlan(
                rule_arn=one.rule_arn,
                priority=one.priority,
                conditions=one.conditions,
                actions=one.actions,
                transforms=one.transforms,
            )
            for one in sorted(own, key=lambda one: one.priority)
        ),
        default_actions=listener.default_actions,
        open_to_world=admits_world(parts.security_group_rules, listener.port),
        tls=_tls(listener, parts.certificates),
        attributes=listener.attributes,
    )


def _tls(listener: Listener, certificates: Sequence[Certificate]) -> TlsPlan | None:
    if listener.ssl_policy is None or listener.default_certificate is None:
        return None
    listed = [one for one in certificates if one.certificate_arn in listener.certificates]
    return TlsPlan(
        ssl_policy=listener.ssl_policy,
        default_certificate=listener.default_certificate,
        default_names=tuple(
            name
            for one in certificates
            if one.certificate_arn == listener.default_certificate
            for name in hosts(one)
        ),
        choices=sni_choices(listed),
        asks_clients=listener.mutual_authentication == "passthrough",
        trust_store=listener.trust_store_arn or "",
        ignores_client_expiry=listener.ignores_client_expiry,
        advertises_authorities=listener.advertises_authorities,
        alpn_policy=listener.alpn_policy or "",
    )


def _trust_store(store: TrustStore, revocations: Sequence[TrustStoreRevocation]) -> TrustStorePlan:
    own = [one for one in revocations if one.trust_store_arn == store.trust_store_arn]
    return TrustStorePlan(
        authorities=store.authorities,
        revocations=tuple(one.content for one in sorted(own, key=lambda one: one.revocation_id)),
    )


def _reachable(balancer: LoadBalancer, targets: Sequence[Target]) -> list[Target]:
    """Return the targets in the balancer's zones; others are ``unused`` (ecs_semantics 5.2)."""
    zones = {None, "all", *(one.availability_zone for one in balancer.zones)}
    return [one for one in targets if one.availability_zone in zones]


def _group(group: TargetGroup, targets: Sequence[Target], functions: str) -> TargetGroupPlan:
    check = group.health_check
    own = [one for one in targets if one.target_group_arn == group.target_group_arn]
    is_function = group.target_type == "lambda"
    return TargetGroupPlan(
        is_function=is_function,
        target_group_arn=group.target_group_arn,
        name=group.name,
        protocol=group.protocol,
        health_check=HealthCheckPlan(
            enabled=check.enabled,
            protocol=check.protocol,
            port=check.port,
            path=check.path,
            interval=check.interval,
            timeout=check.timeout,
            healthy_threshold=check.healthy_threshold,
            unhealthy_threshold=check.unhealthy_threshold,
            matcher=check.matcher,
            version=group.protocol_version or "HTTP1",
        ),
        version=group.protocol_version or "HTTP1",
        targets=tuple(
            TargetPlan(
                target_id=one.target_id,
                address=invoke_url(functions, one.target_id) if is_function else one.target_id,
                port=one.port,
                draining=one.draining_since is not None,
                zone=one.availability_zone or "all",
            )
            for one in sorted(own, key=lambda one: one.place)
        ),
        attributes=_known(group.attributes),
    )


def _known(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes that say something to the balancer."""
    return {name: value for name, value in sorted(attributes.items()) if value}
