"""What must always hold between load balancers, listeners, rules, target groups and targets."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ecsd.decisions.balancers.authenticate_checks import authentication_of
from ecsd.decisions.invariants.finding import Finding, fatal
from ecsd.records.acm.certificate import Certificate
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule
from ecsd.records.elbv2.target_group import TRANSPORTS, Target, TargetGroup
from ecsd.records.elbv2.trust_store import TrustStore, TrustStoreRevocation


class Balancing(NamedTuple):
    """Every load balancing record of one account and region, and its interfaces."""

    load_balancers: Sequence[LoadBalancer] = ()
    listeners: Sequence[Listener] = ()
    rules: Sequence[Rule] = ()
    target_groups: Sequence[TargetGroup] = ()
    targets: Sequence[Target] = ()
    interfaces: Sequence[NetworkInterface] = ()
    certificates: Sequence[Certificate] = ()
    trust_stores: Sequence[TrustStore] = ()
    revocations: Sequence[TrustStoreRevocation] = ()


def check_balancing(balancing: Balancing) -> Iterator[Finding]:
    """Yield what contradicts itself in one account and region."""
    yield from _check_load_balancers(balancing)
    yield from _check_listeners(balancing)
    yield from _check_groups(balancing)
    yield from _check_users(balancing)
    yield from _check_trust(balancing)


def check_entrances(everywhere: Sequence[LoadBalancer]) -> Iterator[Finding]:
    """Yield balancers, of all accounts and regions, that share an entrance or a DNS name."""
    for member in ("entrance", "dns_name"):
        holders: dict[str, str] = {}
        for one in everywhere:
            value = getattr(one, member)
            if value in holders:
                yield fatal(one.load_balancer_arn, f"shares {member} {value} with {holders[value]}")
            holders[value] = one.load_balancer_arn


def _check_load_balancers(balancing: Balancing) -> Iterator[Finding]:
    interfaces = {one.network_interface_id: one for one in balancing.interfaces}
    names: dict[str, str] = {}
    for one in balancing.load_balancers:
        if one.name in names:
            yield fatal(one.load_balancer_arn, f"has the name of {names[one.name]}")
        names[one.name] = one.load_balancer_arn
        for zone in one.zones:
            interface = interfaces.get(zone.network_interface_id)
            if interface is None:
                yield fatal(one.load_balancer_arn, f"has lost {zone.network_interface_id}")
            elif interface.private_ip_address != zone.private_ip_address:
                yield fatal(one.load_balancer_arn, f"and {zone.network_interface_id} disagree")
            elif zone.allocation_id and interface.public_ip != zone.public_ip:
                yield fatal(one.load_balancer_arn, f"has lost {zone.allocation_id}")
    arns = {one.load_balancer_arn for one in balancing.load_balancers}
    for interface in balancing.interfaces:
        if ":loadbalancer/" in interface.owner and interface.owner not in arns:
            yield fatal(interface.network_interface_id, f"outlived {interface.owner}")


def _check_listeners(balancing: Balancing) -> Iterator[Finding]:
    balancers = {one.load_balancer_arn for one in balancing.load_balancers}
    listeners = {one.listener_arn for one in balancing.listeners}
    certificates = {one.certificate_arn for one in balancing.certificates}
    ports: set[tuple[str, str, int]] = set()
    for listener in balancing.listeners:
        if listener.load_balancer_arn not in balancers:
            yield fatal(listener.listener_arn, "belongs to no load balancer")
        for transport in TRANSPORTS.get(listener.protocol, ("tcp",)):
            place = (listener.load_balancer_arn, transport, listener.port)
            if place in ports:
                yield fatal(listener.listener_arn, f"is a second listener on port {listener.port}")
            ports.add(place)
        for arn in set(listener.certificate_arns) - certificates:
            yield fatal(listener.listener_arn, f"serves {arn}, which does not exist")
    priorities: set[tuple[str, int]] = set()
    for rule in balancing.rules:
        if rule.listener_arn not in listeners:
            yield fatal(rule.rule_arn, "belongs to no listener")
        if (rule.listener_arn, rule.priority) in priorities:
            yield fatal(rule.rule_arn, f"shares priority {rule.priority}")
        priorities.add((rule.listener_arn, rule.priority))


def _check_groups(balancing: Balancing) -> Iterator[Finding]:
    groups = {one.target_group_arn for one in balancing.target_groups}
    owner = {one.listener_arn: one.load_balancer_arn for one in balancing.listeners}
    users: dict[str, set[str]] = {}
    parts: list[Listener | Rule] = [*balancing.listeners, *balancing.rules]
    for part in parts:
        for arn in part.target_group_arns:
            if arn not in groups:
                yield fatal(part.key, f"forwards to {arn}, which does not exist")
            users.setdefault(arn, set()).add(owner.get(part.listener_arn, part.listener_arn))
    yield from _check_protocols(balancing)
    for arn, balancers in users.items():
        if len(balancers) > 1:
            yield fatal(arn, f"is used by {len(balancers)} load balancers")
    for target in balancing.targets:
        if target.target_group_arn not in groups:
            yield fatal(target.place, "is a target of no group")


def _check_protocols(balancing: Balancing) -> Iterator[Finding]:
    """Yield listeners, and groups, of a kind that their load balancer cannot carry."""
    kinds = {one.load_balancer_arn: one.type for one in balancing.load_balancers}
    protocols = {one.target_group_arn: one.protocol for one in balancing.target_groups}
    for listener in balancing.listeners:
        flows = listener.protocol in TRANSPORTS
        kind = kinds.get(listener.load_balancer_arn)
        if kind is not None and flows != (kind == "network"):
            yield fatal(listener.listener_arn, f"speaks {listener.protocol} on a balancer: {kind}")
        for arn in listener.target_group_arns:
            if arn in protocols and (protocols[arn] in TRANSPORTS) != flows:
                yield fatal(listener.listener_arn, f"forwards to {arn}, of another protocol")


def _check_users(balancing: Balancing) -> Iterator[Finding]:
    """Yield listeners and rules whose users could not log in."""
    keyed = {one.load_balancer_arn for one in balancing.load_balancers if one.user_keys}
    listeners = {one.listener_arn: one for one in balancing.listeners}
    parts: list[Listener | Rule] = [*balancing.listeners, *balancing.rules]
    for part in parts:
        actions = part.default_actions if isinstance(part, Listener) else part.actions
        listener = listeners.get(part.listener_arn)
        authenticates = authentication_of(actions) is not None
        if authenticates != (part.client_secret is not None):
            yield fatal(part.key, "has users and no client secret, or the other way round")
        if not authenticates or listener is None:
            continue
        if listener.protocol != "HTTPS":
            yield fatal(part.key, f"authenticates users over {listener.protocol}")
        if listener.load_balancer_arn not in keyed:
            yield fatal(part.key, "authenticates users of a load balancer without keys")


def _check_trust(balancing: Balancing) -> Iterator[Finding]:
    """Yield listeners that could check no client, and what is left of a trust store."""
    stores = {one.trust_store_arn for one in balancing.trust_stores}
    for listener in balancing.listeners:
        verifies = listener.mutual_authentication == "verify"
        if verifies != (listener.trust_store_arn is not None):
            yield fatal(listener.listener_arn, "verifies without a trust store, or has one idly")
        elif verifies and listener.trust_store_arn not in stores:
            yield fatal(listener.listener_arn, f"has lost {listener.trust_store_arn}")
    for one in balancing.revocations:
        if one.trust_store_arn not in stores:
            yield fatal(one.place, "outlived its trust store")
