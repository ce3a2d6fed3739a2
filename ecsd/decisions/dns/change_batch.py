"""A batch of changes to a zone's record sets: all of it or nothing.

Source: Route 53 API Reference, ChangeResourceRecordSets; messages as Route 53 gives them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ecsd.decisions.dns.hosted_zone import BALANCER_ZONE
from ecsd.decisions.dns.record_set import alias_in_zone, place, problems
from ecsd.records.route53.hosted_zone import HostedZone
from ecsd.records.route53.record_set import RecordSet

MOST_CHANGES = 1000  # of a batch; an UPSERT counts twice
MOST_CHARACTERS = 32000  # of all values together; an UPSERT's count twice
MOST_RECORD_SETS = 10000  # of a zone
MOST_CHOICES = 100  # of one name and type
IsBalancer = Callable[[str], bool]


class ChangeOf(NamedTuple):
    """One change. action: CREATE, UPSERT, DELETE."""

    action: str
    record_set: RecordSet


class Batch(NamedTuple):
    """What a batch makes: record sets to be put and to be removed; or faults, and nothing else."""

    put: tuple[RecordSet, ...] = ()
    removed: tuple[RecordSet, ...] = ()
    faults: tuple[str, ...] = ()


def apply_batch(
    zone: HostedZone,
    known: Iterable[RecordSet],
    changes: Sequence[ChangeOf],
    is_balancer: IsBalancer,
) -> Batch:
    """Return what the changes make of a zone, one after the other.

    is_balancer: tells whether a load balancer has this DNS name (as RecordSet.alias_name).
    """
    faults = list(_too_much(changes))
    before = {one.place: one for one in known}
    after = dict(before)
    for change in changes:
        wrong = list(problems(change.record_set, zone)) or list(_step(change, after))
        faults += wrong
        if wrong:
            continue
        if change.action == "DELETE":
            del after[change.record_set.place]
        else:
            after[change.record_set.place] = change.record_set
    if not faults:
        touched = {change.record_set.name for change in changes}
        faults += contradictions(zone, after, touched)
        faults += _lost_targets(changes, after, is_balancer)
    if faults:
        return Batch(faults=tuple(dict.fromkeys(faults)))
    return Batch(
        put=tuple(one for key, one in after.items() if before.get(key) != one),
        removed=tuple(one for key, one in before.items() if key not in after),
    )


def _too_much(changes: Sequence[ChangeOf]) -> Iterator[str]:
    weights = [2 if one.action == "UPSERT" else 1 for one in changes]
    if sum(weights) > MOST_CHANGES:
        yield f"Number of records limit of {MOST_CHANGES} exceeded."
    sizes = [sum(map(len, one.record_set.values)) for one in changes]
    if sum(a * b for a, b in zip(weights, sizes, strict=True)) > MOST_CHARACTERS:
        yield f"Number of characters limit of {MOST_CHARACTERS} exceeded."


def _step(change: ChangeOf, known: Mapping[str, RecordSet]) -> Iterator[str]:
    """Yield why a change cannot follow on what is there."""
    one = change.record_set
    there = known.get(one.place)
    called = f"[name='{one.name}', type='{one.type}'"
    called += f", set-identifier='{one.set_identifier}']" if one.set_identifier else "]"
    if change.action == "CREATE" and there is not None:
        yield f"Tried to create resource record set {called} but it already exists"
    if change.action == "DELETE" and there is None:
        yield f"Tried to delete resource record set {called} but it was not found"
    elif change.action == "DELETE" and there is not None and _content(there) != _content(one):
        yield (
            f"Tried to delete resource record set {called} but the values provided do not match "
            "the current values"
        )


def _content(one: RecordSet) -> tuple[object, ...]:
    """Return what has to be the same for a DELETE: values in any order."""
    alias = one.alias
    leads = alias and (alias.hosted_zone_id, one.alias_name, alias.evaluate_target_health)
    routed = one.weight, one.failover, one.multivalue, one.health_check_id
    return one.ttl, frozenset(one.values), leads, routed


def contradictions(
    zone: HostedZone, after: Mapping[str, RecordSet], touched: set[str]
) -> Iterator[str]:
    """Yield what cannot stand side by side. after: place → record set; touched: names looked at."""
    if place(zone.zone_id, zone.name, "SOA") not in after:
        yield "A HostedZone must contain exactly one SOA record."
    if place(zone.zone_id, zone.name, "NS") not in after:
        yield "A HostedZone must contain at least one NS record for the zone itself."
    if len(after) > MOST_RECORD_SETS:
        yield f"A HostedZone can contain at most {MOST_RECORD_SETS} resource record sets."
    groups: dict[str, dict[str, list[RecordSet]]] = {}
    for one in after.values():
        if one.name in touched:
            groups.setdefault(one.name, {}).setdefault(one.type, []).append(one)
    for name, of_name in groups.items():
        if "CNAME" in of_name and len(of_name) > 1:
            yield _beside_cname(zone, name, list(of_name)[-1])
        for choices in of_name.values():
            yield from _unlike(choices)


def _beside_cname(zone: HostedZone, name: str, last: str) -> str:
    """Return Route 53's words for a CNAME that is not alone. last: the type that came last."""
    words = f"RRSet of type {last} with DNS name {name} is not permitted "
    if last == "CNAME":
        return words + (
            f"as it conflicts with other records with the same DNS name in zone {zone.name}"
        )
    return words + (
        "because a conflicting RRSet of type  CNAME with the same DNS name already exists in "
        f"zone {zone.name}"
    )


