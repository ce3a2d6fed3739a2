r"""Lines of access logs and connection logs, as Application Load Balancers write them.

Texts of users are quoted; a quote, a backslash and all that is not printable ASCII in them is
``\xHH``: no text ends a line or a field. Source: Application Load Balancers guide, access log
entries, connection log entries.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ecsd.decisions.balancers.authenticate_checks import AUTHENTICATE, in_order
from ecsd.decisions.haproxy.listener_names import answer_prefix, asking_prefix
from ecsd.decisions.telemetry.log_place import balancer_id
from ecsd.decisions.telemetry.request_line import Told
from ecsd.records.plan import ListenerPlan, TargetGroupPlan

NONE = "-"
NOT = "-1"  # a time that was not taken
NO_RULE, DEFAULT_RULE = "-1", "0"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST = 16_384  # characters of a field that a user chose
LONGEST_MS = 10**10  # of a request
UNMAPPED = "Failed:UnmappedConnectionError"
SWITCHING = "101"


class Listened(NamedTuple):
    """A listener that lines are about.

    groups: by HAProxy's name for their backends. certificates: SHA-1 in lower case → ARN.
    """

    load_balancer_arn: str
    listener: ListenerPlan
    groups: Mapping[str, TargetGroupPlan]
    certificates: Mapping[str, str]


def access_line(told: Told, about: Listened, now: datetime) -> str:
    """Return the line of a request, without its end. now: when it was told."""
    secure = about.listener.tls is not None
    group = about.groups.get(told.text("backend"))
    target = _target(told, group)
    began, ended = _times(told, now)
    rule, actions = _rule(told, about)
    does = _executed(told, about, actions, group)
    fields = [
        _type(told, group, secure=secure),
        _iso(ended),
        balancer_id(about.load_balancer_arn),
        f"{told.text('client') or NONE}:{told.text('client_port') or NONE}",
        target,
        *_durations(told),
        told.text("status") or NONE,
        told.text("target_status") or NONE,
        str(max(0, told.number("received"))),
        str(max(0, told.number("sent"))),
        quoted(_request(told, about.listener, secure=secure)),
        quoted(told.text("user_agent")),
        told.text("cipher") or NONE,
        told.text("protocol") or NONE,
        group.target_group_arn if group else NONE,
        quoted(told.text("trace_id")),
        quoted(told.text("server_name")),
        quoted(about.certificates.get(told.text("certificate").lower(), "")),
        rule,
        _iso(began),
        quoted(",".join(does)),
        quoted(told.text("location") if "redirect" in does else ""),
        quoted(told.text("own")),
        quoted("" if target == NONE else target),
        quoted(told.text("target_status")),
        quoted(""),
        quoted(""),
        trace_of(told),
    ]
    return " ".join(fields)


def connection_line(told: Told, now: datetime) -> str:
    """Return the line of a connection, by its first request, or by the handshake that failed."""
    began, _ = _times(told, now)
    handshake = told.number("handshake_ms")
    secure = told.has("protocol")
    validity = NONE
    if told.has("client_begins") and told.has("client_ends"):
        begins, ends = _asn1(told.text("client_begins")), _asn1(told.text("client_ends"))
        validity = f"NotBefore={begins};NotAfter={ends}"
    failed = "error" in told.texts
    fields = [
        _iso(began),
        told.text("client") or NONE,
        told.text("client_port") or NONE,
        told.text("listener_port") or NONE,
        told.text("protocol") or NONE,
        told.text("cipher") or NONE,
        f"{handshake / 1000:.3f}" if secure and handshake >= 0 else NONE,
        quoted(told.text("client_subject")),
        validity,
        told.text("client_serial") or NONE,
        UNMAPPED if failed else "Success" if secure else NONE,
        trace_of(told),
    ]
    return " ".join(fields)


def quoted(text: str) -> str:
    """Return a field in quotes; nothing is ``"-"``."""
    if not text:
        return '"-"'
    return f'"{"".join(_ESCAPED.get(one, one) for one in text[:LONGEST])}"'


_ESCAPED = {chr(one): f"\\x{one:02X}" for one in (*range(0x20), 0x22, 0x5C, *range(0x7F, 0x100))}


def trace_of(told: Told) -> str:
    """Return what requests of one connection have in common."""
    one = told.text("connection").replace("-", "")
    return f"TID_{one}" if one else NONE


def _times(told: Told, now: datetime) -> tuple[datetime, datetime]:
    """Return when a request came and when it was over."""
    began = told.number("began")
    if began < 0:
        return now, now
    came = EPOCH + timedelta(microseconds=began)
    return came, came + timedelta(milliseconds=min(LONGEST_MS, max(0, told.number("total_ms"))))


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"


def _type(told: Told, group: TargetGroupPlan | None, *, secure: bool) -> str:
    if told.text("status") == SWITCHING:
        return "wss" if secure else "ws"
    if not secure:
        return "http"
    if group is not None and group.version == "GRPC":
        return "grpcs"
    return "h2" if told.text("version").startswith("HTTP/2") else "https"


def _target(told: Told, group: TargetGroupPlan | None) -> str:
    """Return the target that a request was led to; functions have no address."""
    if group is None or group.is_function or not told.has("target"):
        return NONE
    return f"{told.text('target')}:{told.text('target_port')}"


def _durations(told: Told) -> tuple[str, str, str]:
    """Return the seconds until a target had the request, until it answered, until that went on.

    HAProxy sends a response's head on at once: the last is nothing that can be measured.
    """
    connected, answered = told.number("connected_ms"), told.number("answered_ms")
    if connected < 0:
        return NOT, NOT, NOT
    until = connected + max(0, told.number("received_ms")) + max(0, told.number("queued_ms"))
    if answered < 0:
        return f"{until / 1000:.3f}", NOT, NOT
    return f"{until / 1000:.3f}", f"{answered / 1000:.3f}", "0.000"


def _request(told: Told, listener: ListenerPlan, *, secure: bool) -> str:
    scheme = "https" if secure else "http"
    host = told.text("host").partition(":")[0]
    uri = told.text("uri")
    _, is_whole, rest = uri.partition("://")
    if is_whole and not uri.startswith("/"):  # HTTP/2, or as a proxy is asked
        uri = f"/{rest.partition('/')[2]}"
    method, version = told.text("method") or NONE, told.text("version") or NONE
    return f"{method} {scheme}://{host}:{listener.port}{uri or NONE} {version}"


def _rule(told: Told, about: Listened) -> tuple[str, Sequence[Mapping[str, Any]]]:
    """Return the priority of the rule that matched, and its actions."""
    name = told.text("rule").rpartition("_")[2]
    if name == "default":
        return DEFAULT_RULE, about.listener.default_actions
    for one in about.listener.rules:
        if str(one.priority) == name:
            return name, one.actions
    return NO_RULE, ()


def _executed(
    told: Told,
    about: Listened,
    actions: Sequence[Mapping[str, Any]],
    group: TargetGroupPlan | None,
) -> list[str]:
    """Return the actions that a request came to, in their order."""
    kinds = [str(one.get("Type")) for one in in_order(actions)]
    kinds = ["authenticate" if one == AUTHENTICATE else one for one in kinds]
    backend = told.text("backend")
    arn = about.listener.listener_arn
    denied = backend.endswith("_denied")
    if backend.startswith(asking_prefix(arn)) or (
        backend.startswith(answer_prefix(arn)) and denied
    ):
        return ["authenticate"]
    if group is not None or backend.startswith(answer_prefix(arn)):
        return kinds
    return []


def _asn1(text: str) -> str:
    """Return a certificate's time (``YYMMDDhhmmssZ``) as ISO 8601 has it."""
    try:
        moment = datetime.strptime(text.rstrip("Z")[-12:], "%y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return NONE
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
