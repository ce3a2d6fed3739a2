"""What listeners' actions and rules' conditions may be; and their complete form.

Source: ecs_semantics 5.3; Elastic Load Balancing API Reference, Action, RuleCondition.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import AddressValueError, IPv4Network, NetmaskValueError
from typing import Any

FINAL = ("forward", "redirect", "fixed-response")
CONTENT_TYPES = (
    "text/plain",
    "text/css",
    "text/html",
    "application/javascript",
    "application/json",
)
CONFIGS = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-header": "HttpHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "query-string": "QueryStringConfig",
    "source-ip": "SourceIpConfig",
}
ONCE = ("host-header", "path-pattern", "http-request-method", "source-ip")
MOST_GROUPS, MOST_WEIGHT, LONGEST_STICKINESS = 5, 999, 604800
MOST_VALUES, LONGEST_VALUE, LONGEST_HEADER, LONGEST_BODY = 5, 128, 40, 1024
TEXT = re.compile(r"[\x20-\x7e]*")
METHOD = re.compile(r"[A-Z_-]{1,40}")
HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}")
PORT = re.compile(r"#\{port\}|\d{1,5}")


def complete_action(action: Mapping[str, Any]) -> dict[str, Any]:
    """Return an action as answers show it: a forward has both forms, everything its Order."""
    whole = {member: value for member, value in action.items() if value is not None}
    if whole["Type"] == "forward":
        config = dict(whole.get("ForwardConfig") or {})
        if not config.get("TargetGroups"):
            config["TargetGroups"] = [{"TargetGroupArn": whole.get("TargetGroupArn")}]
        config["TargetGroups"] = [
            {"TargetGroupArn": one["TargetGroupArn"], "Weight": one.get("Weight", 1)}
            for one in config["TargetGroups"]
        ]
        config.setdefault("TargetGroupStickinessConfig", {"Enabled": False})
        whole["ForwardConfig"] = config
        if len(config["TargetGroups"]) == 1:
            whole["TargetGroupArn"] = config["TargetGroups"][0]["TargetGroupArn"]
    if whole["Type"] == "redirect":
        defaults = {
            "Protocol": "#{protocol}",
            "Port": "#{port}",
            "Host": "#{host}",
            "Path": "/#{path}",
            "Query": "#{query}",
        }
        given = {name: value for name, value in whole["RedirectConfig"].items() if value}
        whole["RedirectConfig"] = defaults | given
    whole.setdefault("Order", 1)
    return whole


def check_actions(actions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is wrong with a listener's or rule's actions."""
    if not actions:
        yield "At least one action must be specified"
        return
    for action in actions:
        kind = action.get("Type")
        if kind not in FINAL:
            yield f"Action type '{kind}' is not supported by ecsd yet"
    if len(actions) > 1:
        yield "Exactly one action of type forward, redirect or fixed-response may be specified"
    checks = {"forward": _forward, "redirect": _redirect, "fixed-response": _fixed}
    for action in actions:
        yield from checks.get(action.get("Type", ""), _nothing)(action)


def check_conditions(conditions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is wrong with a rule's conditions."""
    if not conditions:
        yield "A condition must be specified"
    fields = [one.get("Field") for one in conditions]
    for once in ONCE:
        if fields.count(once) > 1:
            yield f"A rule can only have one '{once}' condition"
    total = 0
    for condition in conditions:
        field = condition.get("Field")
        if field not in CONFIGS:
            yield f"Condition field '{field}' must be one of '{','.join(sorted(CONFIGS))}'"
            continue
        if condition.get("RegexValues") or (condition.get(CONFIGS[field]) or {}).get("RegexValues"):
            yield "RegexValues is not supported by ecsd yet"
            continue
        values = condition_values(condition)
        total += len(values)
        yield from _values(str(field), condition, values)
    if total > MOST_VALUES:
        yield f"A rule may have at most {MOST_VALUES} condition values"


def condition_values(condition: Mapping[str, Any]) -> list[Any]:
    """Return a condition's values, in whichever form they were given."""
    config = condition.get(CONFIGS.get(condition.get("Field", ""), "")) or {}
    return list(config.get("Values") or condition.get("Values") or ())


def complete_condition(condition: Mapping[str, Any]) -> dict[str, Any]:
    """Return a condition as answers show it: old ``Values`` beside its config."""
    field = condition["Field"]
    values = condition_values(condition)
    config = {**(condition.get(CONFIGS[field]) or {}), "Values": values}
    whole: dict[str, Any] = {"Field": field, CONFIGS[field]: config}
    if field in {"host-header", "path-pattern"}:
        whole["Values"] = values
    return whole


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
    config = {name: value for name, value in (action.get("RedirectConfig") or {}).items() if value}
    if config.get("StatusCode") not in {"HTTP_301", "HTTP_302"}:
        yield "A redirect needs StatusCode HTTP_301 or HTTP_302"
    if config.get("Protocol", "#{protocol}") not in {"HTTP", "HTTPS", "#{protocol}"}:
        yield "Protocol must be HTTP, HTTPS or #{protocol}"
    if not PORT.fullmatch(config.get("Port", "#{port}")):
        yield "Port must be a number or #{port}"
    if not config.get("Path", "/").startswith("/"):
        yield "Path must begin with '/'"
    for member, limit in (("Host", 128), ("Path", 128), ("Query", 128)):
        value = config.get(member, "")
        if len(value) > limit or not TEXT.fullmatch(value):
            yield f"{member} may have at most {limit} printable characters"
    if not set(config) - {"StatusCode"}:
        yield "A redirect must change the protocol, port, host, path or query"


def _fixed(action: Mapping[str, Any]) -> Iterator[str]:
    config = action.get("FixedResponseConfig") or {}
    if not re.fullmatch(r"[245]\d\d", config.get("StatusCode") or ""):
        yield "A fixed response needs a StatusCode of the form 2XX, 4XX or 5XX"
    if (config.get("ContentType") or "text/plain") not in CONTENT_TYPES:
        yield f"ContentType must be one of {', '.join(CONTENT_TYPES)}"
    if len(config.get("MessageBody") or "") > LONGEST_BODY:
        yield f"MessageBody may have at most {LONGEST_BODY} characters"


def _values(field: str, condition: Mapping[str, Any], values: Sequence[Any]) -> Iterator[str]:
    if not values:
        yield f"A '{field}' condition must have values"
    if field == "http-header":
        name = (condition.get("HttpHeaderConfig") or {}).get("HttpHeaderName") or ""
        if not HEADER.fullmatch(name) or name.lower() == "host":
            yield "HttpHeaderName must be a header's name of 1 to 40 characters, other than Host"
    for value in values:
        yield from _value(field, value)


def _value(field: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - text, or a key and value
    if field == "query-string":
        texts = [value.get("Key") or "", value.get("Value") or ""]
        if not texts[1]:
            yield "A 'query-string' value must have a Value"
    else:
        texts = [value]
    if any(len(one) > LONGEST_VALUE or not TEXT.fullmatch(one) for one in texts):
        yield f"A condition value may have at most {LONGEST_VALUE} printable characters"
    if field == "http-request-method" and not METHOD.fullmatch(value):
        yield f"'{value}' is not a valid request method"
    if field == "source-ip":
        try:
            IPv4Network(value)
        except (AddressValueError, NetmaskValueError, ValueError):
            yield f"'{value}' is not a valid IPv4 CIDR block"
