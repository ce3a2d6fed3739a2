"""Look-ups in Route 53: ``require`` refuses in its own words. Views are the account's own scope.

The zones of Cloud Map's namespaces are shown beside those that are stored. Source: Route 53 API
Reference, errors.
"""

from collections.abc import Collection, Iterable, Iterator

from msgspec.structs import replace

from ecsd.decisions.dns.health_check import is_healthy
from ecsd.decisions.dns.hosted_zone import BALANCER_ZONE, first_record_sets, namespace_zone
from ecsd.decisions.dns.namespace_records import namespace_record_sets
from ecsd.decisions.dns.record_health import is_balancer_well
from ecsd.decisions.dns.record_set import rank
from ecsd.decisions.dns.zone_plan import HostedZoneParts, namespace_services
from ecsd.errors import AwsError
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule
from ecsd.records.elbv2.target_group import Target
from ecsd.records.record import Record
from ecsd.records.route53.health_check import HealthCheck
from ecsd.records.route53.hosted_zone import HostedZone, ZoneVpc
from ecsd.records.route53.record_set import RecordSet
from ecsd.records.route53.zone_change import ZoneChange
from ecsd.records.servicediscovery.namespace import Namespace
from ecsd.store.finders.elbv2 import balancers_of_group, groups_of_balancer, targets_of
from ecsd.store.finders.servicediscovery import namespace_parts
from ecsd.store.store import View


def linked_zones(view: View) -> Iterator[HostedZone]:
    """Yield the zones of the account's namespaces, of every region."""
    for scope, namespace in view.in_every_region(Namespace):
        zone = namespace_zone(namespace)
        if zone is not None:
            vpc_id = namespace.vpc_id
            vpcs = (ZoneVpc(vpc_id=vpc_id, region=scope.region),) if vpc_id else ()
            yield replace(zone, vpcs=vpcs)


def all_zones(view: View) -> list[HostedZone]:
    """Return the account's zones, those of namespaces too."""
    return [*view.select(HostedZone), *linked_zones(view)]


def zones_called(view: View, name: str) -> list[HostedZone]:
    """Return the zones of a stored name, those of namespaces too."""
    linked = [one for one in linked_zones(view) if one.name == name]
    return [*view.select(HostedZone, name=name), *linked]


def require_zone(view: View, zone_id: str) -> HostedZone:
    """Return a zone by id, or refuse with NoSuchHostedZone."""
    found = view.get(HostedZone, zone_id)
    if found is None:
        found = next((one for one in linked_zones(view) if one.zone_id == zone_id), None)
    if found is None:
        raise AwsError("NoSuchHostedZone", f"No hosted zone found with ID: {zone_id}")
    return found


def require_own_zone(view: View, zone_id: str) -> HostedZone:
    """Return a zone that may be changed here, or refuse: Cloud Map changes its own."""
    zone = require_zone(view, zone_id)
    if zone.linked_arn is not None:
        raise AwsError(
            "AccessDenied",
            f"The resource hostedzone/{zone_id} can only be managed through AWS Cloud Map "
            f"({zone.linked_arn})",
            status=403,
        )
    return zone


def record_sets_of(view: View, zone: HostedZone) -> list[RecordSet]:
    """Return a zone's record sets in their order; those of a namespace come from its instances."""
    if zone.linked_arn is None:
        return sorted(view.select(RecordSet, zone_id=zone.zone_id), key=rank)
    region, own = zone.linked_arn.split(":")[3], zone.linked_arn.rpartition("/")[2]
    parts = namespace_parts(view.in_region(region), own)
    if parts is None:
        return []
    first = first_record_sets(zone, parts.namespace.soa_ttl or 0)
    found = namespace_record_sets(zone, namespace_services(parts), BALANCER_ZONE)
    return sorted((*first, *found), key=rank)


def count_record_sets(view: View, zone: HostedZone) -> int:
    """Return how many record sets a zone has."""
    if zone.linked_arn is None:
        return view.count(RecordSet, "zone_id", zone.zone_id)
    return len(record_sets_of(view, zone))


