"""What a service offers and reaches by Service Connect.

Source: Amazon ECS API Reference, ServiceConnectConfiguration; ecs_semantics 6.
"""

from ecsd.records.record import Part


class ConnectPort(Part, frozen=True, kw_only=True):
    """A port that others reach by name. Seconds; 0: no limit.

    ingress_port: where the proxy listens instead of on the container's port.
    """

    port_name: str
    discovery_name: str
    discovery_arn: str = ""  # its service in Cloud Map; empty before there is one
    container_port: int
    ingress_port: int | None = None
    protocol: str  # http, http2, grpc, tcp
    idle_timeout: int
    request_timeout: int = 0
    alias_name: str | None = None  # what clients call it; None: no client can
    alias_port: int | None = None
    tls: bool = False


class ConnectName(Part, frozen=True, kw_only=True):
    """A name and port that a client reaches a service by. Seconds; 0: no limit."""

    discovery_arn: str
    name: str
    port: int
    protocol: str
    idle_timeout: int
    request_timeout: int = 0


class ServiceConnect(Part, frozen=True, kw_only=True):
    """A revision's part in a namespace.

    names: all that the namespace offered when its deployment began, its own among them; tasks of
    the revision know no others.
    """

    namespace_id: str
    log_options: dict[str, str] | None = None  # of awslogs, for what proxies say
    ports: tuple[ConnectPort, ...] = ()
    names: tuple[ConnectName, ...] = ()
