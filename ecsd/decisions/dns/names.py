"""Which names a VPC answers itself, out of its plan and the zones that it asks.

Source: EC2 User Guide, DNS attributes for your VPC; Route 53 Developer Guide, private zones.
"""

import re
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address

from ecsd.decisions.dns.message import (
    ANY,
    NO_SUCH_NAME,
    PTR,
    A,
    Answer,
    Question,
    Resource,
    address_record,
    packed_name,
)
from ecsd.decisions.dns.record_answer import Chance
from ecsd.decisions.dns.zone_answer import Zone, answer_in, zone_of
from ecsd.decisions.network.addressing import is_in
from ecsd.records.plan_network import VpcPlan

TTL = 10  # seconds
LONGEST_CHAIN = 8  # CNAMEs followed for one answer
BALANCERS = ".elb.localhost"
PRIVATE_NAME = re.compile(
    r"ip-(\d{1,3})-(\d{1,3})-(\d{1,3})-(\d{1,3})\.(ec2|[a-z0-9-]+\.compute)\.internal"
)
POINTER = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa")


def resolve(
    question: Question, plan: VpcPlan, zones: Sequence[Zone], chance: Chance
) -> Answer | None:
    """Return what a VPC itself knows of a name, or None: ask elsewhere.

    zones: those that this VPC asks. A chain of CNAMEs is followed as far as it is known
    here; ``ask`` of the answer names the end that somebody else knows.
    """
    return _resolve(question.name, question.kind, plan, zones, chance, LONGEST_CHAIN)


def _resolve(
    name: str, kind: int, plan: VpcPlan, zones: Sequence[Zone], chance: Chance, depth: int
) -> Answer | None:
    known = _own(name, kind, plan)
    if known is not None:
        return known
    zone = zone_of(name, zones)
    if zone is None:
        return _private(name, kind, plan)
    answer = answer_in(zone, name, kind, chance, plan.names)
    if answer is None or answer.ask is None:
        return answer
    if depth == 0:
        return answer._replace(ask=None)  # a circle, or as good as one
    further = _resolve(answer.ask, kind, plan, zones, chance, depth - 1)
    if further is None:
        return answer
    return further._replace(answers=(*answer.answers, *further.answers))


def _own(name: str, kind: int, plan: VpcPlan) -> Answer | None:
    """Answer for balancers, endpoints, ``localhost`` (RFC 6761), of which nobody else is asked."""
    known = _known_as(name, plan)
    if known is not None:
        return _addresses(name, kind, *plan.names[known])
    if name == "localhost" or name.endswith(".localhost"):
        if name.endswith(BALANCERS):  # one that is not there
            return Answer(code=NO_SUCH_NAME)
        return _addresses(name, kind, "127.0.0.1")
    return None


def _known_as(name: str, plan: VpcPlan) -> str | None:
    """Return the name under which the plan has one: itself, or a wide one above it."""
    if name in plan.names:
        return name
    labels = name.split(".")
    above = (f"*.{'.'.join(labels[number:])}" for number in range(1, len(labels)))
    return next((one for one in above if one in plan.names), None)


def _private(name: str, kind: int, plan: VpcPlan) -> Answer | None:
    """Answer for the private names of the VPC's addresses, and back."""
    private = PRIVATE_NAME.fullmatch(name)
    if private is not None:
        address = _address(private.groups()[:4], plan)
        return None if address is None else _addresses(name, kind, str(address))
    backwards = POINTER.fullmatch(name)
    address = _address(backwards.groups()[::-1], plan) if backwards else None
    if address is None:
        return None
    own = packed_name(f"ip-{str(address).replace('.', '-')}.{plan.domain}")
    return Answer(answers=(Resource(name, PTR, TTL, own),) if kind in {PTR, ANY} else ())


def _addresses(name: str, kind: int, *addresses: str) -> Answer:
    """Return A records; another type of a name that exists has none."""
    wanted = addresses if kind in {A, ANY} else ()
    return Answer(answers=tuple(address_record(name, one, TTL) for one in wanted))


def _address(parts: Sequence[str | None], plan: VpcPlan) -> IPv4Address | None:
    """Return the address of four decimal parts, if it is in the VPC's range."""
    try:
        address = IPv4Address(".".join(part or "" for part in parts))
    except AddressValueError:
        return None
    return address if is_in(plan.cidrs, str(address)) else None
