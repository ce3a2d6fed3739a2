"""Hosted zones: what each begins with, and which may not be beside each other.

Source: Route 53 Developer Guide, NS and SOA records that Route 53 creates, quotas; API Reference,
CreateHostedZone.
"""

from collections.abc import Iterable
from hashlib import sha256

from ecsd.decisions.dns.domain_name import canonical
from ecsd.decisions.dns.record_set import place
from ecsd.records.route53.hosted_zone import HostedZone
from ecsd.records.route53.record_set import RecordSet
from ecsd.records.servicediscovery.namespace import Namespace

BALANCER_ZONE = "Z35SXDOTRQ7X7K"  # what load balancers name as theirs, for aliases
MOST_ZONES = 500  # of an account
MOST_VPCS = 300  # of a zone
NS_TTL, SOA_TTL = 172800, 900  # seconds
DOMAINS = ("com", "net", "org", "co.uk")
NUMBERS = 512  # name servers of one domain
PRIVATE_SERVERS = ("ns-0.awsdns-00.com", "ns-512.awsdns-00.net", "ns-1024.awsdns-00.org")
SOA_SERVER = "ns-1536.awsdns-00.co.uk"  # of private zones, and their last name server
SOA_VALUES = "awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"


def name_servers(zone: HostedZone) -> tuple[str, ...]:
    """Return the four servers that a zone is delegated to: names alone, nothing listens there."""
    if zone.private:
        return (*PRIVATE_SERVERS, SOA_SERVER)
    digest = sha256(zone.zone_id.encode()).digest()
    servers = []
    for index, domain in enumerate(DOMAINS):
        number = int.from_bytes(digest[2 * index : 2 * index + 2]) % NUMBERS
        servers.append(f"ns-{index * NUMBERS + number}.awsdns-{number % 64:02}.{domain}")
    return tuple(servers)


def first_record_sets(zone: HostedZone, soa_ttl: int = SOA_TTL) -> tuple[RecordSet, RecordSet]:
    """Return the NS and SOA records that a new zone has."""
    servers = name_servers(zone)
    first = SOA_SERVER if zone.private else servers[0]
    return (
        _own(zone, "NS", NS_TTL, tuple(f"{one}." for one in servers)),
        _own(zone, "SOA", soa_ttl, (f"{first}. {SOA_VALUES}",)),
    )


def namespace_zone(namespace: Namespace) -> HostedZone | None:
    """Return a Cloud Map namespace as the hosted zone that belongs to it; HTTP ones have none."""
    if namespace.hosted_zone_id is None:
        return None
    return HostedZone(
        zone_id=namespace.hosted_zone_id,
        name=canonical(namespace.name),
        caller_reference=namespace.operation_id,
        comment=namespace.description,
        private=namespace.type == "DNS_PRIVATE",
        linked_arn=namespace.arn,
        created_at=namespace.created_at,
    )


def conflicting(name: str, vpc_id: str, others: Iterable[HostedZone]) -> HostedZone | None:
    """Return the private zone of the same name that the VPC asks already, or None."""
    for one in others:
        if one.private and one.name == name and vpc_id in one.vpc_ids:
            return one
    return None


def _own(zone: HostedZone, kind: str, ttl: int, values: tuple[str, ...]) -> RecordSet:
    return RecordSet(
        place=place(zone.zone_id, zone.name, kind),
        zone_id=zone.zone_id,
        name=zone.name,
        type=kind,
        ttl=ttl,
        values=values,
    )
