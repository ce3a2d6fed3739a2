"""What must always hold between hosted zones, their records and the VPCs that ask them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ecsd.decisions.dns.change_batch import contradictions
from ecsd.decisions.dns.record_set import place, problems
from ecsd.decisions.invariants.finding import Finding, fatal
from ecsd.records.route53.hosted_zone import HostedZone
from ecsd.records.route53.record_set import RecordSet


class Zones(NamedTuple):
    """Every hosted zone of one account, and their records."""

    zones: Sequence[HostedZone] = ()
    record_sets: Sequence[RecordSet] = ()


def check_zones(zones: Zones) -> Iterator[Finding]:
    """Yield what contradicts itself in one account."""
    asked: dict[tuple[str, str], str] = {}
    for zone in zones.zones:
        if zone.private != bool(zone.vpcs):
            yield fatal(zone.zone_id, "is private without a VPC, or public with one")
        for vpc_id in zone.vpc_ids:
            other = asked.setdefault((vpc_id, zone.name), zone.zone_id)
            if other != zone.zone_id:
                yield fatal(zone.zone_id, f"is asked by {vpc_id}, which asks {other} for its name")
    yield from _record_sets(zones)


def _record_sets(zones: Zones) -> Iterator[Finding]:
    known = {one.zone_id: one for one in zones.zones}
    own: dict[str, dict[str, RecordSet]] = {one: {} for one in known}
    for one in zones.record_sets:
        if one.zone_id not in known:
            yield fatal(one.place, "is a record of no zone")
            continue
        own[one.zone_id][one.place] = one
        if one.place != place(one.zone_id, one.name, one.type, one.set_identifier):
            yield fatal(one.place, "is kept under another record's key")
        for words in problems(one, known[one.zone_id]):
            yield fatal(one.place, words)
    for zone_id, record_sets in own.items():
        names = {one.name for one in record_sets.values()}
        for words in contradictions(known[zone_id], record_sets, names):
            yield fatal(zone_id, words)
