"""A Cloud Map namespace made into a plan for the hosts that answer names."""

from collections.abc import Sequence
from typing import NamedTuple

from ecsd.decisions.discovery import is_healthy
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.plan import ZoneInstance, ZonePlan, ZoneService
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.namespace import Namespace
from ecsd.records.servicediscovery.service import DiscoveryService


class ZoneParts(NamedTuple):
    """A namespace with everything in it. vpc: None for a public one, or when it is gone."""

    namespace: Namespace
    vpc: Vpc | None
    services: Sequence[DiscoveryService]
    instances: Sequence[Instance]


def compile_zone(parts: ZoneParts) -> ZonePlan | None:
    """Return the plan, sorted so that equal state gives an equal plan; None: nobody asks for it.

    A private namespace is asked for where its VPC has enableDnsHostnames (as Route 53's private
    zones want it; enableDnsSupport is the resolver's own), a public one everywhere.
    """
    namespace = parts.namespace
    if namespace.type == "HTTP":
        return None
    if namespace.type == "DNS_PRIVATE" and not (parts.vpc and parts.vpc.enable_dns_hostnames):
        return None
    return ZonePlan(
        namespace_id=namespace.namespace_id,
        name=namespace.name.lower(),
        vpc_id=namespace.vpc_id,
        soa_ttl=namespace.soa_ttl or 0,
        services=tuple(
            _service(one, namespace, parts.instances)
            for one in sorted(parts.services, key=lambda one: one.service_id)
            if one.dns_records
        ),
    )


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
