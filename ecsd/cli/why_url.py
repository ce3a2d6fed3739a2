"""``ecsd why`` of a URL: which way a request takes, and where it stops.

Name, load balancer, listener, rule, target group, target, security groups: each line is what the
API says of one, the deepest cause last.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ecsd.cli.api import Api
from ecsd.cli.balancers import (
    WEB,
    action_words,
    add_details,
    balancers,
    condition_words,
    forwards,
    plain,
    target_words,
)
from ecsd.cli.why_connect import vpc_plans
from ecsd.cli.why_zone import alias_targets
from ecsd.decisions.balancers.rule_match import Asked, meets
from ecsd.decisions.network.security_group import Flow
from ecsd.decisions.vpc.reachability import trace

WORLD = "0.0.0.0/0"
SPEAKS = {  # a URL's scheme → protocols of listeners that let it through
    "http": {"HTTP", "TCP", "TCP_UDP"},
    "https": {"HTTPS", "TLS", "TCP", "TCP_UDP"},
}


def explain_url(api: Api, url: str) -> list[str] | None:
    """Return facts about a request's way, or None when its host is no load balancer's here."""
    asked = urlsplit(url)
    host = (asked.hostname or "").removesuffix(".")
    known = {one["DNSName"].lower(): one for one in balancers(api)}
    names = [host] if host in known else alias_targets(api, host)
    balancer = next((known[one] for one in names if one in known), None)
    if balancer is None:
        return None
    add_details(api, balancer)
    facts = []
    if host not in known:
        facts.append(f"{host} leads to {balancer['DNSName']}, in VPCs that ask its zone alone")
    return facts + list(_balancer(api, balancer, asked))


def _balancer(api: Api, balancer: dict[str, Any], asked: SplitResult) -> Iterator[str]:
    status = balancer["State"]
    reason = f": {status['Reason']}" if status.get("Reason") else ""
    yield f"load balancer {balancer['LoadBalancerName']} is {status['Code']}{reason}"
    port = asked.port or WEB.get(asked.scheme.upper(), 80)
    listener = next((one for one in balancer["Listeners"] if int(one["Port"]) == port), None)
    if listener is None:
        others = ", ".join(f"{one['Protocol']} {one['Port']}" for one in balancer["Listeners"])
        yield f"it stops here: no listener has port {port}; listeners: {others or 'none'}"
        return
    if listener["Protocol"] not in SPEAKS.get(asked.scheme, {asked.scheme.upper()}):
        yield f"it stops here: the listener of port {port} speaks {listener['Protocol']}"
        return
    yield f"listener {listener['Protocol']} {port} takes it"
    if listener.get("SslPolicy"):
        yield tls_words(listener)
    stop = _entrance(api, balancer, port) if balancer.get("SecurityGroups") else None
    if stop:
        yield stop
        return
    yield from _rule(api, balancer, listener, asked)


def tls_words(listener: dict[str, Any]) -> str:
    """Return how a listener ends TLS."""
    words = f"TLS ends at the load balancer, by {listener['SslPolicy']}"
    alpn = next(iter(listener.get("AlpnPolicy") or []), "None")
    if listener["Protocol"] == "TLS":
        words += "; no ALPN is negotiated" if alpn == "None" else f" and the ALPN policy {alpn}"
    return words


def _rule(
    api: Api, balancer: dict[str, Any], listener: dict[str, Any], asked: SplitResult
) -> Iterator[str]:
    request = Asked(asked.hostname or "", asked.path or "/", asked.query)
    default = {"IsDefault": "true", "Actions": listener["DefaultActions"]}
    rules = listener["Rules"] or [default]
    rule = next(
        one
        for one in rules
        if one["IsDefault"] == "true" or meets(one.get("Conditions") or [], request)
    )
    names = {one["TargetGroupArn"]: one["TargetGroupName"] for one in balancer["TargetGroups"]}
    does = action_words(rule["Actions"], names)
    called = "the default rule" if rule["IsDefault"] == "true" else f"rule {rule['Priority']}"
    passed = rules.index(rule)
    before = f", {passed} before it do not match" if passed else ""
    if called.startswith("rule"):
        called += f" ({condition_words(rule)})"
    yield f"{called} matches{before}: {does}"
    groups = forwards(rule["Actions"])
    if not groups:
        yield "the load balancer answers it itself: no target is asked"
        return
    for group in balancer["TargetGroups"]:
        weight = groups.get(group["TargetGroupArn"])
        if weight is not None:
            share = f" (weight {weight})" if len(groups) > 1 else ""
            yield from _group(api, balancer, group, share)


def _group(api: Api, balancer: dict[str, Any], group: dict[str, Any], share: str) -> Iterator[str]:
    targets = [one for one in group["Targets"] if one["TargetHealth"]["State"] != "draining"]
    name = f"target group {group['TargetGroupName']}{share}"
    if not targets:
        yield f"it stops here: {name} has no targets, and {_refusal(balancer)}"
        return
    if group["TargetType"] == "lambda":
        yield from _function(targets[0], name)
        return
    healthy = [one for one in targets if one["TargetHealth"]["State"] == "healthy"]
    yield f"{name}: {len(healthy)} of {len(targets)} targets are healthy"
    if not healthy:
        asked = "connections" if balancer["Type"] == "network" else "requests"
        yield f"none is healthy: {asked} go to all of them, as if all were"
    for one in targets:
        health = one["TargetHealth"]
        words = f"target {target_words(one['Target'])} is {health['State']}"
        if health.get("Reason"):
            words += f": {health.get('Description') or ''} ({health['Reason']})"
        yield words
        stop = _to_target(api, balancer, one["Target"]) if balancer.get("SecurityGroups") else None
        if stop:
            yield stop


def _function(target: dict[str, Any], name: str) -> Iterator[str]:
    """A function is invoked by the host's agent, whatever its health: there is no other to ask."""
    health = target["TargetHealth"]
    words = f"{name}: the Lambda function {target['Target']['Id']} is {health['State']}"
    if health.get("Reason"):
        words += f": {health.get('Description') or ''} ({health['Reason']})"
    yield words
    yield (
        "the agent invokes it through ECSD_LAMBDA_ENDPOINT, in no network: no security group "
        "applies; where it gives no answer the client gets 502, and the agent's log says why"
    )


