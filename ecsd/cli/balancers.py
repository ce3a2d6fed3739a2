"""Load balancers with what they lead to, read through the public API, for the person's commands."""

import xml.etree.ElementTree as ET
from typing import Any

from ecsd.cli.api import Api

SERVICE = "elasticloadbalancing"
WEB = {"HTTP": 80, "HTTPS": 443}
LISTED = {"member", "item", "HostedZone", "VPC", "ResourceRecordSet", "ResourceRecord"}


def balancers(api: Api) -> list[dict[str, Any]]:
    """Return every load balancer with its listeners, in AWS's members; these have ``Urls``."""
    found = _all(api, "DescribeLoadBalancers", "LoadBalancers")
    for one in found:
        own = {"LoadBalancerArn": one["LoadBalancerArn"]}
        one["Listeners"] = _all(api, "DescribeListeners", "Listeners", **own)
        for listener in one["Listeners"]:
            listener["Urls"] = urls_of(one["DNSName"], listener)
    return found


def add_details(api: Api, balancer: dict[str, Any]) -> None:
    """Add rules to the listeners, and target groups with their targets' health."""
    for listener in balancer["Listeners"]:
        arn = listener["ListenerArn"]
        listener["Rules"] = _all(api, "DescribeRules", "Rules", ListenerArn=arn)
    own = {"LoadBalancerArn": balancer["LoadBalancerArn"]}
    balancer["TargetGroups"] = _all(api, "DescribeTargetGroups", "TargetGroups", **own)
    for group in balancer["TargetGroups"]:
        arn = group["TargetGroupArn"]
        health = api.query(SERVICE, "DescribeTargetHealth", TargetGroupArn=arn)
        group["Targets"] = plain(health.find(".//TargetHealthDescriptions")) or []


def urls_of(name: str, listener: dict[str, Any]) -> list[str]:
    """Return where a listener is asked; a port that the scheme implies is left out."""
    protocol, port = listener["Protocol"], int(listener["Port"])
    suffix = "" if WEB.get(protocol) == port else f":{port}"
    return [f"{one.lower()}://{name}{suffix}" for one in protocol.split("_")]


def action_words(actions: list[dict[str, Any]], names: dict[str, str]) -> str:
    """Return what a rule does, in words. names: of target groups by ARN."""
    return ", ".join(_action(one, names) for one in actions)


def condition_words(rule: dict[str, Any]) -> str:
    """Return when a rule applies, in words."""
    if rule["IsDefault"] == "true":
        return "default"
    return " and ".join(_condition(one) for one in rule.get("Conditions") or [])


def target_words(target: dict[str, Any]) -> str:
    """Return which target is meant: address and port, or a function's ARN."""
    return f"{target['Id']}:{target['Port']}" if target.get("Port") else str(target["Id"])


def forwards(actions: list[dict[str, Any]]) -> dict[str, int]:
    """Return the target groups that actions forward to, ARN → weight."""
    found: dict[str, int] = {}
    for action in actions:
        if action["Type"] == "forward":
            groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
            found |= {one["TargetGroupArn"]: int(one.get("Weight") or 1) for one in groups}
            if not groups and action.get("TargetGroupArn"):
                found[action["TargetGroupArn"]] = 1
    return found


def plain(element: ET.Element | None) -> Any:  # noqa: ANN401 - lists, mappings and texts
    """Return XML of an answer as plain values; children of these names make a list."""
    if element is None or (len(element) == 0 and not (element.text or "").strip()):
        return None
    if len(element) == 0:
        return element.text
    if element[0].tag in LISTED:
        return [plain(child) for child in element]
    return {child.tag: plain(child) for child in element}


def _all(api: Api, action: str, member: str, **parameters: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    more: dict[str, str] = {}
    while True:
        answer = api.query(SERVICE, action, **parameters, **more)
        found += plain(answer.find(f".//{member}")) or []
        marker = answer.findtext(".//NextMarker")
        if not marker:
            return found
        more = {"Marker": marker}


def _action(action: dict[str, Any], names: dict[str, str]) -> str:
    match action["Type"]:
        case "forward":
            weights = forwards([action])
            if len(weights) == 1:
                return f"forward to {names.get(next(iter(weights)), next(iter(weights)))}"
            shares = (f"{names.get(arn, arn)} ({weight})" for arn, weight in weights.items())
            return f"forward to {', '.join(shares)}"
        case "redirect":
            config = action["RedirectConfig"]
            query = f"?{config['Query']}" if config.get("Query") else ""
            where = f"{config['Protocol']}://{config['Host']}:{config['Port']}{config['Path']}"
            return f"redirect ({config['StatusCode']}) to {where}{query}"
        case "fixed-response":
            return f"answer {action['FixedResponseConfig']['StatusCode']}"
        case "authenticate-oidc":
            config = action["AuthenticateOidcConfig"]
            others = config["OnUnauthenticatedRequest"]
            return f"users of {config['Issuer']} pass, others: {others}"
        case kind:
            return str(kind)


def _condition(condition: dict[str, Any]) -> str:
    field = condition["Field"]
    configs = [one for name, one in condition.items() if name.endswith("Config") and one]
    config: dict[str, Any] = configs[0] if configs else {}
    values = config.get("Values") or condition.get("Values") or []
    regexes = config.get("RegexValues") or condition.get("RegexValues") or []
    words = [
        f"{one.get('Key') or ''}={one['Value']}" if isinstance(one, dict) else str(one)
        for one in (*values, *regexes)
    ]
    name = f" {config['HttpHeaderName']}" if config.get("HttpHeaderName") else ""
    return f"{field}{name} {' or '.join(words)}"
