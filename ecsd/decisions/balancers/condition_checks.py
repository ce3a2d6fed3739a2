"""What rules' conditions may be; and their complete form.

Source: ecs_semantics 5.3 and 5.5; Elastic Load Balancing API Reference, RuleCondition and its
configurations; Application Load Balancers, quotas (values and wildcards of a rule).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Network
from typing import Any

from ecsd.decisions.balancers.rule_regex import check_regex

CONFIGS = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-header": "HttpHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "query-string": "QueryStringConfig",
    "source-ip": "SourceIpConfig",
}
ONCE = ("host-header", "path-pattern", "http-request-method", "source-ip")
OLD_FORM = ("host-header", "path-pattern")  # those that may be given, and are shown, as Values
WITH_REGEX = ("host-header", "path-pattern", "http-header")
WITH_WILDCARDS = ("host-header", "path-pattern", "http-header", "query-string")
MOST_VALUES, MOST_WILDCARDS, LONGEST_VALUE = 5, 6, 128
TEXT = re.compile(r"[\x20-\x7e]*")
CHARACTERS = {
    "host-header": re.compile(r"[A-Za-z0-9.*?\\:_-]*"),
    "path-pattern": re.compile(r"[\x21-\x7e]*"),
    "http-request-method": re.compile(r"[A-Z_-]{1,40}"),
}
HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}")
WILDCARD = re.compile(r"\\.|([*?])")


def check_conditions(conditions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is wrong with a rule's conditions."""
    if not conditions:
        yield "A condition must be specified"
    fields = [one.get("Field") for one in conditions]
    for once in ONCE:
        if fields.count(once) > 1:
            yield f"A rule can only have one '{once}' condition"
    for condition in conditions:
        yield from _condition(condition)
    given = [len(condition_values(one)) + len(condition_regexes(one)) for one in conditions]
    if sum(given) > MOST_VALUES:
        yield f"A rule can only have '{MOST_VALUES}' condition values"
    texts = [text for one in conditions for text in _texts(one)]
    if sum(map(_wildcards, texts)) > MOST_WILDCARDS:
        yield f"A rule can only have '{MOST_WILDCARDS}' condition wildcards"


def condition_values(condition: Mapping[str, Any]) -> list[Any]:
    """Return a condition's values, in whichever form they were given."""
    config = condition.get(CONFIGS.get(condition.get("Field") or "", "")) or {}
    return list(config.get("Values") or condition.get("Values") or ())


def condition_regexes(condition: Mapping[str, Any]) -> list[str]:
    """Return a condition's regular expressions, in whichever form they were given."""
    config = condition.get(CONFIGS.get(condition.get("Field") or "", "")) or {}
    return list(config.get("RegexValues") or condition.get("RegexValues") or ())


def complete_condition(condition: Mapping[str, Any]) -> dict[str, Any]:
    """Return a condition as answers show it: old ``Values`` beside its config."""
    field = condition["Field"]
    values, regexes = condition_values(condition), condition_regexes(condition)
    given = condition.get(CONFIGS[field]) or {}
    config = {name: value for name, value in given.items() if value}
    if regexes:
        config |= {"RegexValues": regexes}
        return {"Field": field, CONFIGS[field]: config, "RegexValues": regexes}
    config |= {"Values": values}
    whole: dict[str, Any] = {"Field": field, CONFIGS[field]: config}
    if field in OLD_FORM:
        whole["Values"] = values
    return whole


def _condition(condition: Mapping[str, Any]) -> Iterator[str]:
    field = condition.get("Field")
    if not field:
        yield "A condition field must be specified"
        return
    if field not in CONFIGS:
        yield f"Condition field '{field}' must be one of '{','.join(sorted(CONFIGS))}'"
        return
    yield from _members(field, condition)
    yield from _config(field, condition.get(CONFIGS[field]) or {})
    values, regexes = condition_values(condition), condition_regexes(condition)
    if not values and not regexes:
        yield "A condition value must be specified"
    if values and regexes:
        yield "Values and RegexValues cannot both be specified"
    for value in values:
        yield from _value(field, value)
    for regex in regexes:
        yield from _regex(field, regex)


def _members(field: str, condition: Mapping[str, Any]) -> Iterator[str]:
    """Yield members that would have no effect beside the field's own."""
    own = CONFIGS[field]
    for member in CONFIGS.values():
        if member != own and condition.get(member):
            yield f"{member} cannot be specified for the condition field '{field}'"
    regexes = condition.get("RegexValues")
    if regexes and (condition.get(own) or {}).get("RegexValues") not in (None, [], regexes):
        yield f"RegexValues and {own} cannot both be specified with different values"
    old = condition.get("Values")
    if old and field not in OLD_FORM:
        yield f"Values cannot be specified for the condition field '{field}': use {own}"
    if old and (condition.get(own) or {}).get("Values") not in (None, old):
        yield f"Values and {own} cannot both be specified with different values"


def _config(field: str, config: Mapping[str, Any]) -> Iterator[str]:
    if (config.get("IpAddressType") or "ipv4") != "ipv4":
        yield "SourceIpConfig: IpAddressType other than ipv4 is not supported by ecsd yet"
    if field == "http-header":
        name = config.get("HttpHeaderName") or ""
        if not HEADER.fullmatch(name) or name.lower() == "host":
            yield "HttpHeaderName must be a header's name of 1 to 40 characters, other than Host"


def _value(field: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - text, or a key and value
    if field == "query-string":
        if not isinstance(value, Mapping) or not value.get("Value"):
            yield "A 'query-string' value must have a Value"
            return
        texts = [value["Value"], *([value["Key"]] if value.get("Key") else [])]
    else:
        texts = [value]
    for text in texts:
        if len(text) > LONGEST_VALUE:
            yield f"A condition value may have at most {LONGEST_VALUE} characters"
        if not text or not CHARACTERS.get(field, TEXT).fullmatch(text):
            yield f"Condition value '{text}' contains a character that is not valid"
    if field == "source-ip":
        yield from _network(value)


def _regex(field: str, regex: str) -> Iterator[str]:
    if field not in WITH_REGEX:
        yield f"RegexValues cannot be specified for the condition field '{field}'"
    if len(regex) > LONGEST_VALUE:
        yield f"A condition value may have at most {LONGEST_VALUE} characters"
    if not regex or not TEXT.fullmatch(regex):
        yield f"Condition value '{regex}' contains a character that is not valid"
    yield from check_regex(regex)


def _network(value: str) -> Iterator[str]:
    try:
        IPv4Network(value)
    except ValueError:
        yield f"'{value}' is not a valid IPv4 CIDR block"
        return
    if "/" not in value:
        yield f"'{value}' must be a CIDR block, such as {value}/32"


def _texts(condition: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts of a condition in which wildcards have a meaning."""
    if condition.get("Field") not in WITH_WILDCARDS:
        return
    for value in condition_values(condition):
        if isinstance(value, Mapping):
            yield from (str(value.get(member) or "") for member in ("Key", "Value"))
        else:
            yield value


def _wildcards(text: str) -> int:
    """Return how many ``*`` and ``?`` are not escaped with a backslash."""
    return sum(1 for found in WILDCARD.finditer(text) if found.group(1))
