"""What Cloud Map's instances are in Route 53: a record set of each, called as the instance is.

Source: AWS Cloud Map API Reference, DnsConfig; Route 53 Developer Guide, Cloud Map's zones.
"""

from collections.abc import Iterator, Sequence

from ecsd.decisions.dns.domain_name import canonical
from ecsd.decisions.dns.record_set import place
from ecsd.decisions.dns.zone_answer import host_name
from ecsd.records.plan import ZoneInstance, ZoneService
from ecsd.records.route53.hosted_zone import HostedZone
from ecsd.records.route53.record_set import AliasTarget, RecordSet


def namespace_record_sets(
    zone: HostedZone, services: Sequence[ZoneService], balancer_zone: str
) -> Iterator[RecordSet]:
    """Yield the record sets of a namespace. balancer_zone: the hosted zone of load balancers."""
    for service in services:
        for kind, ttl in service.ttls.items():
            for one in service.instances:
                yield from _of_instance(zone, service, one, kind, ttl, balancer_zone)


def _of_instance(
    zone: HostedZone,
    service: ZoneService,
    instance: ZoneInstance,
    kind: str,
    ttl: int,
    balancer_zone: str,
) -> Iterator[RecordSet]:
    name, own = canonical(service.name), instance.instance_id
    weight = 1 if service.weighted else None
    alias = None
    values: tuple[str, ...] = ()
    if instance.alias is not None and kind == "A":
        alias = AliasTarget(
            hosted_zone_id=balancer_zone,
            dns_name=f"{instance.alias}.",
            evaluate_target_health=False,
        )
    elif kind == "SRV":
        host = canonical(host_name(instance, service))
        values = (f"1 1 {instance.port or 0} {host}",)
        for family, address in (("A", instance.ipv4), ("AAAA", instance.ipv6)):
            if address is not None:
                yield RecordSet(
                    place=place(zone.zone_id, host, family),
                    zone_id=zone.zone_id,
                    name=host,
                    type=family,
                    ttl=ttl,
                    values=(address,),
                )
    else:
        told = {"A": instance.ipv4, "AAAA": instance.ipv6, "CNAME": instance.cname}[kind]
        values = (told,) if told else ()
    if alias or values:
        yield RecordSet(
            place=place(zone.zone_id, name, kind, own),
            zone_id=zone.zone_id,
            name=name,
            type=kind,
            ttl=None if alias else ttl,
            values=values,
            alias=alias,
            set_identifier=own,
            weight=weight,
            multivalue=weight is None,
        )
