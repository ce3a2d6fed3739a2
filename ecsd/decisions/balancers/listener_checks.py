"""What listeners' and rules' actions may be; and their complete form.

Source: ecs_semantics 5.3; Elastic Load Balancing API Reference, Action and its configurations.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ecsd.decisions.balancers.authenticate_checks import (
    AUTHENTICATE,
    FINAL_LAST,
    ONE_EACH,
    ONLY_HTTPS,
    ORDERED,
    check_authentication,
    check_order,
    complete_authentication,
)

FINAL = ("forward", "redirect", "fixed-response")
CONTENT_TYPES = (
    "text/plain",
    "text/css",
    "text/html",
    "application/javascript",
    "application/json",
)
CONFIGS = {
    "forward": "ForwardConfig",
    "redirect": "RedirectConfig",
    "fixed-response": "FixedResponseConfig",
    "authenticate-oidc": "AuthenticateOidcConfig",
    "authenticate-cognito": "AuthenticateCognitoConfig",
    "jwt-validation": "JwtValidationConfig",
}
REDIRECT = {
    "Protocol": "#{protocol}",
    "Port": "#{port}",
    "Host": "#{host}",
    "Path": "/#{path}",
    "Query": "#{query}",
}
MOST_GROUPS, MOST_WEIGHT, LONGEST_STICKINESS = 5, 999, 604800
LONGEST_PART, LONGEST_BODY, LARGEST_PORT = 128, 1024, 65535
TEXT = re.compile(r"[\x20-\x7e]*")
LOOP = "The redirect configuration is not valid because it creates a loop"
INVALID_ACTIONS = frozenset({LOOP, ONLY_HTTPS, ONE_EACH, ORDERED, FINAL_LAST})
PORT = re.compile(r"#\{port\}|\d{1,5}")


def complete_action(action: Mapping[str, Any]) -> dict[str, Any]:
    """Return an action as answers show it: a forward has both forms, everything its Order."""
    kind = action["Type"]
    whole: dict[str, Any] = {"Type": kind, "Order": action.get("Order") or 1}
    config = dict(action.get(CONFIGS[kind]) or {})
    match kind:
        case "forward":
            config = _complete_forward(action.get("TargetGroupArn"), config)
            if len(config["TargetGroups"]) == 1:
                whole["TargetGroupArn"] = config["TargetGroups"][0]["TargetGroupArn"]
        case "redirect":
            config = REDIRECT | _redirect_config(action)
        case "authenticate-oidc":
            config = complete_authentication(config)
        case _:
            pass  # a fixed response is complete as it is
    whole[CONFIGS[kind]] = config
    return whole


def check_actions(actions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is wrong with a listener's or rule's actions."""
    if not actions:
        yield "At least one action must be specified"
        return
    for action in actions:
        kind = action.get("Type")
        if kind not in FINAL and kind != AUTHENTICATE:
            yield f"Action type '{kind}' is not supported by ecsd yet"
        else:
            yield from _members(action)
    if sum(one.get("Type") in FINAL for one in actions) > 1:
        yield "Exactly one action of type forward, redirect or fixed-response may be specified"
    if any(one.get("Type") == AUTHENTICATE for one in actions):
        yield from check_order(actions)
    checks = {
        "forward": _forward,
        "redirect": _redirect,
        "fixed-response": _fixed,
        AUTHENTICATE: check_authentication,
    }
    for action in actions:
        yield from checks.get(action.get("Type", ""), _nothing)(action)


