"""Which rule of a listener a request meets, told without a balancer: for whoever asks why.

HAProxy's configuration says the same in its own words (``haproxy_condition``); both are held
against the same rows of tests.
Source: ecs_semantics 5.3.
"""

import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Any, NamedTuple

from ecsd.decisions.balancers.condition_checks import CONFIGS, condition_regexes, condition_values
from ecsd.decisions.balancers.wildcard import regex


class Asked(NamedTuple):
    """A request. host: without port; query: as sent; source: the client's IPv4 address, if known.

    headers: name in lower case → value.
    """

    host: str
    path: str
    query: str = ""
    method: str = "GET"
    source: str | None = None
    headers: Mapping[str, str] = {}


def meets(conditions: Sequence[Mapping[str, Any]], asked: Asked) -> bool:
    """Tell whether a request meets every condition of a rule."""
    return all(_meets(one, asked) for one in conditions)


def _meets(condition: Mapping[str, Any], asked: Asked) -> bool:
    field = condition["Field"]
    values, regexes = condition_values(condition), condition_regexes(condition)
    match field:
        case "host-header":
            return _text(asked.host, values, regexes, re.IGNORECASE, re.IGNORECASE)
        case "path-pattern":
            return _text(asked.path, values, regexes)
        case "http-header":
            name = (condition.get(CONFIGS[field]) or {}).get("HttpHeaderName", "")
            header = asked.headers.get(name.lower())
            return header is not None and _text(header, values, regexes, re.IGNORECASE)
        case "http-request-method":
            return asked.method in values
        case "query-string":
            return any(re.search(_query(one), asked.query, re.IGNORECASE) for one in values)
        case _:
            return asked.source is not None and any(
                IPv4Address(asked.source) in IPv4Network(one) for one in values
            )


def _text(
    text: str,
    values: Sequence[str],
    regexes: Sequence[str],
    flags: int = 0,
    regex_flags: int = 0,
) -> bool:
    """Tell whether a pattern fits as a whole, or an expression anywhere."""
    if any(re.fullmatch(regex(one, "."), text, flags | re.DOTALL) for one in values):
        return True
    return any(_expression(one, regex_flags).search(text) for one in regexes)


def _expression(pattern: str, flags: int) -> re.Pattern[str]:
    """Return an expression that ``rule_regex`` has let through, in Python's spelling.

    Unlike the balancer, Python does not give up one that tries for long: not for servers.
    """
    return re.compile(pattern.replace(r"\z", r"\Z").replace("(?<", "(?P<"), flags | re.ASCII)


def _query(value: Mapping[str, str]) -> str:
    key = value.get("Key")
    left = regex(key, "[^&=]") if key else "[^&=]*"
    return f"(^|&){left}={regex(value.get('Value', ''), '[^&]')}(&|$)"
