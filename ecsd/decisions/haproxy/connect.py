"""A task's proxy as the configuration of its HAProxy.

One frontend for each name and each port that the task offers. A name's endpoints are there twice:
among those that are watched, and among all, for when every one has been put aside; a third time
where test traffic goes to them. Their weights are a deployment's shares. An endpoint that
fails five times in a row is put aside for 30 seconds. Checks by the proxy's own motion do not take
place: the one that it has coming is what brings an endpoint back. HAProxy has one coming for each
that is added, 30 seconds later: one put aside before that is back by then.
Source: ecs_semantics 6; Amazon ECS Developer Guide, Service Connect components; Envoy, outlier
detection; HAProxy 2.6 Configuration Manual, 5.2 (observe, fastinter).
"""

from collections.abc import Sequence
from hashlib import sha256

from ecsd.decisions.haproxy.backend import IDEMPOTENT, Server
from ecsd.decisions.haproxy.condition import argument
from ecsd.decisions.haproxy.config import Config, Place, global_lines, joined
from ecsd.decisions.haproxy.observation import BEGAN, Observed, times_line, times_table
from ecsd.decisions.haproxy.text import word
from ecsd.decisions.haproxy.tls import certificate_path
from ecsd.records.plan import ProxyEndpoint, ProxyName, ProxyPlan, ProxyPort

CONNECT_MS = 2000
RETRIES = 2
FAILURES, EJECTED_SECONDS = 5, 30
NEVER = "24d"  # HAProxy's longest time
LONGEST = 2_000_000  # seconds, just below that
TCP, GRPC = "tcp", "grpc"
HTTP2 = frozenset({"http2", GRPC})
GRPC_CONTENT = "^application/grpc([+;]|$)"
GRPC_REQUESTS = 1  # the key under which a port's table counts them
NEWEST = "TLSv1.3"  # Service Connect speaks nothing older
NONE_WELL = "no healthy upstream"
TOO_LATE = "upstream request timeout"


class ProxyConfig(Config):
    """A configuration whose servers may be of several kinds without another frame."""

    def frame(self) -> str:
        """Return the digest of the sections alone: a server of another kind has another name."""
        return sha256("\n".join(self.sections).encode()).hexdigest()


def compile_proxy_config(plan: ProxyPlan, place: Place) -> ProxyConfig:
    """Return the configuration of a task's proxy."""
    sections = [global_lines(place.limits), _defaults()]
    issuers = _issuers(plan, place)
    if issuers:
        sections.append(_issuer_section(next(iter(issuers))))
    servers: dict[str, dict[str, Server]] = {}
    own = {one.discovery_arn: one for one in plan.ports}
    for name in plan.names:
        key, backup, test = name_backends(name)
        sections += [_name_frontend(name, key)]
        watched, every = _servers(plan, name, own.get(name.discovery_arn), [*issuers])
        backends = {key: watched, backup: every}
        if name.test_header:
            tested = {_server_of(one) for one in name.endpoints if one.tested}
            backends[test] = {
                server: one._replace(weight=1) for server, one in every.items() if server in tested
            }
        for backend, some in backends.items():
            sections.append(_name_backend(backend, key, name, place.observed))
            servers[backend] = some
    for port in plan.ports:
        sections += _port_sections(port, place)
    certificates = {
        certificate_path(place.folder, arn): pem for arn, pem in plan.certificates.items()
    }
    return ProxyConfig(joined(sections), servers, issuers, certificates)


def name_backends(name: ProxyName) -> tuple[str, str, str]:
    """Return the backends of a name's endpoints: those watched, all, those of test traffic.

    The first one's table counts the responses of all three by how long they took.
    """
    key = f"{name.name}:{name.port}"
    return key, f"{key}-all", f"{key}-test"


def port_places(port: ProxyPort) -> tuple[str, str]:
    """Return the frontend where a port's requests come in, and the backend of its container."""
    return f"in-{port.container_port}", f"container-{port.container_port}"


def _defaults() -> tuple[str, ...]:
    return (
        "defaults",
        f"  timeout connect {CONNECT_MS}ms",
        f"  retries {RETRIES}",
        "  option redispatch 1",
        "  http-reuse safe",
        "  option idle-close-on-response",
        f"  http-error status 503 content-type text/plain string {word(NONE_WELL)}",
        f"  http-error status 504 content-type text/plain string {word(TOO_LATE)}",
    )


def _issuers(plan: ProxyPlan, place: Place) -> dict[str, str]:
    """Return path and content of the file with the authority, if there is one."""
    if not plan.authority:
        return {}
    return {f"{place.folder}/a-{_digest(plan.authority)}.pem": plan.authority}


def _issuer_section(path: str) -> tuple[str, ...]:
    """Return a backend that nobody asks: a server can only be added with a file that is loaded."""
    server = f"  server none 127.0.0.1:1 disabled ssl verify required ca-file {word(path)}"
    return ("backend issuers", server)


def _name_frontend(name: ProxyName, key: str) -> tuple[str, ...]:
    return (
        f"frontend to-{key}",
        f"  bind 127.0.0.1:{name.listener_port}",
        *_client_lines(name),
        *_test_lines(name, key),
        f"  use_backend {key}-all if {{ nbsrv({key}) eq 0 }}",
        f"  default_backend {key}",
    )


