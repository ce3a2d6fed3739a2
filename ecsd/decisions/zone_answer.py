"""What a namespace of Cloud Map answers: which instances, in which records.

Source: AWS Cloud Map API Reference, DnsConfig and DnsRecord; Route 53 Developer Guide, multivalue
and weighted routing, values of an SOA record; ecs_semantics 6.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ecsd.decisions.dns_message import (
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
    soa_record,
    srv_record,
)
from ecsd.records.plan import ZoneInstance, ZonePlan, ZoneService

MOST_VALUES = 8  # of a multivalue answer
ALIAS_TTL = 60  # seconds, of a load balancer's own records
SOA_NAMES = ("ns-1536.awsdns-00.co.uk", "awsdns-hostmaster.amazon.com")
SOA_VALUES = (1, 7200, 900, 1209600, 86400)  # Route 53's defaults
Shuffle = Callable[[Sequence[ZoneInstance]], list[ZoneInstance]]


class Zone(NamedTuple):
    """A namespace's plan, ready to be asked.

    hosts: names that SRV records point at. parents: names between the zone's own and those.
    """

    plan: ZonePlan
    services: Mapping[str, ZoneService]
    hosts: Mapping[str, tuple[ZoneService, ZoneInstance]]
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
    parents = {parent for name in (*services, *hosts) for parent in _parents(name, plan.name)}
    return Zone(plan, services, hosts, frozenset({plan.name, *parents}))


def zone_of(name: str, zones: Sequence[Zone]) -> Zone | None:
    """Return the zone that a name belongs to: the longest; a VPC's own before a public one."""
    within = [one for one in zones if name == one.plan.name or name.endswith(f".{one.plan.name}")]
    return max(
        within,
        key=lambda one: (len(one.plan.name), bool(one.plan.vpc_id), one.plan.namespace_id),
        default=None,
    )


def answer_in(
    zone: Zone,
    name: str,
    kind: int,
    shuffle: Shuffle,
    balancers: Mapping[str, Sequence[str]],
) -> Answer:
    """Return what the zone says. balancers: names of load balancers in this VPC → addresses.

    ``ask`` names a CNAME's target: the caller's to resolve.
    """
    soa = _soa(zone.plan)
    if name in zone.services:
        answer = _of_service(zone.services[name], kind, shuffle, balancers)
    elif name in zone.hosts:
        service, instance = zone.hosts[name]
        ttl = service.ttls["SRV"]
        answer = Answer(answers=tuple(_addresses(name, [instance], kind, {A: ttl, AAAA: ttl}, {})))
    elif name == zone.plan.name and kind in {SOA, ANY}:
        answer = Answer(answers=(soa,))
    else:
        answer = Answer(code=0 if name in zone.parents else NO_SUCH_NAME)
    return answer if answer.answers else answer._replace(authority=(soa,))


def host_name(instance: ZoneInstance, service: ZoneService) -> str:
    """Return the name that an instance's SRV record points at."""
    return f"{instance.instance_id}.{service.name}".lower()


def chosen(service: ZoneService, shuffle: Shuffle, *, weighted: bool) -> list[ZoneInstance]:
    """Return the instances that one answer is made of; all count as well when none is."""
    well = [one for one in service.instances if one.healthy] or list(service.instances)
    return shuffle(well)[: 1 if weighted else MOST_VALUES]


def _of_service(
    service: ZoneService, kind: int, shuffle: Shuffle, balancers: Mapping[str, Sequence[str]]
) -> Answer:
    name, ttls = service.name, service.ttls
    picked = chosen(service, shuffle, weighted=service.weighted)
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


def _soa(plan: ZonePlan) -> Resource:
    return soa_record(plan.name, plan.soa_ttl, SOA_VALUES, SOA_NAMES)


def _parents(name: str, zone: str) -> Iterator[str]:
    """Yield the names between one and its zone: they exist, without records."""
    while name != zone and "." in name:
        name = name.partition(".")[2]
        if name != zone:
            yield name
        else:
            return
