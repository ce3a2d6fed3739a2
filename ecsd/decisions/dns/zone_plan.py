"""Namespaces of Cloud Map and hosted zones made into plans for the hosts that answer names."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from ecsd.decisions.dns.discovery import is_healthy
from ecsd.decisions.dns.domain_name import resolved
from ecsd.decisions.dns.hosted_zone import first_record_sets, namespace_zone
from ecsd.decisions.dns.record_health import is_well
from ecsd.decisions.dns.record_set import alias_in_zone, rank
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.plan import RecordSetPlan, ZoneInstance, ZonePlan, ZoneService
from ecsd.records.route53.hosted_zone import HostedZone
from ecsd.records.route53.record_set import RecordSet
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.namespace import Namespace
from ecsd.records.servicediscovery.service import DiscoveryService


class NamespaceParts(NamedTuple):
    """A namespace with everything in it. vpc: None for a public one, or when it is gone."""

    namespace: Namespace
    vpc: Vpc | None
    services: Sequence[DiscoveryService]
    instances: Sequence[Instance]
    account: str = ""


class HostedZoneParts(NamedTuple):
    """A hosted zone with everything in it.

    vpcs: those of its VPCs that exist. well: of the load balancers that aliases evaluate, the
    names of those that are healthy. unwell: of the health checks that records name, the ids of
    those that are unhealthy.
    """

    zone: HostedZone
    vpcs: Sequence[Vpc]
    record_sets: Sequence[RecordSet]
    well: Collection[str] = ()
    unwell: Collection[str] = ()
    account: str = ""


def compile_namespace(parts: NamespaceParts) -> ZonePlan | None:
    """Return the plan, sorted so that equal state gives an equal plan; None: nobody asks for it.

    A private namespace is asked for where its VPC has enableDnsHostnames (as Route 53's private
    zones want it; enableDnsSupport is the resolver's own), a public one everywhere.
    """
    namespace = parts.namespace
    zone = namespace_zone(namespace)
    if zone is None:
        return None
    if namespace.type == "DNS_PRIVATE" and not (parts.vpc and parts.vpc.enable_dns_hostnames):
        return None
    return ZonePlan(
        zone_id=namespace.namespace_id,
        name=namespace.name.lower(),
        account=parts.account,
        public=namespace.type == "DNS_PUBLIC",
        vpc_ids=(namespace.vpc_id,) if namespace.vpc_id else (),
        services=namespace_services(parts),
        record_sets=tuple(
            _record_set(one, zone) for one in first_record_sets(zone, namespace.soa_ttl or 0)
        ),
    )


def namespace_services(parts: NamespaceParts) -> tuple[ZoneService, ...]:
    """Return the services that have names, with their instances."""
    return tuple(
        _service(one, parts.namespace, parts.instances)
        for one in sorted(parts.services, key=lambda one: one.service_id)
        if one.dns_records
    )


def compile_hosted_zone(parts: HostedZoneParts) -> ZonePlan | None:
    """Return the plan of a hosted zone, sorted; None: nobody asks for it."""
    zone = parts.zone
    asking = sorted(one.vpc_id for one in parts.vpcs if one.enable_dns_hostnames)
    if zone.private and not asking:
        return None
    return ZonePlan(
        zone_id=zone.zone_id,
        name=resolved(zone.name),
        account=parts.account,
        public=not zone.private,
        vpc_ids=tuple(asking),
        record_sets=tuple(
            _record_set(
                one, zone, healthy=is_well(one, parts.record_sets, parts.well, parts.unwell)
            )
            for one in sorted(parts.record_sets, key=rank)
        ),
    )


def _record_set(one: RecordSet, zone: HostedZone, *, healthy: bool = True) -> RecordSetPlan:
    return RecordSetPlan(
        name=resolved(one.name),
        record_type=one.type,
        ttl=one.ttl or 0,
        values=one.values,
        alias=_alias_of(one, zone),
        weight=one.weight,
        failover=one.failover,
        multivalue=one.multivalue,
        healthy=healthy,
    )


def _alias_of(one: RecordSet, zone: HostedZone) -> str | None:
    """Return what an alias leads to, as the resolver knows it."""
    if one.alias is None:
        return None
    if one.alias.hosted_zone_id == zone.zone_id:
        return resolved(alias_in_zone(one))
    return one.alias_name


def full_name(service: DiscoveryService, namespace: Namespace) -> str:
    """Return a service's name in DNS, lower case; a service called ``.`` has the zone's own."""
    own = "" if service.name == "." else f"{service.name}."
    return f"{own}{namespace.name}".lower()


def _service(
    service: DiscoveryService, namespace: Namespace, instances: Sequence[Instance]
) -> ZoneService:
    own = [one for one in instances if one.service_id == service.service_id]
    return ZoneService(
        name=full_name(service, namespace),
        weighted=service.routing_policy == "WEIGHTED",
        ttls={one.type: one.ttl for one in service.dns_records},
        instances=tuple(
            _instance(one, service) for one in sorted(own, key=lambda one: one.instance_id)
        ),
    )


def _instance(instance: Instance, service: DiscoveryService) -> ZoneInstance:
    told = instance.attributes
    port = told.get("AWS_INSTANCE_PORT")
    return ZoneInstance(
        instance_id=instance.instance_id,
        healthy=is_healthy(instance, service),
        ipv4=told.get("AWS_INSTANCE_IPV4"),
        ipv6=told.get("AWS_INSTANCE_IPV6"),
        port=int(port) if port else None,
        cname=told["AWS_INSTANCE_CNAME"].removesuffix(".")
        if "AWS_INSTANCE_CNAME" in told
        else None,
        alias=told.get("AWS_ALIAS_DNS_NAME"),
    )