def _test_lines(name: ProxyName, key: str) -> list[str]:
    """Return what leads test traffic to its endpoints, where there are any."""
    if not name.test_header:
        return []
    header = f"req.fhdr({argument(name.test_header)})"
    wanted = "-m found" if name.test_value is None else f"-m str -- {word(name.test_value)}"
    return [f"  use_backend {key}-test if {{ {header} {wanted} }} {{ nbsrv({key}-test) gt 0 }}"]


def _name_backend(
    backend: str, key: str, name: ProxyName, observed: Observed | None
) -> tuple[str, ...]:
    lines = (f"backend {backend}", "  balance roundrobin", *_server_lines(name))
    if observed is None or name.protocol == TCP:
        return lines
    counted = [f"http-request set-var({BEGAN}) date(0,us)"]
    if backend == key:
        counted += [times_table(), times_line(observed)]
    else:
        counted.append(times_line(observed, key))
    return (*lines, *(f"  {one}" for one in counted))


def _port_sections(port: ProxyPort, place: Place) -> list[tuple[str, ...]]:
    frontend, backend = port_places(port)
    spoken = " proto h2" if port.protocol in HTTP2 else ""
    return [
        (
            f"frontend {frontend}",
            f"  bind 0.0.0.0:{port.listener_port}{_shown(port, place)}",
            *_client_lines(port),
            f"  default_backend {backend}",
        ),
        (
            f"backend {backend}",
            *_server_lines(port),
            *_grpc_lines(port, place.observed),
            f"  server app 127.0.0.1:{port.container_port}{spoken}",
        ),
    ]


def _grpc_lines(port: ProxyPort, observed: Observed | None) -> list[str]:
    """Return how requests of gRPC are told apart on a port that is said to speak it."""
    if observed is None or port.protocol != GRPC:
        return []
    return [
        "  stick-table type integer size 1 expire 1h store http_req_cnt",
        f"  http-request track-sc1 int({GRPC_REQUESTS})"
        f" if {{ req.fhdr(content-type) -m reg {word(GRPC_CONTENT)} }}",
    ]


def _shown(port: ProxyPort, place: Place) -> str:
    """Return how an encrypted port meets clients."""
    if not port.tls:
        return ""
    path = certificate_path(place.folder, port.discovery_arn)
    alpn = "" if port.protocol == TCP else f" alpn {'h2' if port.protocol in HTTP2 else 'http/1.1'}"
    return f" ssl crt {word(path)} ssl-min-ver {NEWEST}{alpn}"


def _client_lines(one: ProxyName | ProxyPort) -> list[str]:
    idle = _seconds(one.idle_timeout)
    if one.protocol == TCP:
        # Bytes count while a connection lasts, not when it is over.
        return ["  mode tcp", f"  timeout client {idle}", "  option contstats"]
    return ["  mode http", f"  timeout client {idle}", f"  timeout http-keep-alive {idle}"]


def _server_lines(one: ProxyName | ProxyPort) -> list[str]:
    """Return timeouts, and which requests are tried again on another endpoint.

    A connection that was not accepted always is; one that was lost, only where the request may be
    sent twice. An answer never is: HAProxy would not count it against its endpoint.
    """
    idle = _seconds(one.idle_timeout)
    if one.protocol == TCP:
        return ["  mode tcp", f"  timeout server {idle}", f"  timeout tunnel {idle}"]
    answer = _seconds(one.request_timeout or one.idle_timeout)
    return [
        "  mode http",
        f"  timeout server {answer}",
        f"  timeout tunnel {idle}",
        "  retry-on conn-failure empty-response",
        f"  http-request disable-l7-retry unless {{ method {IDEMPOTENT} }}",
    ]


def _servers(
    plan: ProxyPlan, name: ProxyName, own: ProxyPort | None, issuers: Sequence[str]
) -> tuple[dict[str, Server], dict[str, Server]]:
    every: dict[str, Server] = {}
    for one in name.endpoints:
        address, port = one.address, one.port
        if one.instance_id == plan.task_id and own is not None:
            # From inside, nothing is redirected: the proxy asks itself where it listens.
            address, port = "127.0.0.1", own.listener_port
        options = _options(name, one, issuers)
        every[_server_of(one)] = Server(address, port, options, used=True, weight=one.weight)
    watch = _watch(name.protocol)
    watched = {key: one._replace(options=one.options + watch) for key, one in every.items()}
    return watched, every


def _server_of(endpoint: ProxyEndpoint) -> str:
    """Return the name of an endpoint's server: it tells those of another kind apart."""
    return f"{endpoint.instance_id}-tls" if endpoint.tls else endpoint.instance_id


def _options(name: ProxyName, endpoint: ProxyEndpoint, issuers: Sequence[str]) -> str:
    http2 = name.protocol in HTTP2
    options = " proto h2" if http2 else ""
    if endpoint.tls:
        alpn = " alpn h2" if http2 else ""
        options += (
            f" ssl verify required ca-file {word(issuers[0])} ssl-min-ver {NEWEST}"
            f" verifyhost {name.server_name} sni str({name.server_name}){alpn}"
        )
    return options


def _watch(protocol: str) -> str:
    layer = "layer4" if protocol == TCP else "layer7"
    return (
        f" check inter {NEVER} fastinter {EJECTED_SECONDS}s downinter {EJECTED_SECONDS}s"
        f" rise 1 fall 1 observe {layer} error-limit {FAILURES} on-error mark-down"
    )


def _seconds(seconds: int) -> str:
    return f"{min(seconds, LONGEST)}s" if seconds else NEVER


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
