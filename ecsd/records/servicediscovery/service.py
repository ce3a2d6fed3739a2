"""Services of Cloud Map. Source: AWS Cloud Map API 2017-03-14, data type Service."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.ecs.service_connect import ConnectShares, HeaderRule
from ecsd.records.record import Part, Record
from ecsd.records.tag import Tag


class DnsRecord(Part, frozen=True, kw_only=True):
    """A kind of record that each instance gets. type: A, AAAA, SRV, CNAME; ttl: seconds."""

    type: str
    ttl: int


class InstanceCheck(Part, frozen=True, kw_only=True):
    """The health check of Route 53 that each instance gets. type: HTTP, HTTPS, TCP."""

    type: str
    resource_path: str | None = None
    failure_threshold: int = 1


class DiscoveryService(Record, frozen=True, kw_only=True):
    """A name in a namespace, and what its instances answer with.

    Without dns_records it is found by DiscoverInstances alone.
    """

    KIND: ClassVar[str] = "discovery_service"
    KEY: ClassVar[str] = "service_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("namespace_id", "ecs_service_arn")

    service_id: str
    arn: str
    name: str
    namespace_id: str
    routing_policy: str = "MULTIVALUE"  # or WEIGHTED
    dns_records: tuple[DnsRecord, ...] = ()
    has_custom_health_check: bool = False
    health_check: InstanceCheck | None = None
    description: str | None = None
    creator_request_id: str | None = None
    created_at: datetime
    instances_revision: int = 1  # grows with every registration and deregistration
    attributes: dict[str, str] = {}
    ecs_service_arn: str | None = None  # the service of ECS that Service Connect made it for
    is_encrypted: bool = False  # its instances speak TLS under the local authority
    shares: ConnectShares | None = None  # None: all its instances answer alike
    test_rule: HeaderRule | None = None
    tags: tuple[Tag, ...] = ()

    @property
    def has_health(self) -> bool:
        """Whether its instances can be unhealthy."""
        return self.has_custom_health_check or self.health_check is not None
