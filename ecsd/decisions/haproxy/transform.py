r"""Transforms of listener rules, as HAProxy rules of the group that a request goes to.

There, since a rewritten request must not be judged by another rule's conditions: the listener only
notes which rule has matched. Source: Application Load Balancers guide, transforms for listener
rules: no match leaves the request as it was; a result that is no host or URL is a 500.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ecsd.decisions.balancers.rule_regex import LIMIT, replacement_parts
from ecsd.decisions.balancers.rule_transforms import rewrite_of
from ecsd.decisions.haproxy.condition import HOST, argument
from ecsd.decisions.haproxy.text import word

RULE = "txn.rule"
NEW_HOST, NEW_URL, PORT = "txn.new_host", "txn.new_url", "txn.host_port"


def transform_lines(mark: str, transforms: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what happens to a request that bears a rule's mark."""
    lines = []
    for transform in transforms:
        if transform["Type"] == "host-header-rewrite":
            lines += _rewritten(mark, HOST, NEW_HOST, transform, "^[A-Za-z0-9._:-]+$")
            lines += _host()
        else:
            lines += _rewritten(mark, "pathq", NEW_URL, transform, "^/[!-~]*$")
            lines.append(f"http-request set-pathq %[var({NEW_URL})] if {_found(NEW_URL)}")
    return lines


def _rewritten(
    mark: str, fetch: str, result: str, transform: Mapping[str, Any], form: str
) -> list[str]:
    """Put what becomes of a text into a variable, where the expression finds its match."""
    rewrite = rewrite_of(transform)
    regex = LIMIT + rewrite["Regex"]
    replaced = f"regsub({argument(regex)},{argument(_substitute(rewrite['Replace']))})"
    applies = f"{{ var({RULE}) -m str -- {word(mark)} }} {{ {fetch} -m reg -- {word(regex)} }}"
    bad = f"!{{ var({result}) -m reg -- {word(form)} }}"
    return [
        f"http-request set-var({result}) {fetch},{replaced} if {applies}",
        f"http-request deny deny_status 500 if {_found(result)} {bad}",
    ]


def _host() -> list[str]:
    """A port stays as it was, where the new host names none."""
    change = f"http-request set-header Host %[var({NEW_HOST})]"
    own_port = f"{{ var({NEW_HOST}) -m sub : }}"
    found = _found(NEW_HOST)
    port = argument("^[^:]*")
    return [
        f'http-request set-var({PORT}) req.hdr(host),regsub({port},"") if {found} !{own_port}',
        f"{change}%[var({PORT})] if {found} !{own_port}",
        f"{change} if {found} {own_port}",
    ]


def _found(variable: str) -> str:
    return f"{{ var({variable}) -m found }}"


def _substitute(replacement: str) -> str:
    """Return a replacement as ``regsub`` reads it: a group by its number, anything else literal."""
    return "".join(
        f"\\{part}" if isinstance(part, int) else part.replace("\\", "\\\\")
        for part in replacement_parts(replacement)
    )
