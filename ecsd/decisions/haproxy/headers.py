"""What a load balancer does to every request's headers, as HAProxy rules.

Source: Application Load Balancers guide, X-Forwarded headers, request tracing, host header
preservation; ecs_semantics 5.3.
"""

from collections.abc import Mapping

from ecsd.decisions.balancers.balancer_attributes import SECURE_LISTENER, effective
from ecsd.decisions.haproxy.text import word
from ecsd.records.plan import BalancerPlan, ListenerPlan, TlsPlan

FORWARDED_FOR = "X-Forwarded-For"
TRACE = "X-Amzn-Trace-Id"
SEEN = "req.hdr(x-amzn-trace-id)"
RANDOM = "%[rand,hex,bytes(8,8),lower]"  # 8 hexadecimal digits
ID = f"1-%[date,hex,bytes(8,8),lower]-{RANDOM}{RANDOM}{RANDOM}"
SHOWN = "txn.client_certificate"
VALIDITY = "sess.client_validity"
CLIENT_CERTIFICATE = "routing.http.request.x_amzn_mtls_clientcert{}.header_name"
OF_VERIFIED = ("_serial_number", "_issuer", "_subject", "_validity", "_leaf")
# A Validity inside a certificate's hexadecimal DER: two times, of 13 characters (UTCTime) or 15.
# ``ssl_c_notafter`` knows no year but 20xx. Source: RFC 5280, 4.1.2.5; ITU-T X.690.
TIME = "(?:170D(?:3[0-9]){12}|180F(?:3[0-9]){14})5A"
VALIDITY_STEPS = (
    (f"^(?:..)*?30(?:1E|20|22)({TIME}{TIME}).*$", "\\1"),
    ("3([0-9])", "\\1"),  # characters that are digits
    ("170D(?=[0-4])", "20"),
    ("170D", "19"),
    ("180F", ""),
    (
        "([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})5A",
        "\\1-\\2-\\3T\\4:\\5:\\6Z;",
    ),
    ("^([^;]*);([^;]*);$", "NotBefore=\\1;NotAfter=\\2"),
)
PORTS = {"http": 80, "https": 443}  # that a Host header leaves out
TLS = "routing.http.x_amzn_tls_version_and_cipher_suite.enabled"


def request_lines(attributes: Mapping[str, str], listener: ListenerPlan) -> list[str]:
    """Return the rules for a listener, by the load balancer's attributes and its own."""
    protocol, port = listener.protocol.lower(), listener.port
    lines = []
    if attributes.get("routing.http.drop_invalid_header_fields.enabled") == "true":
        lines.append("http-request del-header [^-A-Za-z0-9] -m reg")
    lines += _forwarded_for(attributes)
    kept = attributes.get("routing.http.preserve_host_header.enabled") == "true"
    if not kept and port != PORTS[protocol]:
        with_port = word(f"%[req.hdr(host)]:{port}")
        bare = "{ req.hdr(host) -m found } !{ req.hdr(host) -m sub : }"
        lines.append(f"http-request set-header Host {with_port} if {bare}")
    return [
        *lines,
        f"http-request set-header X-Forwarded-Proto {protocol}",
        f"http-request set-header X-Forwarded-Port {port}",
        *(_tls(listener) if protocol == "https" and attributes.get(TLS) == "true" else []),
        *_clients(listener),
        *_trace(),
    ]


def _tls(listener: ListenerPlan) -> list[str]:
    """What was negotiated with the client, in OpenSSL's names; the listener may rename both."""
    names = effective(SECURE_LISTENER, listener.attributes)
    return [
        f"http-request set-header {word(names[key])} %[{fetch}]"
        for key, fetch in (
            ("routing.http.request.x_amzn_tls_version.header_name", "ssl_fc_protocol"),
            ("routing.http.request.x_amzn_tls_cipher_suite.header_name", "ssl_fc_cipher"),
        )
    ]


def tells_of_clients(plan: BalancerPlan) -> bool:
    """Tell whether a listener of a balancer tells targets of clients' certificates."""
    return any(one.tls and _asks(one.tls) for one in plan.listeners)


