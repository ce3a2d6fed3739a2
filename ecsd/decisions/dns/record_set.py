"""Record sets: how each is called, in which order they are listed, what is wrong with one.

Source: Route 53 API Reference, ListResourceRecordSets, ResourceRecordSet; Route 53 Developer
Guide, values for records, quotas.
"""

from collections.abc import Iterator

from ecsd.decisions.dns.domain_name import NameProblem, canonical, is_within, order
from ecsd.decisions.dns.record_value import TYPES, packed
from ecsd.records.route53.hosted_zone import HostedZone
from ecsd.records.route53.record_set import RecordSet

MOST_VALUES = 400  # of a record set
ALIAS_TYPES = TYPES - {"NS", "SOA"}


def place(zone_id: str, name: str, kind: str, set_identifier: str | None = None) -> str:
    """Return a record set's key. name: as stored."""
    return f"{zone_id}|{name}|{kind}|{set_identifier or ''}"


def rank(record_set: RecordSet) -> tuple[str, str, str]:
    """Return what record sets are listed by: labels reversed, type, set identifier."""
    return order(record_set.name), record_set.type, record_set.set_identifier or ""


def alias_in_zone(record_set: RecordSet) -> str:
    """Return the stored name that an alias within its own zone leads to; empty for none."""
    return canonical(record_set.alias.dns_name) if record_set.alias else ""


def problems(record_set: RecordSet, zone: HostedZone) -> Iterator[str]:
    """Yield what is wrong with a record set by itself, in Route 53's words."""
    name, kind = record_set.name, record_set.type
    if isinstance(name, NameProblem):
        yield str(name)
        return
    if not is_within(name, zone.name):
        yield f"RRSet with DNS name {name} is not permitted in zone {zone.name}"
        return
    if kind not in TYPES:
        yield f"RRSet with DNS name {name}, type {kind}: the type is not supported by ecsd yet"
        return
    if name == zone.name and kind == "CNAME":
        yield (
            f"RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone.name}"
        )
    if name != zone.name and kind == "SOA":
        yield f"RRSet of type SOA with DNS name {name} is not permitted in zone {zone.name}"
    if record_set.alias is not None and kind not in ALIAS_TYPES:
        yield f"RRSet with DNS name {name}, type {kind}: an alias cannot be of this type"
    yield from _wrong_values(record_set)


def _wrong_values(record_set: RecordSet) -> Iterator[str]:
    name, kind, values = record_set.name, record_set.type, record_set.values
    if len(values) > MOST_VALUES:
        yield f"RRSet with DNS name {name}, type {kind} has more than {MOST_VALUES} values"
    if len(set(values)) < len(values):
        yield f"Duplicate Resource Record: '{next(one for one in values if values.count(one) > 1)}'"
    if kind in {"CNAME", "SOA"} and len(values) > 1:
        yield f"RRSet of type {kind} with DNS name {name} must have exactly one value"
    for value in values:
        content = packed(kind, value)
        if isinstance(content, NameProblem):
            yield f"Invalid Resource Record: '{content}'"
