"""Which of several choices of a name are well: by health checks, and by what aliases lead to.

Source: Route 53 API Reference, ResourceRecordSet (HealthCheckId), AliasTarget
(EvaluateTargetHealth).
"""

from collections.abc import Collection, Iterable, Sequence

from ecsd.decisions.dns.record_set import alias_in_zone
from ecsd.records.route53.record_set import RecordSet


def is_well(
    record_set: RecordSet,
    others: Sequence[RecordSet],
    well: Collection[str],
    unwell: Collection[str] = (),
    seen: frozenset[str] = frozenset(),
) -> bool:
    """Tell whether a choice counts. others: of its zone.

    well: names of healthy load balancers. unwell: ids of unhealthy health checks; one that is
    gone says nothing.
    """
    if record_set.health_check_id in unwell:
        return False
    alias = record_set.alias
    if alias is None or not alias.evaluate_target_health or record_set.place in seen:
        return True
    if alias.hosted_zone_id != record_set.zone_id:
        return record_set.alias_name in well
    target = alias_in_zone(record_set)
    seen |= {record_set.place}
    group = [one for one in others if one.name == target and one.type == record_set.type]
    return not group or any(is_well(one, others, well, unwell, seen) for one in group)


def is_balancer_well(groups: Iterable[Collection[str]]) -> bool:
    """Tell whether a load balancer is well: in each of its target groups a target is healthy.

    groups: the states of each group's targets. A balancer without groups is well.
    """
    return all("healthy" in states for states in groups)
