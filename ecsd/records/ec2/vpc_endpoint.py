"""VPC endpoints. Source: Amazon EC2 API Reference, VpcEndpoint."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record
from ecsd.records.tag import Tag

GATEWAY, INTERFACE = "Gateway", "Interface"


class VpcEndpoint(Record, frozen=True, kw_only=True):
    """A way from a VPC to a service of AWS.

    Its route tables are those with a route to it, its subnets those of its network interfaces.
    It is available once its certificate is there.
    """

    KIND: ClassVar[str] = "vpc_endpoint"
    KEY: ClassVar[str] = "vpc_endpoint_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id", "group_ids")

    vpc_endpoint_id: str
    vpc_id: str
    service_name: str  # com.amazonaws.REGION.SERVICE
    endpoint_type: str  # Gateway, Interface
    mark: str = ""  # what its DNS names hold beside its id
    policy: str = ""  # JSON; "": full access
    group_ids: tuple[str, ...] = ()
    private_dns: bool = False
    client_token: str | None = None  # of the request that made it
    created_at: datetime
    tags: tuple[Tag, ...] = ()


class EndpointCertificate(Record, frozen=True, kw_only=True):
    """What a VPC endpoint shows to those who speak TLS to it."""

    KIND: ClassVar[str] = "endpoint_certificate"
    KEY: ClassVar[str] = "vpc_endpoint_id"

    vpc_endpoint_id: str
    body: str  # PEM
    chain: str  # PEM: its issuer
    sealed_key: str
    issued_at: datetime