def _unlike(choices: Sequence[RecordSet]) -> Iterator[str]:
    """Yield why these cannot be choices of one name and type."""
    last = choices[-1]
    called = f"RRSet with DNS name {last.name}, type {last.type}"
    yield from _failing_over(choices, called)
    if len(choices) == 1:
        return
    if any(one.set_identifier is None for one in choices):
        yield f"{called} cannot be created as other RRSets exist with the same name and type."
        return
    called += f", SetIdentifier {last.set_identifier}"
    if len(choices) > MOST_CHOICES:
        yield f"{called} cannot be created as at most {MOST_CHOICES} may have one name and type."
    for routed, word in ((_is_weighted, "weighted"), (_is_failover, "failover")):
        if len({routed(one) for one in choices}) > 1:
            yield (
                f"{called} cannot be created as a non-{word} set exists with the same name and "
                "type."
            )
            return
    if last.weight is not None and len({one.ttl for one in choices if one.ttl is not None}) > 1:
        yield f"{called} cannot be created as weighted sets must contain the same TTL."


def _is_weighted(one: RecordSet) -> bool:
    return one.weight is not None


def _is_failover(one: RecordSet) -> bool:
    return one.failover is not None


def _failing_over(choices: Sequence[RecordSet], called: str) -> Iterator[str]:
    """Yield why these cannot be a primary and a secondary choice."""
    for one in choices:
        if one.failover == "PRIMARY" and one.alias is None and one.health_check_id is None:
            yield "A non-alias primary ResourceRecordSet must have an associated health check."
    kinds = [one.failover for one in choices if one.failover is not None]
    for kind in sorted(set(kinds)):
        if kinds.count(kind) > 1:
            yield f"{called} cannot be created as there is another {kind} set of it."


def _lost_targets(
    changes: Sequence[ChangeOf], after: Mapping[str, RecordSet], is_balancer: IsBalancer
) -> Iterator[str]:
    """Yield the aliases that the batch made and that lead to nothing."""
    names = {(one.name, one.type) for one in after.values()}
    for change in changes:
        one = change.record_set
        if change.action == "DELETE" or one.alias is None:
            continue
        zone_id = one.alias.hosted_zone_id
        words = (
            f"Tried to create an alias that targets {one.alias.dns_name}, type {one.type} in zone "
            f"{zone_id}, but "
        )
        if zone_id == one.zone_id:
            if (alias_in_zone(one), one.type) not in names:
                yield words + "the alias target name was not found"
        elif zone_id != BALANCER_ZONE:
            yield words + "ecsd knows load balancers and names of the same zone alone"
        elif not is_balancer(one.alias_name or "") or one.type not in {"A", "AAAA"}:
            yield words + "that target was not found"
