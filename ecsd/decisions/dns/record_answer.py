"""What a zone's record sets answer: wildcards, choices by weight or chance, aliases, delegations.

Source: Route 53 Developer Guide, routing policies, wildcards in record names, alias records;
RFC 4592 (wildcards).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from ecsd.decisions.dns.message import (
    ANY,
    CNAME,
    KINDS,
    NS,
    A,
    Answer,
    Resource,
    address_record,
    shown,
)
from ecsd.decisions.dns.record_value import packed
from ecsd.records.plan import RecordSetPlan

MOST_VALUES = 8  # of a multivalue answer
ALIAS_TTL = 60  # seconds, of a load balancer's own records
LONGEST_CHAIN = 8  # aliases followed within a zone
RecordSets = Mapping[str, Mapping[int, tuple[RecordSetPlan, ...]]]  # name → type → choices
T = TypeVar("T")


class Chance(Protocol):
    """What decides between equals."""

    def shuffled(self, items: Iterable[T]) -> list[T]:
        """Return the items in random order."""
        ...

    def drawn(self, weights: Sequence[int]) -> int:
        """Return the place of one of the weights, as likely as it is heavy."""
        ...


class Surroundings(NamedTuple):
    """What an answer is made of. balancers: names of load balancers in this VPC → addresses."""

    record_sets: RecordSets
    balancers: Mapping[str, Sequence[str]]
    chance: Chance


def by_name(record_sets: Iterable[RecordSetPlan]) -> RecordSets:
    """Return the record sets as they are looked up."""
    found: dict[str, dict[int, tuple[RecordSetPlan, ...]]] = {}
    for one in record_sets:
        own = found.setdefault(one.name, {})
        own[KINDS[one.record_type]] = (*own.get(KINDS[one.record_type], ()), one)
    return found


def owner_of(name: str, record_sets: RecordSets, parents: frozenset[str]) -> str | None:
    """Return the name whose records answer: its own, or the wildcard beside its closest parent."""
    if name in record_sets:
        return name
    if name in parents:
        return None  # it exists, without records: no wildcard stands for it
    while "." in name:
        name = name.partition(".")[2]
        if f"*.{name}" in record_sets:
            return f"*.{name}"
        if name in record_sets or name in parents:
            return None
    return None


def is_delegated(record_sets: RecordSets, name: str, kind: int, zone: str) -> bool:
    """Tell whether a name lies in a part of the zone that other name servers answer for."""
    while name not in {zone, ""}:
        if NS in record_sets.get(name, {}) and kind != NS:
            return True
        name, kind = name.partition(".")[2], ANY
    return False


def answer_of(name: str, owner: str, kind: int, around: Surroundings) -> Answer:
    """Return what the records of ``owner`` say of a name; ``ask`` is a CNAME's target."""
    own = around.record_sets[owner]
    if CNAME in own and kind not in {CNAME, ANY}:
        records = tuple(_records(name, owner, CNAME, around))
        target = shown(records[0]).lower() if records else None
        return Answer(answers=records, ask=target)
    kinds = own if kind == ANY else (kind,)
    return Answer(answers=tuple(one for of in kinds for one in _records(name, owner, of, around)))


def _records(name: str, owner: str, kind: int, around: Surroundings) -> Iterator[Resource]:
    """Yield the records of one type, aliases followed; they are called ``name``."""
    for _ in range(LONGEST_CHAIN):
        choices = around.record_sets.get(owner, {}).get(kind, ())
        picked = _chosen(choices, around.chance)
        if len(picked) != 1 or picked[0].alias is None:
            yield from _plain(name, kind, picked, around.chance)
            return
        alias = picked[0].alias
        if alias in around.balancers:
            for address in around.chance.shuffled(around.balancers[alias]) if kind == A else ():
                yield address_record(name, address, ALIAS_TTL)
            return
        owner = alias


def _chosen(choices: Sequence[RecordSetPlan], chance: Chance) -> list[RecordSetPlan]:
    """Return the choices that one answer is made of; all count as well when none is."""
    if not choices:
        return []
    if choices[0].failover is not None:
        return [_standing_in(choices)]
    if choices[0].weight is None:
        well = [one for one in choices if one.healthy]
        return chance.shuffled(well or choices)[:MOST_VALUES]
    weighed = [one for one in choices if one.weight] or list(choices)
    well = [one for one in weighed if one.healthy]
    if not well:  # then those of weight 0 stand in, and after them all
        well = [one for one in choices if one.healthy] or weighed
    weights = [one.weight or 0 for one in well]
    return [well[chance.drawn(weights if any(weights) else [1] * len(weights))]]


def _standing_in(choices: Sequence[RecordSetPlan]) -> RecordSetPlan:
    """Return the primary choice, or the secondary one while it alone is well."""
    ordered = sorted(choices, key=lambda one: one.failover != "PRIMARY")
    return next((one for one in ordered if one.healthy), ordered[0])


def _plain(
    name: str, kind: int, picked: Sequence[RecordSetPlan], chance: Chance
) -> Iterator[Resource]:
    for one in picked:
        for value in chance.shuffled(one.values):
            content = packed(one.record_type, value)
            if isinstance(content, bytes):
                yield Resource(name, kind, one.ttl, content)
