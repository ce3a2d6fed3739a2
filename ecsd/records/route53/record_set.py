"""Records of hosted zones. Source: Amazon Route 53 API 2013-04-01, data type ResourceRecordSet."""

from typing import ClassVar

from ecsd.records.record import Part, Record


class AliasTarget(Part, frozen=True, kw_only=True):
    """What an alias answers for. dns_name: as given, with its final dot."""

    hosted_zone_id: str
    dns_name: str
    evaluate_target_health: bool


class RecordSet(Record, frozen=True, kw_only=True):
    """What a name answers with: values or an alias; simple, weighted, failover or multivalue."""

    KIND: ClassVar[str] = "record_set"
    KEY: ClassVar[str] = "place"
    INDEXES: ClassVar[tuple[str, ...]] = ("zone_id", "alias_name", "health_check_id")

    place: str  # <zone id>|<name>|<type>|<set identifier>: see decisions/dns/record_set.py
    zone_id: str
    name: str  # lower case, with its final dot: see decisions/dns/domain_name.py
    type: str
    ttl: int | None = None  # seconds; None: an alias
    values: tuple[str, ...] = ()
    alias: AliasTarget | None = None
    set_identifier: str | None = None
    weight: int | None = None  # 0 to 255, of weighted routing
    failover: str | None = None  # PRIMARY, SECONDARY, of failover routing
    multivalue: bool = False
    health_check_id: str | None = None

    @property
    def alias_name(self) -> str | None:
        """What it is an alias of, as load balancers are called: lower case, no final dot."""
        if self.alias is None:
            return None
        return self.alias.dns_name.lower().removesuffix(".").removeprefix("dualstack.")