def check_flow_actions(actions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what a network load balancer cannot do: it sees flows, not requests."""
    for action in actions:
        if action["Type"] != "forward":
            yield f"Action type '{action['Type']}' is not valid for a network load balancer"
        stickiness = (action.get("ForwardConfig") or {}).get("TargetGroupStickinessConfig") or {}
        if stickiness.get("Enabled"):
            yield "TargetGroupStickinessConfig is not valid for a network load balancer"


def _complete_forward(arn: str | None, config: dict[str, Any]) -> dict[str, Any]:
    groups = config.get("TargetGroups") or [{"TargetGroupArn": arn}]
    stickiness = {"Enabled": False} | (config.get("TargetGroupStickinessConfig") or {})
    if not stickiness.get("DurationSeconds"):
        stickiness.pop("DurationSeconds", None)
    return {
        "TargetGroups": [
            {"TargetGroupArn": one["TargetGroupArn"], "Weight": one.get("Weight", 1)}
            for one in groups
        ],
        "TargetGroupStickinessConfig": stickiness,
    }


def _redirect_config(action: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a redirect says; an empty query has a meaning, other empty parts have none."""
    given = (action.get("RedirectConfig") or {}).items()
    return {name: value for name, value in given if value or (name, value) == ("Query", "")}


def _members(action: Mapping[str, Any]) -> Iterator[str]:
    """Yield members that belong to another type of action: they would have no effect."""
    for kind, member in CONFIGS.items():
        if kind != action["Type"] and action.get(member):
            yield f"{member} cannot be specified for an action of type '{action['Type']}'"
    if action["Type"] != "forward" and action.get("TargetGroupArn"):
        yield f"TargetGroupArn cannot be specified for an action of type '{action['Type']}'"


def _nothing(_: Mapping[str, Any]) -> Iterator[str]:
    return iter(())


def _forward(action: Mapping[str, Any]) -> Iterator[str]:
    config = action.get("ForwardConfig") or {}
    groups = config.get("TargetGroups") or []
    if not groups and not action.get("TargetGroupArn"):
        yield "A target group ARN must be specified"
    if groups and action.get("TargetGroupArn"):
        arns = [one.get("TargetGroupArn") for one in groups]
        if arns != [action["TargetGroupArn"]]:
            yield "You cannot specify both a target group ARN and different target groups"
    if len(groups) > MOST_GROUPS:
        yield f"An action may forward to at most {MOST_GROUPS} target groups"
    arns = [one.get("TargetGroupArn") for one in groups]
    if None in arns or len(set(arns)) < len(arns):
        yield "The target groups of an action must be given, each once"
    for one in groups:
        if not 0 <= one.get("Weight", 1) <= MOST_WEIGHT:
            yield f"Weight must be between 0 and {MOST_WEIGHT}"
    stickiness = config.get("TargetGroupStickinessConfig") or {}
    if stickiness.get("Enabled"):
        seconds = stickiness.get("DurationSeconds") or 0
        if not 1 <= seconds <= LONGEST_STICKINESS:
            yield f"DurationSeconds must be between 1 and {LONGEST_STICKINESS}"


def _redirect(action: Mapping[str, Any]) -> Iterator[str]:
    config = _redirect_config(action)
    if config.get("StatusCode") not in {"HTTP_301", "HTTP_302"}:
        yield "A redirect needs StatusCode HTTP_301 or HTTP_302"
    if config.get("Protocol", "#{protocol}") not in {"HTTP", "HTTPS", "#{protocol}"}:
        yield "Protocol must be HTTP, HTTPS or #{protocol}"
    port = config.get("Port", "#{port}")
    if not PORT.fullmatch(port) or (port.isdecimal() and not 1 <= int(port) <= LARGEST_PORT):
        yield "Port must be a number from 1 to 65535 or #{port}"
    if not config.get("Path", "/").startswith("/"):
        yield "Path must begin with '/'"
    for member in ("Host", "Path", "Query"):
        value = config.get(member, "")
        if len(value) > LONGEST_PART or not TEXT.fullmatch(value):
            yield f"{member} may have at most {LONGEST_PART} printable characters"
    if all(config.get(member, default) == default for member, default in REDIRECT.items()):
        yield LOOP


def _fixed(action: Mapping[str, Any]) -> Iterator[str]:
    config = action.get("FixedResponseConfig") or {}
    if not re.fullmatch(r"[245]\d\d", config.get("StatusCode") or ""):
        yield "A fixed response needs a StatusCode of the form 2XX, 4XX or 5XX"
    if (config.get("ContentType") or "text/plain") not in CONTENT_TYPES:
        yield f"ContentType must be one of {', '.join(CONTENT_TYPES)}"
    if len(config.get("MessageBody") or "") > LONGEST_BODY:
        yield f"MessageBody may have at most {LONGEST_BODY} characters"