def _asks(tls: TlsPlan) -> bool:
    return tls.asks_clients or bool(tls.trust_store)


def _clients(listener: ListenerPlan) -> list[str]:
    """What targets are told of clients' certificates, which nobody but the balancer tells them."""
    tls, values = listener.tls, effective(SECURE_LISTENER, listener.attributes)
    if tls is None or not _asks(tls):
        return []
    names = {part: word(values[CLIENT_CERTIFICATE.format(part)]) for part in ("", *OF_VERIFIED)}
    lines = [f"http-request del-header {one}" for one in dict.fromkeys(names.values())]
    if not tls.trust_store:
        return lines + _certificate(names[""])
    steps = ",".join(word(f'regsub("{old}","{new}",g)') for old, new in VALIDITY_STEPS)
    told = {
        "_serial_number": "ssl_c_serial,hex",
        "_issuer": "ssl_c_i_dn(,0,rfc2253)",
        "_subject": "ssl_c_s_dn(,0,rfc2253)",
        "_validity": f"var({VALIDITY})",
    }
    first = f"if !{{ var({VALIDITY}) -m found }}"  # request of a connection
    return [
        *lines,
        f"http-request set-var({VALIDITY}) ssl_c_der,hex,{steps} {first}",
        *(f"http-request set-header {names[part]} %[{fetch}]" for part, fetch in told.items()),
        *_certificate(names["_leaf"]),
    ]


def _certificate(name: str) -> list[str]:
    """The certificate that a client has shown, as PEM in which only ``+=/`` are not encoded."""
    lines = word('regsub("(.{64})(?=.)","\\1%0A",g)')
    pem = f"-----BEGIN%%20CERTIFICATE-----%%0A%[var({SHOWN})]%%0A-----END%%20CERTIFICATE-----%%0A"
    return [
        f"http-request set-var({SHOWN}) ssl_c_der,base64,{lines} if {{ ssl_c_used }}",
        f"http-request set-header {name} {word(pem)} if {{ var({SHOWN}) -m found }}",
    ]


def _forwarded_for(attributes: Mapping[str, str]) -> list[str]:
    """Append the client, leave the header alone, or take it away."""
    client = "%[src]"
    if attributes.get("routing.http.xff_client_port.enabled") == "true":
        client = "%[src]:%[src_port]"
    mode = attributes.get("routing.http.xff_header_processing.mode", "append")
    if mode == "remove":
        return [f"http-request del-header {FORWARDED_FOR}"]
    if mode == "preserve":
        return []
    several, one = (f"{{ req.fhdr_cnt(x-forwarded-for) {test} }}" for test in ("gt 1", "eq 1"))
    together = word(f"%[req.fhdr(x-forwarded-for)], {client}")
    none = "!{ req.fhdr(x-forwarded-for) -m found }"
    return [
        f"http-request add-header {FORWARDED_FOR} {word(client)} if {several}",
        f"http-request set-header {FORWARDED_FOR} {together} if {one}",
        f"http-request set-header {FORWARDED_FOR} {word(client)} if {none}",
    ]


def _trace() -> list[str]:
    """A Root for a request without one; a Self before a Root that came with the request."""
    found, rooted = f"{{ {SEEN} -m found }}", f"{{ {SEEN} -m sub -i root= }}"
    without_self = word(f'{SEEN},regsub("Self=[^;]*;?",,gi)')
    old = "%[var(txn.trace)]"
    return [
        f"http-request set-var(txn.trace) {without_self} if {found}",
        f"http-request set-header {TRACE} {word(f'Self={ID};{old}')} if {found} {rooted}",
        f"http-request set-header {TRACE} {word(f'Root={ID};{old}')} if {found} !{rooted}",
        f"http-request set-header {TRACE} {word(f'Root={ID}')} if !{found}",
    ]


def life_lines(seconds: int) -> list[str]:
    """Return how a client's connection ends with the first answer after its longest life."""
    old = f"{{ date,sub(sess.began) ge {seconds} }}"
    return [
        "tcp-request connection set-var(sess.began) date",
        f"http-after-response set-header Connection close if {old}",
    ]
