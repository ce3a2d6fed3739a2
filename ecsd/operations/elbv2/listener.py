"""Listeners. Source: Elastic Load Balancing API Reference; ecs_semantics 5.3."""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.balancers.network_balancer_attributes import listener_attributes
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.elbv2 import attribute, tag
from ecsd.operations.elbv2.actions import check_versions, parse_actions
from ecsd.operations.elbv2.paging import page
from ecsd.operations.elbv2.tls import describe_tls, secured
from ecsd.operations.elbv2.users import (
    check_rules,
    is_same_secret,
    provide_keys,
    sealed_secret,
)
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule
from ecsd.records.elbv2.target_group import NETWORK_PROTOCOLS, TRANSPORTS
from ecsd.store.finders.elbv2 import require_all, require_listener, require_load_balancer

LARGEST_PORT = 65535
MOST_LISTENERS = 50
PROTOCOLS = {"application": ("HTTP", "HTTPS"), "network": NETWORK_PROTOCOLS}


@operation("elbv2", "CreateListener")
async def create_listener(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Open a port of a load balancer; an equal listener is answered."""
    _check(request)
    for member in ("Port", "Protocol"):
        if not request.get(member):
            raise AwsError("ValidationError", f"A listener {member.lower()} must be specified")
    async with call.transaction() as change:
        balancer = require_load_balancer(change, request["LoadBalancerArn"])
        arn, protocol = balancer.load_balancer_arn, request["Protocol"]
        _check_protocol(balancer, protocol)
        actions, groups = parse_actions(change, balancer, request["DefaultActions"], protocol)
        others = change.select(Listener, load_balancer_arn=arn)
        place = (request["Port"], protocol)
        known = next((one for one in others if (one.port, one.protocol) == place), None)
        own_arn = f"{arn.replace(':loadbalancer/', ':listener/')}/{call.ids.balancer_id()}"
        listener = Listener(
            listener_arn=own_arn,
            load_balancer_arn=arn,
            port=request["Port"],
            protocol=protocol,
            default_actions=actions,
            target_group_arns=groups,
            client_secret=sealed_secret(call, request["DefaultActions"], own_arn),
            tags=tag.parse(request.get("Tags")),
        )
        listener = secured(change, listener, request, call.clock.now())
        check_versions(change, listener.protocol, groups)
        if known is not None and _is_equal(call, known, listener):
            return {"Listeners": [describe(known)]}
        _check_port(others, request["Port"], protocol)
        if len(others) >= MOST_LISTENERS:
            raise AwsError("TooManyListeners", f"At most {MOST_LISTENERS} listeners")
        if listener.client_secret:
            provide_keys(call, change, balancer)
        change.put(listener)
    return {"Listeners": [describe(listener)]}


@operation("elbv2", "DescribeListeners")
async def describe_listeners(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe listeners by ARN or load balancer."""
    view = call.view
    if request.get("ListenerArns"):
        found = require_all(view, Listener, request["ListenerArns"])
    elif request.get("LoadBalancerArn"):
        balancer = require_load_balancer(view, request["LoadBalancerArn"])
        found = view.select(Listener, load_balancer_arn=balancer.load_balancer_arn)
    else:
        raise AwsError(
            "ValidationError", "You must specify either listener ARNs or a load balancer ARN"
        )
    chosen, marker = page(found, request, key=lambda one: one.listener_arn)
    return {"Listeners": [describe(one) for one in chosen], "NextMarker": marker}


@operation("elbv2", "ModifyListener")
async def modify_listener(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change port, protocol, TLS or default actions; what is not named stays."""
    _check(request)
    async with call.transaction() as change:
        listener = require_listener(change, request["ListenerArn"])
        balancer = require_load_balancer(change, listener.load_balancer_arn)
        port = request.get("Port") or listener.port
        protocol = request.get("Protocol") or listener.protocol
        _check_protocol(balancer, protocol)
        if (port, protocol) != (listener.port, listener.protocol):
            others = change.select(Listener, load_balancer_arn=listener.load_balancer_arn)
            _check_port([one for one in others if one.key != listener.key], port, protocol)
        given = request.get("DefaultActions") or list(listener.default_actions)
        if request.get("DefaultActions") or protocol != listener.protocol:
            actions, groups = parse_actions(change, balancer, given, protocol)
            listener = replace(listener, default_actions=actions, target_group_arns=groups)
        if request.get("DefaultActions"):
            arn, known = listener.listener_arn, listener.client_secret
            listener = replace(listener, client_secret=sealed_secret(call, given, arn, known))
        listener = replace(listener, port=port, protocol=protocol)
        check_rules(change, listener)
        listener = secured(change, listener, request, call.clock.now())
        forwarded = list(listener.target_group_arns)
        for rule in change.select(Rule, listener_arn=listener.listener_arn):
            forwarded += rule.target_group_arns
        check_versions(change, listener.protocol, forwarded)
        if listener.client_secret:
            provide_keys(call, change, balancer)
        change.put(listener)
    return {"Listeners": [describe(listener)]}


@operation("elbv2", "DeleteListener")
async def delete_listener(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Close a port, with its rules."""
    async with call.transaction() as change:
        listener = require_listener(change, request["ListenerArn"])
        change.remove(listener, *change.select(Rule, listener_arn=listener.listener_arn))
    return {}


@operation("elbv2", "DescribeListenerAttributes")
async def describe_listener_attributes(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List every attribute with its value."""
    listener = require_listener(call.view, request["ListenerArn"])
    return attribute.show(listener_attributes(listener.protocol), listener.attributes)


@operation("elbv2", "ModifyListenerAttributes")
async def modify_listener_attributes(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change attributes."""
    async with call.transaction() as change:
        listener = require_listener(change, request["ListenerArn"])
        known = listener_attributes(listener.protocol)
        held = attribute.changed("Listener", known, listener.attributes, request["Attributes"])
        change.put(replace(listener, attributes=held))
    return attribute.show(known, held)


def describe(listener: Listener) -> dict[str, Any]:
    """Return a listener in the API's shape."""
    return {
        "ListenerArn": listener.listener_arn,
        "LoadBalancerArn": listener.load_balancer_arn,
        "Port": listener.port,
        "Protocol": listener.protocol,
        "DefaultActions": list(listener.default_actions),
        **describe_tls(listener),
    }


def _is_equal(call: Call, known: Listener, wanted: Listener) -> bool:
    """Tell whether a listener is there already as it is wanted."""
    same = replace(
        wanted,
        listener_arn=known.listener_arn,
        attributes=known.attributes,
        tags=known.tags,
        certificates=known.certificates,
        certificate_arns=known.certificate_arns,
        client_secret=known.client_secret,
    )
    return same == known and is_same_secret(call, known, wanted)


def _check(request: dict[str, Any]) -> None:
    """Refuse by name what neither type of load balancer has here."""
    protocol = request.get("Protocol")
    if protocol and not any(protocol in known for known in PROTOCOLS.values()):
        raise AwsError("UnsupportedProtocol", f"Protocol '{protocol}' is not supported by ecsd yet")
    port = request.get("Port") or 1
    if not 1 <= port <= LARGEST_PORT:
        raise AwsError("ValidationError", f"Port must be between 1 and 65535, got {port}")


def _check_protocol(balancer: LoadBalancer, protocol: str) -> None:
    known = PROTOCOLS[balancer.type]
    if protocol not in known:
        raise AwsError(
            "ValidationError",
            f"Listener protocol '{protocol}' must be one of '{', '.join(sorted(known))}'",
        )


def _check_port(others: list[Listener], port: int, protocol: str) -> None:
    """Refuse a port that another listener has; TCP and UDP have ports of their own."""
    for one in others:
        if one.port == port and _transports(one.protocol) & _transports(protocol):
            raise AwsError(
                "DuplicateListener", "A listener already exists on this port for this load balancer"
            )


def _transports(protocol: str) -> set[str]:
    return set(TRANSPORTS.get(protocol, ("tcp",)))
