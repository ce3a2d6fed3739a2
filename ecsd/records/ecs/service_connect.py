"""What a service offers and reaches by Service Connect.

Source: Amazon ECS API Reference, ServiceConnectConfiguration; ecs_semantics 6.
"""

from ecsd.records.record import Part


class HeaderRule(Part, frozen=True, kw_only=True):
    """Which requests are test traffic: those that have the header, with exactly this value."""

    header: str
    value: str | None = None  # None: any


class ConnectShares(Part, frozen=True, kw_only=True):
    """Who answers to a service's names while a deployment shifts traffic.

    percents: deployment id → percent of production traffic, together 100; others get none of it.
    tested: the deployment that test traffic goes to; None: there is no test.
    """

    percents: dict[str, float]
    tested: str | None = None


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
    test_rule: HeaderRule | None = None  # None: it knows no test traffic, as TCP does not


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