def hosted_zone_parts(view: View, zone_id: str) -> HostedZoneParts | None:
    """Return a stored zone with everything in it, or None."""
    zone = view.get(HostedZone, zone_id)
    if zone is None:
        return None
    record_sets = view.select(RecordSet, zone_id=zone_id)
    vpcs = [view.in_region(one.region).get(Vpc, one.vpc_id) for one in zone.vpcs]
    evaluated = {
        one.alias_name for one in record_sets if one.alias and one.alias.evaluate_target_health
    }
    return HostedZoneParts(
        zone=zone,
        vpcs=[one for one in vpcs if one is not None],
        record_sets=record_sets,
        well=frozenset(_well(view, evaluated)) if evaluated else frozenset(),
        unwell=frozenset(_unwell(view, record_sets)),
        account=view.scope.account,
    )


def _unwell(view: View, record_sets: Iterable[RecordSet]) -> Iterator[str]:
    for own in {one.health_check_id for one in record_sets} - {None}:
        check = view.get(HealthCheck, own or "")
        if check is not None and not is_healthy(check, lambda own: view.get(HealthCheck, own)):
            yield check.health_check_id


def require_health_check(view: View, health_check_id: str) -> HealthCheck:
    """Return a health check by id, or refuse with NoSuchHealthCheck."""
    found = view.get(HealthCheck, health_check_id)
    if found is None:
        raise AwsError(
            "NoSuchHealthCheck",
            f"No health check exists with the specified ID {health_check_id}.",
            status=404,
        )
    return found


def balancer_called(view: View, dns_name: str) -> LoadBalancer | None:
    """Return the account's load balancer of a DNS name, in whichever region."""
    found = (one for _, one in view.in_every_region(LoadBalancer) if one.dns_name == dns_name)
    return next(found, None)


def zones_resting_on(view: View, record: Record) -> Iterator[str]:
    """Yield the ids of the stored zones whose plan a record has a part in."""
    own = view.globally()
    match record:
        case HostedZone() | RecordSet() | ZoneChange():
            yield record.zone_id
        case HealthCheck():
            yield from _zones_by_check(own, record)
        case Vpc():
            yield from (one.zone_id for one in own.select(HostedZone, vpc_ids=record.vpc_id))
        case LoadBalancer():
            yield from _aliases_of(own, record)
        case Listener():
            yield from _aliases_of(own, view.get(LoadBalancer, record.load_balancer_arn))
        case Rule():
            listener = view.get(Listener, record.listener_arn)
            arn = listener.load_balancer_arn if listener else ""
            yield from _aliases_of(own, view.get(LoadBalancer, arn))
        case Target():
            for arn in balancers_of_group(view, record.target_group_arn):
                yield from _aliases_of(own, view.get(LoadBalancer, arn))
        case _:
            return


def _zones_by_check(own: View, check: HealthCheck) -> Iterator[str]:
    """Yield the zones of the records that name a check, or one that sums it up."""
    waiting, seen = [check.health_check_id], set[str]()
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            yield from (each.zone_id for each in own.select(RecordSet, health_check_id=one))
            waiting += [each.health_check_id for each in own.select(HealthCheck, children=one)]


def endpoints_named(view: View, record: Record) -> Iterator[str]:
    """Yield the ids of the health checks that ask for a load balancer by its name."""
    if isinstance(record, LoadBalancer):
        for one in view.globally().select(HealthCheck, named_endpoint=record.dns_name):
            yield one.health_check_id


def _aliases_of(own: View, balancer: LoadBalancer | None) -> Iterator[str]:
    if balancer is not None:
        for one in own.select(RecordSet, alias_name=balancer.dns_name):
            if one.alias and one.alias.evaluate_target_health:
                yield one.zone_id


def _well(view: View, names: Collection[str | None]) -> Iterator[str]:
    """Yield the names of the account's healthy load balancers among those named."""
    for scope, balancer in view.in_every_region(LoadBalancer):
        if balancer.dns_name in names:
            here = view.in_region(scope.region)
            groups = groups_of_balancer(here, balancer.load_balancer_arn)
            states = [
                [one.state for one in targets_of(here, group.target_group_arn)] for group in groups
            ]
            if is_balancer_well(states):
                yield balancer.dns_name
