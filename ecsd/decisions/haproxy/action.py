"""Actions of listeners, as HAProxy backends and the choice between them.

Redirects and fixed responses are backends of their own, so that ``use_backend`` lines alone decide
in priority order, at no cost for the rules that do not match. Source: ecs_semantics 5.3.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ecsd.decisions.balancers.authenticate_checks import AUTHENTICATE, in_order
from ecsd.decisions.haproxy.condition import HOST
from ecsd.decisions.haproxy.text import format_literal, url_literal, word
from ecsd.errors import BalancerError

SERVED = "hdr server awselb/2.0 hdr date %[date,http_date]"
STICKY = "AWSALBTG"
UNAUTHORIZED = "401 Authorization Required"
PLACEHOLDERS = {
    "#{host}": f"%[{HOST}]",
    "#{path}": "%[path,bytes(1)]",
    "#{query}": "%[query]",
}


class Share(NamedTuple):
    """One target group of a forward action."""

    target_group_arn: str
    weight: int


class Forward(NamedTuple):
    """A forward action. sticky: seconds for which a client keeps its group; 0: it does not."""

    shares: tuple[Share, ...]
    sticky: int = 0


class Answer(NamedTuple):
    """An action that the balancer answers by itself: the lines of its backend."""

    lines: tuple[str, ...]


def compile_action(
    actions: Sequence[Mapping[str, Any]], protocol: str, port: int
) -> Forward | Answer:
    """Return what a rule's actions come to on a listener's protocol (HTTP, HTTPS) and port.

    Raises:
        BalancerError: an action that this balancer cannot carry out.
    """
    *before, action = in_order(actions) or [{}]
    known = all(one.get("Type") == AUTHENTICATE for one in before)  # that is the listener's to do
    match str(action.get("Type")) if known else "":
        case "forward":
            return _forward(action)
        case "redirect":
            return _redirect(action.get("RedirectConfig") or {}, protocol, port)
        case "fixed-response":
            return _fixed(action.get("FixedResponseConfig") or {})
        case _:
            pass
    raise BalancerError(f"a rule's actions cannot be carried out: {[*map(dict, actions)]}")


def page(title: str) -> str:
    """Return the small HTML page of a load balancer's error, such as ``502 Bad Gateway``."""
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    )


def answer(status: int, content_type: str, body: str, headers: str = SERVED) -> str:
    """Return the rule that answers every request; an empty body has no type."""
    content = f"content-type {word(content_type)} string {word(body)} " if body else ""
    return f"http-request return status {status} {content}{headers}"


def _forward(action: Mapping[str, Any]) -> Forward:
    config = action.get("ForwardConfig") or {}
    groups = config.get("TargetGroups") or [{"TargetGroupArn": action.get("TargetGroupArn")}]
    shares = []
    for one in groups:
        weight = one.get("Weight")
        shares.append(Share(one["TargetGroupArn"], 1 if weight is None else int(weight)))
    stickiness = config.get("TargetGroupStickinessConfig") or {}
    seconds = int(stickiness.get("DurationSeconds") or 0) if stickiness.get("Enabled") else 0
    return Forward(tuple(shares), seconds if len(shares) > 1 else 0)


def _fixed(config: Mapping[str, Any]) -> Answer:
    kind = config.get("ContentType") or "text/plain"
    return Answer((answer(int(config["StatusCode"]), kind, config.get("MessageBody") or ""),))


def _redirect(config: Mapping[str, Any], own_protocol: str, port: int) -> Answer:
    """The new location; a query only where the old request or the template has one."""
    status = int(config["StatusCode"].removeprefix("HTTP_"))
    places = PLACEHOLDERS | {"#{protocol}": own_protocol.lower(), "#{port}": str(port)}
    protocol = (config.get("Protocol") or "#{protocol}").lower()
    parts = (
        _filled(protocol, places),
        "://",
        _filled(config.get("Host") or "#{host}", places),
        ":",
        _filled(config.get("Port") or "#{port}", places),
        _filled(config.get("Path") or "/#{path}", places),
    )
    place = "".join(parts)
    query = _filled(_given(config, "Query", "#{query}"), places)
    title = "301 Moved Permanently" if status == 301 else "302 Found"  # noqa: PLR2004

    def redirect(location: str) -> str:
        headers = f"hdr location {word(location)} {SERVED}"
        return answer(status, "text/html", page(title), headers)

    if query == "%[query]":
        return Answer((f"{redirect(f'{place}?{query}')} if {{ query -m found }}", redirect(place)))
    return Answer((redirect(f"{place}?{query}" if query else place),))


def _given(config: Mapping[str, Any], member: str, default: str) -> str:
    value = config.get(member)
    return default if value is None else str(value)


def _filled(template: str, places: Mapping[str, str]) -> str:
    """Return a log format in which the placeholders stand for the request's parts."""
    out = []
    rest = template
    while rest:
        begin = rest.find("#{")
        found = next((one for one in places if begin >= 0 and rest.startswith(one, begin)), None)
        if found is None:
            end = begin + 2 if begin >= 0 else len(rest)
            out.append(format_literal(url_literal(rest[:end])))
        else:
            end = begin + len(found)
            out += [format_literal(url_literal(rest[:begin])), places[found]]
        rest = rest[end:]
    return "".join(out)
