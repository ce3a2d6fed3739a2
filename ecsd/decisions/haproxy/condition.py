"""Conditions of listener rules, as HAProxy ACLs: AND between conditions, OR inside one.

Source: ecs_semantics 5.3: hosts, header values and queries are compared without regard to case,
paths and methods with; a query is compared as it was sent, percent-encoding included.
"""

from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from ecsd.decisions.balancers.condition_checks import CONFIGS, WITH_REGEX
from ecsd.decisions.balancers.rule_regex import LIMIT
from ecsd.decisions.balancers.wildcard import regex
from ecsd.decisions.haproxy.text import wildcard, word
from ecsd.errors import BalancerError

HOST = "req.hdr(host),field(1,:)"


def compile_conditions(name: str, conditions: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return ACL name → its lines; a request matches the rule when it matches every ACL.

    Raises:
        BalancerError: a condition that this balancer cannot enforce.
    """
    return {
        f"{name}_{number}": _acl(f"{name}_{number}", condition)
        for number, condition in enumerate(conditions)
    }


def _acl(name: str, condition: Mapping[str, Any]) -> list[str]:
    field = condition.get("Field", "")
    config = condition.get(CONFIGS.get(field, ""))
    config = config if isinstance(config, Mapping) else {}
    values = config.get("Values") or condition.get("Values") or ()
    regexes = config.get("RegexValues") or condition.get("RegexValues") or ()
    if field not in CONFIGS or (regexes and field not in WITH_REGEX):
        raise BalancerError(f"a rule's '{field}' condition cannot be enforced: {dict(condition)}")
    tests = [_test(field, config, value) for value in values if not _has_nul(value)]
    tests += [_matches(field, config, one) for one in regexes if not _has_nul(one)]
    return [f"acl {name} {test}" for test in tests or ["always_false"]]


def _test(field: str, config: Mapping[str, Any], value: Any) -> str:  # noqa: ANN401 - AWS's shape
    match field:
        case "host-header":
            return _wild(HOST, value, ignore_case=True)
        case "path-pattern":
            return _wild("path", value)
        case "http-header":
            header = argument(config.get("HttpHeaderName", ""))
            return _wild(f"req.fhdr({header})", value, ignore_case=True)
        case "http-request-method":
            return f"method -m str -- {word(value)}"
        case "query-string":
            return f"query -m reg -i -- {word(_query(value))}"
        case _:
            return f"src -- {word(str(ip_network(value, strict=False)))}"


def _matches(field: str, config: Mapping[str, Any], pattern: str) -> str:
    """A regular expression finds its match anywhere; a host's letters have no case."""
    expression = word(LIMIT + pattern)
    match field:
        case "host-header":
            return f"{HOST} -m reg -i -- {expression}"
        case "path-pattern":
            return f"path -m reg -- {expression}"
        case _:
            header = argument(config.get("HttpHeaderName", ""))
            return f"req.fhdr({header}) -m reg -- {expression}"


def _wild(fetch: str, pattern: str, *, ignore_case: bool = False) -> str:
    match = wildcard(pattern)
    flags = f"-m {match.method}" + (" -i" if ignore_case else "")
    limit = LIMIT if match.method == "reg" else ""
    return f"{fetch} {flags} -- {limit}{match.word}"


def _query(value: Mapping[str, str]) -> str:
    """A pair anywhere in the query; without a key, any key set to the value."""
    key = value.get("Key")
    left = regex(key, "[^&=]") if key else "[^&=]*"
    return f"{LIMIT}(^|&){left}={regex(value.get('Value', ''), '[^&]')}(&|$)"


def argument(name: str) -> str:
    """Return text as an argument of a fetch or converter: quoted for both readers of it."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return word(f'"{escaped}"')


def _has_nul(value: Any) -> bool:  # noqa: ANN401 - AWS's shape
    """No request holds a NUL, so that a value with one matches none."""
    texts = value.values() if isinstance(value, Mapping) else (value,)
    return any("\0" in text for text in texts if text)
