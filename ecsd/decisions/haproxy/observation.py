"""What an HAProxy counts and tells of requests, beside the counters that it always has.

A table per target group counts responses by how long the target took: the one thing that is counted
for each request. A line per request is told only where a balancer's logs are on; else only what the
balancer answered by itself, since errors are rare. Texts of users are Base64 in lines, so that a
line is made of bytes of our own. Source: HAProxy 2.6 Configuration Manual, 8.2.6 Custom log format,
11.1 stick tables, map_ip; Application Load Balancers guide, access logs, connection logs.
"""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from typing import NamedTuple

from ecsd.decisions.haproxy.text import word
from ecsd.decisions.haproxy.transform import RULE

BEGAN = "txn.began"  # microseconds since 1970 when a target group's backend got the request
STATUS = "txn.target_status"
OWN = "x-ecsd-own"  # a header of the agent's answers that come from no target: the reason
MARKED_OWN = "txn.own"
LOCATION = "txn.location"
TRACED = "txn.trace_id"
REQUEST, ERROR, HANDSHAKE = "R", "E", "H"  # how lines begin
SEPARATOR = "|"
STEPS = 32  # buckets between a power of two and the next: each is 3 % wide at most
BITS = 5
KEPT = "10m"  # for which a bucket that nobody needs any more is kept
BUCKETS = 2048  # in use at a time, of 896 that there are
LONGEST_LINE = 65535
LONGEST_URI = 8192  # bytes of a request's URI that are told

# Field of a request's line → what HAProxy writes there.
FIELDS: Mapping[str, str] = {
    "listener": "%f",
    "backend": "%b",
    "client": "%ci",
    "client_port": "%cp",
    "node": "%[dst]",
    "listener_port": "%[dst_port]",
    "target": "%si",
    "target_port": "%sp",
    "status": "%ST",
    "target_status": f"%[var({STATUS})]",
    "own": f"%[var({MARKED_OWN})]",
    "began": "%[var(txn.seen)]",
    "received_ms": "%TR",
    "queued_ms": "%Tw",
    "connected_ms": "%Tc",
    "answered_ms": "%Tr",
    "total_ms": "%Ta",
    "handshake_ms": "%Th",
    "received": "%U",
    "sent": "%B",
    "method": "%[capture.req.method,base64]",
    "uri": "%[capture.req.uri,base64]",
    "version": "%[capture.req.ver]",
    "host": "%[var(txn.seen_host),base64]",
    "user_agent": "%[var(txn.user_agent),base64]",
    "trace_id": f"%[var({TRACED}),base64]",
    "rule": f"%[var({RULE})]",
    "location": f"%[var({LOCATION}),base64]",
    "connection": "%[var(sess.connection)]",
    "first": "%[var(txn.first)]",
    "protocol": "%sslv",
    "cipher": "%sslc",
    "server_name": "%[ssl_fc_sni,base64]",
    "certificate": "%[ssl_f_sha1,hex]",
    "client_subject": "%[ssl_c_s_dn,base64]",
    "client_serial": "%[ssl_c_serial,hex]",
    "client_begins": "%[ssl_c_notbefore]",
    "client_ends": "%[ssl_c_notafter]",
}
ERROR_FIELDS = ("backend", "status", "own")
HANDSHAKE_FIELDS: Mapping[str, str] = {
    "listener": "%f",
    "client": "%ci",
    "client_port": "%cp",
    "listener_port": "%[dst_port]",
    "connection": "%[var(sess.connection)]",
    "error": "%[fc_err]",
    "tls_error": "%[ssl_fc_err]",
}


class Observed(NamedTuple):
    """Where a host's HAProxies tell what they observe.

    socket: a datagram socket that lines go to; empty: nothing tells any. buckets: the file that
    ``buckets_file`` makes.
    """

    socket: str
    buckets: str


def is_logged(attributes: Mapping[str, str]) -> bool:
    """Tell whether a balancer's requests are told one by one."""
    keys = ("access_logs.s3.enabled", "connection_logs.s3.enabled")
    return any(attributes.get(one) == "true" for one in keys)


