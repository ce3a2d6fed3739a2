"""``ecsd dig``: ask for a name as a task would, in its VPC, at its VPC's resolver."""

import argparse
import asyncio
import json
import os
import socket

from ecsd.agent.drivers.namespaces import Namespaces, Visitor
from ecsd.agent.drivers.upstream_names import exchange
from ecsd.cli.api import Api, ApiError
from ecsd.cli.find import apis, find_service_or_task
from ecsd.cli.screen import failed
from ecsd.clock import SystemClock
from ecsd.decisions.dns.message import (
    KINDS,
    NO_SUCH_NAME,
    Answer,
    MalformedError,
    ask,
    parse_answer,
    shown,
)
from ecsd.decisions.network.addresses import resolver
from ecsd.errors import NetworkError
from ecsd.ids import IdSource
from ecsd.settings import Settings

SECONDS = 5.0
CODES = {0: "NOERROR", 2: "SERVFAIL", NO_SUCH_NAME: "NXDOMAIN"}
TYPES = tuple(KINDS)


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("dig", help="what a name is to a task")
    parser.add_argument("name", help="a name, such as web.prod.local")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--vpc", help="the VPC in which to ask")
    place.add_argument("--task", help="the task (id or its beginning) as which to ask")
    parser.add_argument("--type", default="A", choices=TYPES, help="of the records")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the records; the exit status tells whether there are any."""
    if os.geteuid() != 0:
        failed("ecsd dig asks inside a VPC's network namespace: it needs root")
        return 1
    place = _place(arguments, settings)
    if place is None:
        return 1
    try:
        answer = asyncio.run(asked(settings, *place, arguments.name, KINDS[arguments.type]))
    except (NetworkError, OSError, TimeoutError, EOFError, MalformedError) as error:
        failed(f"the resolver of {place[0]} does not answer: {str(error) or 'nothing came'}")
        return 1
    names = {number: name for name, number in KINDS.items()}
    records = [
        {
            "name": one.name,
            "ttl": one.ttl,
            "type": names.get(one.kind, one.kind),
            "value": shown(one),
        }
        for one in answer.answers
    ]
    code = CODES.get(answer.code, str(answer.code))
    if arguments.json:
        print(json.dumps({"vpc": place[0], "status": code, "records": records}, indent=1))
    else:
        for one in records:
            print(f"{one['name']}. {one['ttl']} {one['type']} {one['value']}")
        if not records:
            failed(f"{code} in {place[0]}: no {arguments.type} record (ecsd why {arguments.name})")
    return 0 if records else 1


async def asked(settings: Settings, vpc_id: str, cidr: str, name: str, kind: int) -> Answer:
    """Ask by UDP, and by TCP what is too large for it."""
    visitor, clock = Visitor(), SystemClock()
    path = Namespaces(settings.label).path_of(vpc_id)
    number = int(IdSource().hexadecimal(4), 16)
    packet = ask(number, name.removesuffix("."), kind)
    answer = Answer()
    for protocol in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with await visitor.open_socket(path, protocol) as opened:
            async with clock.deadline(SECONDS):
                answer = parse_answer(await exchange(opened, resolver(cidr), packet))
        if not answer.truncated:
            break
    return answer


def _place(arguments: argparse.Namespace, settings: Settings) -> tuple[str, str] | None:
    """Return the VPC to ask in, and its range."""
    if arguments.task:
        return _of_task(arguments.task, settings)
    known = {vpc_id: cidr for api in apis(settings) for vpc_id, cidr in _vpcs(api).items()}
    if arguments.vpc:
        if arguments.vpc not in known:
            failed(f"there is no VPC {arguments.vpc}")
            return None
        return arguments.vpc, known[arguments.vpc]
    wanted = arguments.name.lower().removesuffix(".")
    asking = {
        vpc_id
        for one in Api(settings).inspect("zones")
        if f".{wanted}".endswith(f".{one['name']}")
        for vpc_id in one["vpc_ids"]
        if vpc_id in known
    }
    candidates = sorted(asking or known)
    if len(candidates) != 1:
        words = ", ".join(candidates) or "none is there"
        failed(f"say in which VPC to ask, by --vpc or --task: {words}")
        return None
    return candidates[0], known[candidates[0]]


def _of_task(reference: str, settings: Settings) -> tuple[str, str] | None:
    found = find_service_or_task(settings, reference)
    if found is None or found.task is None:
        failed(f"no task is called {reference}")
        return None
    details = {
        one["name"]: one["value"]
        for attachment in found.task["attachments"]
        for one in attachment["details"]
    }
    if "subnetId" not in details:
        failed(f"the task {reference} has no interface in a VPC")
        return None
    try:
        subnet = found.api.query("ec2", "DescribeSubnets", **{"SubnetId.1": details["subnetId"]})
    except ApiError as error:
        failed(f"the subnet of the task {reference}: {error}")
        return None
    vpc_id = subnet.findtext(".//vpcId") or ""
    return vpc_id, _vpcs(found.api)[vpc_id]


def _vpcs(api: Api) -> dict[str, str]:
    """Return the VPCs of an account and region with their ranges."""
    answer = api.query("ec2", "DescribeVpcs")
    return {
        one.findtext("vpcId") or "": one.findtext("cidrBlock") or ""
        for one in answer.iterfind("vpcSet/item")
    }