def _refusal(balancer: dict[str, Any]) -> str:
    network = balancer["Type"] == "network"
    return "connections are refused" if network else "requests get 503"


def _entrance(api: Api, balancer: dict[str, Any], port: int) -> str | None:
    """Return why nobody from this machine may enter, or None."""
    groups = balancer["SecurityGroups"]
    peers = [peer for one in _groups(api, groups, "ipPermissions") for peer in _peers(one, port)]
    if WORLD in peers:
        return None
    words = f"it stops here: {', '.join(groups)} admits nobody from outside to port {port}"
    return f"{words}; those who may: {', '.join(peers) or 'nobody'}"


def _to_target(api: Api, balancer: dict[str, Any], target: dict[str, Any]) -> str | None:
    """Return what keeps the load balancer from a target, or None."""
    plan = vpc_plans(api).get(balancer["VpcId"])
    addresses = plan.names.get(balancer["DNSName"].lower(), ()) if plan else ()
    stops = []
    for one in addresses:
        flow = Flow("tcp", one, target["Id"], int(target["Port"]))
        stops += [step.words for step in trace(plan, flow) if not step.passes][:1] if plan else []
    return f"it stops here: {stops[0]}" if len(stops) == len(addresses) and stops else None


def _peers(permission: dict[str, Any], port: int) -> list[str]:
    """Return whom a rule admits to a TCP port: ranges, prefix lists and groups."""
    if permission["ipProtocol"] not in {"-1", "tcp", "6"}:
        return []
    if permission["ipProtocol"] != "-1":
        first, last = int(permission.get("fromPort") or -1), int(permission.get("toPort") or -1)
        if first != -1 and not first <= port <= last:
            return []
    return [
        *(one["cidrIp"] for one in permission.get("ipRanges") or []),
        *(one["prefixListId"] for one in permission.get("prefixListIds") or []),
        *(one["groupId"] for one in permission.get("groups") or []),
    ]


def _groups(api: Api, group_ids: list[str], member: str) -> list[dict[str, Any]]:
    """Return the rules of security groups, of one direction."""
    if not group_ids:
        return []
    wanted = {f"GroupId.{number}": one for number, one in enumerate(group_ids, 1)}
    answer = api.query("ec2", "DescribeSecurityGroups", **wanted)
    found = plain(answer.find("securityGroupInfo")) or []
    return [rule for one in found for rule in one.get(member) or []]