def buckets_file() -> str:
    """Return the map from microseconds, as IPv4 addresses, to the beginning of their bucket."""
    lines = [f"{IPv4Address(number)}/32 {number}" for number in range(STEPS)]
    for power in range(BITS, 32):
        for step in range(STEPS):
            begin = (STEPS + step) << (power - BITS)
            lines.append(f"{IPv4Address(begin)}/{32 - (power - BITS)} {begin}")
    return "".join(f"{one}\n" for one in lines)


def bucket_middle(begin: int) -> float:
    """Return the microseconds that responses of a bucket took, within 1.6 %."""
    if begin < STEPS:
        return float(begin)
    return begin + (1 << (begin.bit_length() - 1 - BITS)) / 2


def log_lines(observed: Observed | None, *, logged: bool) -> list[str]:
    """Return where and how a listener tells."""
    if observed is None:
        return []
    names = FIELDS if logged else ERROR_FIELDS
    kind = REQUEST if logged else ERROR
    handshake = _format(HANDSHAKE, [*HANDSHAKE_FIELDS.values()])
    return [
        f"log {word(observed.socket)} len {LONGEST_LINE} format raw local0",
        "option dontlognull",
        f"log-format {_format(kind, [FIELDS[one] for one in names])}",
        f"error-log-format {handshake}",
    ]


def seen_lines(*, logged: bool) -> list[str]:
    """Return how a request's parts are noted before anything is changed in it."""
    if not logged:
        return []
    return [
        "tcp-request connection set-var(sess.connection) uuid()",
        "http-request set-var(txn.seen) date(0,us)",
        "http-request set-var(txn.first) int(1) if !{ var(sess.seen) -m found }",
        "http-request set-var(sess.seen) int(1)",
        "http-request set-var(txn.seen_host) req.hdr(host)",
        "http-request set-var(txn.user_agent) req.fhdr(user-agent)",
    ]


def traced_lines(*, logged: bool) -> list[str]:
    """Return how the trace header is noted that a target gets."""
    noted = f"http-request set-var({TRACED}) req.hdr(x-amzn-trace-id)"
    return [noted] if logged else []


def answer_lines(observed: Observed | None, *, logged: bool) -> list[str]:
    """Return what a backend says in which the balancer answers as a rule tells it to."""
    if observed is None:
        return []
    if logged:
        return [f"http-after-response set-var({LOCATION}) res.hdr(location)"]
    return ["http-request set-log-level silent"]


def target_lines(observed: Observed | None, *, logged: bool) -> list[str]:
    """Return how a target group's responses are counted, and told where they are."""
    if observed is None:
        return []
    told = f"set-var({STATUS}) status" if logged else "set-log-level silent"
    return [times_table(), times_line(observed), f"http-response {told}"]


def times_table() -> str:
    """Return the table of a backend's responses by how long the target took."""
    return f"stick-table type integer size {BUCKETS} expire {KEPT} store http_req_cnt"


def times_line(observed: Observed, table: str = "") -> str:
    """Return how a response is counted, in another backend's table where one is named."""
    took = f"date(0,us),sub({BEGAN}),map_ip({word(observed.buckets)})"
    return f"http-response track-sc2 {took}{f' table {table}' if table else ''}"


def agent_answer_lines(observed: Observed | None, *, logged: bool) -> list[str]:
    """Return how answers of the agent are told: a function's like a target's, its own as such."""
    own = f"{{ var({MARKED_OWN}) -m found }}"
    marked = [
        f"http-response set-var({MARKED_OWN}) res.hdr({OWN})",
        f"http-response del-header {OWN}",
    ]
    if observed is None:
        return marked[1:]
    told = f"set-var({STATUS}) status" if logged else "set-log-level silent"
    return [*marked, f"http-response {told} if !{own}"]


def _format(kind: str, fields: Sequence[str]) -> str:
    return word(SEPARATOR.join([kind, *fields]))
