"""Conditions of listener rules, as HAProxy ACLs: AND between conditions, OR inside one.

Source: ecs_semantics 5.3: hosts, header values and queries are compared without regard to case,
paths and methods with; a query is compared as it was sent, percent-encoding included.
"""

from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from ecsd.decisions.haproxy_text import regex, wildcard, word
from ecsd.errors import BalancerError

HOST = "req.hdr(host),field(1,:)"
CONFIGS = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-header": "HttpHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "query-string": "QueryStringConfig",
    "source-ip": "SourceIpConfig",
}


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
    if field not in CONFIGS or config.get("RegexValues") or condition.get("RegexValues"):
        raise BalancerError(f"a rule's '{field}' condition cannot be enforced: {dict(condition)}")
    values = config.get("Values") or condition.get("Values") or ()
    tests = [_test(field, config, value) for value in values if not _has_nul(value)]
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


def _wild(fetch: str, pattern: str, *, ignore_case: bool = False) -> str:
    match = wildcard(pattern)
    flags = f"-m {match.method}" + (" -i" if ignore_case else "")
    return f"{fetch} {flags} -- {match.word}"


def _query(value: Mapping[str, str]) -> str:
    """A pair anywhere in the query; without a key, any key set to the value."""
    key = value.get("Key")
    left = regex(key, "[^&=]") if key else "[^&=]*"
    return f"(^|&){left}={regex(value.get('Value', ''), '[^&]')}(&|$)"


def argument(name: str) -> str:
    """Return a header's or cookie's name as a fetch's argument: quoted for both readers of it."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return word(f'"{escaped}"')


def _has_nul(value: Any) -> bool:  # noqa: ANN401 - AWS's shape
    """No request holds a NUL, so that a value with one matches none."""
    texts = value.values() if isinstance(value, Mapping) else (value,)
    return any("\0" in text for text in texts if text)
