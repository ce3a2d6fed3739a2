"""What a zone answers: its record sets, and in a namespace of Cloud Map its instances.

Source: AWS Cloud Map API Reference, DnsConfig and DnsRecord; Route 53 Developer Guide, multivalue
and weighted routing, values of an SOA record; ecs_semantics 6.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ecsd.decisions.dns.message import (
    AAAA,
    ANY,
    CNAME,
    NO_SUCH_NAME,
    SOA,
    SRV,
    A,
    Answer,
    Resource,
    address_record,
    packed_name,
    srv_record,
)
from ecsd.decisions.dns.record_answer import (
    ALIAS_TTL,
    MOST_VALUES,
    Chance,
    RecordSets,
    Surroundings,
    answer_of,
    by_name,
    is_delegated,
    owner_of,
)
from ecsd.decisions.dns.record_value import packed
from ecsd.records.plan import ZoneInstance, ZonePlan, ZoneService
from ecsd.records.plan_network import VpcPlan


class Zone(NamedTuple):
    """A zone's plan, ready to be asked.

    hosts: names that SRV records of services point at. record_sets: name → type → choices.
    parents: names between the zone's own and all those.
    """

    plan: ZonePlan
    services: Mapping[str, ZoneService]
    hosts: Mapping[str, tuple[ZoneService, ZoneInstance]]
    record_sets: RecordSets
    parents: frozenset[str]


def open_zone(plan: ZonePlan) -> Zone:
    """Return the zone; a service without instances has no name yet, as in Route 53."""
    services = {one.name: one for one in plan.services if one.instances}
    hosts = {
        host_name(one, service): (service, one)
        for service in services.values()
        if "SRV" in service.ttls
        for one in service.instances
    }
    record_sets = by_name(plan.record_sets)
    names = (*services, *hosts, *record_sets)
    parents = {parent for name in names for parent in _parents(name, plan.name)}
    return Zone(plan, services, hosts, record_sets, frozenset({plan.name, *parents}))


def serves(plan: ZonePlan, vpc: VpcPlan) -> bool:
    """Tell whether a VPC asks a zone."""
    return vpc.vpc_id in plan.vpc_ids or (plan.public and plan.account == vpc.account)


def zone_of(name: str, zones: Sequence[Zone]) -> Zone | None:
    """Return the zone that a name belongs to: a VPC's own before a public one; the longest."""
    within = [one for one in zones if name == one.plan.name or name.endswith(f".{one.plan.name}")]
    return max(
        within,
        key=lambda one: (not one.plan.public, len(one.plan.name), one.plan.zone_id),
        default=None,
    )


def answer_in(
    zone: Zone,
    name: str,
    kind: int,
    chance: Chance,
    balancers: Mapping[str, Sequence[str]],
) -> Answer | None:
    """Return what the zone says, None: the name is delegated, others know it.

    balancers: names of load balancers in this VPC → addresses. ``ask`` names a CNAME's target:
    the caller's to resolve.
    """
    if is_delegated(zone.record_sets, name, kind, zone.plan.name):
        return None
    answer = _of_instances(zone, name, kind, chance, balancers)
    owner = owner_of(name, zone.record_sets, zone.parents)
    if owner is not None and not (answer and answer.answers):
        answer = answer_of(name, owner, kind, Surroundings(zone.record_sets, balancers, chance))
    if answer is None:
        answer = Answer(code=0 if name in zone.parents else NO_SUCH_NAME)
    return answer if answer.answers else answer._replace(authority=tuple(_soa(zone)))


def host_name(instance: ZoneInstance, service: ZoneService) -> str:
    """Return the name that an instance's SRV record points at."""
    return f"{instance.instance_id}.{service.name}".lower()


def chosen(service: ZoneService, chance: Chance, *, weighted: bool) -> list[ZoneInstance]:
    """Return the instances that one answer is made of; all count as well when none is."""
    well = [one for one in service.instances if one.healthy] or list(service.instances)
    return chance.shuffled(well)[: 1 if weighted else MOST_VALUES]


def _of_instances(
    zone: Zone, name: str, kind: int, chance: Chance, balancers: Mapping[str, Sequence[str]]
) -> Answer | None:
    """Return what a namespace's instances answer, or None: none of them has the name."""
    if name in zone.services:
        return _of_service(zone.services[name], kind, chance, balancers)
    if name not in zone.hosts:
        return None
    service, instance = zone.hosts[name]
    ttl = service.ttls["SRV"]
    return Answer(answers=tuple(_addresses(name, [instance], kind, {A: ttl, AAAA: ttl}, {})))


def _of_service(
    service: ZoneService, kind: int, chance: Chance, balancers: Mapping[str, Sequence[str]]
) -> Answer:
    name, ttls = service.name, service.ttls
    picked = chosen(service, chance, weighted=service.weighted)
    if "CNAME" in ttls:
        target = picked[0].cname or ""
        record = Resource(name, CNAME, ttls["CNAME"], packed_name(target))
        return Answer(answers=(record,), ask=None if kind in {CNAME, ANY} else target.lower())
    records: list[Resource] = []
    additional: list[Resource] = []
    if "SRV" in ttls and kind in {SRV, ANY}:
        ttl = ttls["SRV"]
        for one in picked:
            host = host_name(one, service)
            records.append(srv_record(name, one.port or 0, host, ttl))
            additional += _addresses(host, [one], ANY, {A: ttl, AAAA: ttl}, {})
    own = {A: ttls.get("A"), AAAA: ttls.get("AAAA")}
    of_addresses = {one: ttl for one, ttl in own.items() if ttl is not None}
    records += _addresses(name, picked, kind, of_addresses, balancers)
    return Answer(answers=tuple(records), additional=tuple(additional))


def _addresses(
    name: str,
    instances: Sequence[ZoneInstance],
    kind: int,
    ttls: Mapping[int, int],
    balancers: Mapping[str, Sequence[str]],
) -> Iterator[Resource]:
    """Yield address records. ttls: of the record types that the name has."""
    for one in instances:
        for own, address in ((A, one.ipv4), (AAAA, one.ipv6)):
            if own in ttls and kind in {own, ANY} and address is not None:
                yield address_record(name, address, ttls[own])
        if one.alias is not None and A in ttls and kind in {A, ANY}:
            for address in balancers.get(one.alias.lower(), ()):
                yield address_record(name, address, ALIAS_TTL)


def _soa(zone: Zone) -> Iterator[Resource]:
    """Yield what says how long a name's absence may be remembered. Source: RFC 2308, 5."""
    for one in zone.record_sets.get(zone.plan.name, {}).get(SOA, ()):
        content = packed("SOA", one.values[0])
        if isinstance(content, bytes):
            ttl = min(one.ttl, int.from_bytes(content[-4:]))
            yield Resource(zone.plan.name, SOA, ttl, content)


def _parents(name: str, zone: str) -> Iterator[str]:
    """Yield the names between one and its zone: they exist, without records."""
    while name != zone and "." in name:
        name = name.partition(".")[2]
        if name != zone:
            yield name
        else:
            return
