"""``ecsd why connect FROM TO PORT``: what lets a connection pass, or refuses it.

The same plans that the hosts enforce are asked, by ``decisions/vpc/reachability.py``; nothing is
sent.
"""

import asyncio
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from ecsd.cli.api import Api
from ecsd.cli.balancers import balancers
from ecsd.cli.dig import asked
from ecsd.cli.find import apis, find_service_or_task
from ecsd.decisions.dns.message import A, MalformedError, shown
from ecsd.decisions.network.addressing import is_address, is_in
from ecsd.decisions.network.security_group import LAST_PORT, Flow
from ecsd.decisions.vpc.reachability import Step, interface_at, trace
from ecsd.errors import NetworkError
from ecsd.records.plan_network import VpcPlan
from ecsd.settings import Settings

ECHO = Flow("icmp", "", "", 8)
PORT = re.compile(r"(\d{1,5})(?:/(tcp|udp))?")


class UnclearError(Exception):
    """It is not clear what a person means."""


class End(NamedTuple):
    """One end of a connection: its addresses, in one VPC or, with None, anywhere."""

    name: str
    vpc_id: str | None
    addresses: tuple[str, ...]


def explain_connection(
    settings: Settings, source: str, destination: str, port: str
) -> tuple[bool, list[str]]:
    """Return whether a connection passes, and the facts that decide it.

    Raises:
        UnclearError: an end or the port cannot be told.
    """
    plans = vpc_plans(Api(settings))
    flow = parsed_port(port)
    sender = _end(settings, plans, source, None)
    receiver = _end(settings, plans, destination, sender.vpc_id)
    told = {}
    for one in sender.addresses:
        for other in receiver.addresses:
            plan = place_of(plans, sender, receiver, one, other)
            steps = list(trace(plan, flow._replace(source=one, destination=other), plans))
            told[one, other] = all(step.passes for step in steps), steps
    facts = []
    for (one, other), (passes, steps) in told.items():
        facts += [_summary(sender, receiver, (one, other), port, passes=passes), *_words(steps)]
    return all(passes for passes, _ in told.values()), facts


def vpc_plans(api: Api) -> dict[str, VpcPlan]:
    """Return every VPC's plan, by its id."""
    plans = [msgspec.convert(one["plan"], VpcPlan) for one in api.inspect("vpcs")]
    return {one.vpc_id: one for one in plans}


def parsed_port(port: str) -> Flow:
    """Return the flow of ``80``, ``53/udp`` or ``icmp``, without its ends."""
    if port == "icmp":
        return ECHO
    found = PORT.fullmatch(port)
    if found is None or int(found[1]) > LAST_PORT:
        raise UnclearError(f"{port} is no port; say 80, 53/udp or icmp")
    return Flow(found[2] or "tcp", "", "", int(found[1]))


def place_of(
    plans: dict[str, VpcPlan], sender: End, receiver: End, source: str, destination: str
) -> VpcPlan:
    """Return the VPC in which a connection begins, or that it enters from outside."""
    for end in (sender, receiver):
        if end.vpc_id is not None:
            return plans[end.vpc_id]
    for address in (source, destination):
        having = [one for one in plans.values() if interface_at(one, address)]
        if len(having) == 1:
            return having[0]
        if having:
            names = ", ".join(sorted(one.vpc_id for one in having))
            raise UnclearError(f"{address} is in several VPCs ({names}); name the task instead")
    raise UnclearError(f"neither {source} nor {destination} is an address of a VPC here")


def _summary(sender: End, receiver: End, pair: tuple[str, str], port: str, *, passes: bool) -> str:
    does = "gets through" if passes else "does not get through"
    ends = (
        one.name if one.name == address else f"{one.name} ({address})"
        for one, address in zip((sender, receiver), pair, strict=True)
    )
    return f"{' to '.join(ends)}, {port}: {does}"


def _words(steps: Sequence[Step]) -> Iterator[str]:
    for step in steps:
        yield step.words if step.passes else f"it stops here: {step.words}"


# ------------------------------------------------------------------ ends


def _end(settings: Settings, plans: dict[str, VpcPlan], name: str, asking: str | None) -> End:
    """Return what a person means. asking: the VPC in which a name is asked."""
    if is_address(name):
        return End(name, None, (name,))
    found = find_service_or_task(settings, name)
    if found is not None:
        running = [found.task] if found.task is not None else found.tasks()
        placed = [one for one in map(_address_of, running) if one is not None]
        for plan in plans.values():
            of_plan = {one.network_interface_id: one.address for one in plan.interfaces}
            addresses = tuple(of_plan[one] for one in placed if one in of_plan)
            if addresses:
                return End(name, plan.vpc_id, addresses)
        raise UnclearError(f"{name} has no task that runs in a VPC")
    return _balancer(settings, plans, name) or _named(settings, plans, name, asking)


def _address_of(task: dict[str, Any]) -> str | None:
    """Return the id of a task's interface, or None once it is to stop."""
    if task["desiredStatus"] == "STOPPED":
        return None
    for attachment in task["attachments"]:
        for one in attachment["details"]:
            if one["name"] == "networkInterfaceId":
                return str(one["value"])
    return None


def _balancer(settings: Settings, plans: dict[str, VpcPlan], name: str) -> End | None:
    for api in apis(settings):
        for one in balancers(api):
            if name.lower() not in {
                one["LoadBalancerName"].lower(),
                one["LoadBalancerArn"].lower(),
                one["DNSName"].lower(),
            }:
                continue
            plan = plans[one["VpcId"]]
            return End(name, plan.vpc_id, plan.names[one["DNSName"].lower()])
    return None


def _named(settings: Settings, plans: dict[str, VpcPlan], name: str, asking: str | None) -> End:
    """Ask a name in the VPC in which the connection begins."""
    vpc_id = asking or (next(iter(plans)) if len(plans) == 1 else None)
    if vpc_id is None:
        raise UnclearError(f"nothing is called {name}; a name is asked in the VPC of a task")
    if os.geteuid() != 0:
        raise UnclearError(f"{name} is asked inside {vpc_id}: that needs root")
    try:
        answer = asyncio.run(asked(settings, vpc_id, plans[vpc_id].cidr, name, A))
    except (NetworkError, OSError, TimeoutError, EOFError, MalformedError) as error:
        words = str(error) or "nothing came"
        raise UnclearError(f"the resolver of {vpc_id} does not answer: {words}") from error
    addresses = tuple(shown(one) for one in answer.answers if one.kind == A)
    if not addresses:
        raise UnclearError(f"{name} has no address in {vpc_id} (ecsd why {name})")
    inside = all(is_in(plans[vpc_id].cidrs, one) for one in addresses)
    return End(name, vpc_id if inside else None, addresses)
