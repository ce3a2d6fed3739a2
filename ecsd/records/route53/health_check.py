"""Health checks of Route 53. Source: Amazon Route 53 API 2013-04-01, data type HealthCheck."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Part, Record
from ecsd.records.tag import Tag


class HealthCheckConfig(Part, frozen=True, kw_only=True):
    """What is checked. Members that its type has no use for are None, or at their defaults."""

    type: str  # HTTP, HTTPS, HTTP_STR_MATCH, HTTPS_STR_MATCH, TCP, CALCULATED
    ip_address: str | None = None
    port: int | None = None
    fully_qualified_domain_name: str | None = None
    resource_path: str | None = None
    search_string: str | None = None
    request_interval: int | None = None  # seconds
    failure_threshold: int | None = None
    measure_latency: bool = False
    enable_sni: bool = False
    regions: tuple[str, ...] = ()
    inverted: bool = False
    disabled: bool = False
    health_threshold: int | None = None  # of CALCULATED
    child_health_checks: tuple[str, ...] = ()  # likewise


class CheckSeen(Part, frozen=True, kw_only=True):
    """How a check went. checker: the address that it came from; empty: it did not get that far."""

    words: str
    at: datetime
    checker: str = ""


class HealthCheck(Record, frozen=True, kw_only=True):
    """An endpoint that is asked, or others' states summed up. Kept in the account's own scope.

    healthy: what the endpoint's checks have come to; None: too few yet. linked_instance: the
    instance of Cloud Map that it was made for, as ``<region>|<service id>|<instance id>``.
    """

    KIND: ClassVar[str] = "health_check"
    KEY: ClassVar[str] = "health_check_id"
    INDEXES: ClassVar[tuple[str, ...]] = (
        "caller_reference",
        "children",
        "named_endpoint",
        "linked_instance",
    )

    health_check_id: str
    caller_reference: str
    config: HealthCheckConfig
    version: int = 1
    healthy: bool | None = None
    last: CheckSeen | None = None
    last_failure: CheckSeen | None = None
    linked_instance: str | None = None
    linked_service: str = ""  # the name of that instance's service
    created_at: datetime
    tags: tuple[Tag, ...] = ()

    @property
    def children(self) -> tuple[str, ...]:
        """The checks that it sums up."""
        return self.config.child_health_checks

    @property
    def named_endpoint(self) -> str | None:
        """The name that is asked, lower case, without final dot; None: an address is."""
        name = self.config.fully_qualified_domain_name
        if name is None or self.config.ip_address is not None:
            return None
        return name.lower().removesuffix(".")


class HealthCheckReference(Record, frozen=True, kw_only=True):
    """The CallerReference of a check that was deleted: for a while nobody may use it again."""

    KIND: ClassVar[str] = "health_check_reference"
    KEY: ClassVar[str] = "caller_reference"

    caller_reference: str
    expires_at: datetime
