"""Answering DNS questions out of a VPC's plan; packets in, packets out.

Source: RFC 1035 (messages), RFC 2308 (no data); EC2 User Guide, DNS attributes for your VPC.
"""

import re
import struct
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import NamedTuple

from ecsd.records.plan import VpcPlan

HEADER = struct.Struct(">HHHHHH")
QUESTION = struct.Struct(">HH")
A, PTR, ANY, IN = 1, 12, 255, 1
TTL = 10  # seconds
RESPONSE, AUTHORITATIVE, RECURSION_DESIRED, RECURSION = 0x8000, 0x0400, 0x0100, 0x0080
SERVER_FAILURE, NO_SUCH_NAME = 2, 3
BALANCERS = ".elb.localhost"
PRIVATE_NAME = re.compile(
    r"ip-(\d{1,3})-(\d{1,3})-(\d{1,3})-(\d{1,3})\.(ec2|[a-z0-9-]+\.compute)\.internal"
)
POINTER = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa")


class Known(NamedTuple):
    """What is known of a name: its addresses, or the name that an address has."""

    addresses: tuple[str, ...] = ()
    pointer: str = ""
    exists: bool = True


class Question(NamedTuple):
    """One question. name: lower case, without the final dot; end: where it ends in the packet."""

    identifier: int
    flags: int
    name: str
    kind: int
    end: int


class MalformedError(Exception):
    """The packet is no question that can be answered."""


def parse_question(packet: bytes) -> Question:
    """Return the packet's first question; MalformedError when there is none."""
    try:
        identifier, flags, questions, *_ = HEADER.unpack_from(packet)
        labels, position = [], HEADER.size
        while True:
            length = packet[position]
            position += 1
            if length == 0:
                break
            if length > 63:  # noqa: PLR2004 - RFC 1035: two high bits mean a pointer
                raise MalformedError("a pointer in a question")
            labels.append(packet[position : position + length].decode("ascii"))
            position += length
        kind, _ = QUESTION.unpack_from(packet, position)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise MalformedError(str(error)) from error
    if questions != 1 or flags & RESPONSE:
        raise MalformedError("not one question")
    return Question(identifier, flags, ".".join(labels).lower(), kind, position + QUESTION.size)


def resolve(question: Question, plan: VpcPlan) -> Known | None:
    """Return what a VPC itself knows of a name, or None: ask elsewhere.

    Its own: load balancers, the private names of its addresses and back, and ``localhost``
    (RFC 6761), of which nobody else may be asked.
    """
    name = question.name
    if name in plan.names:
        return Known(addresses=tuple(plan.names[name]))
    if name == "localhost" or name.endswith(".localhost"):
        balancer = name.endswith(BALANCERS)  # one that is not there
        return Known(exists=False) if balancer else Known(addresses=("127.0.0.1",))
    private = PRIVATE_NAME.fullmatch(name)
    if private is not None:
        address = _address(private.groups()[:4], plan)
        return None if address is None else Known(addresses=(str(address),))
    backwards = POINTER.fullmatch(name)
    if backwards is not None:
        address = _address(backwards.groups()[::-1], plan)
        if address is not None:
            return Known(pointer=f"ip-{str(address).replace('.', '-')}.{plan.domain}")
    return None


def answer(packet: bytes, question: Question, known: Known) -> bytes:
    """Return the packet that answers; another type of a name that exists has no records."""
    records = []
    if question.kind in {A, ANY}:
        records += [(A, IPv4Address(one).packed) for one in known.addresses]
    if question.kind in {PTR, ANY} and known.pointer:
        records.append((PTR, _packed_name(known.pointer)))
    flags = RESPONSE | AUTHORITATIVE | RECURSION | (question.flags & RECURSION_DESIRED)
    code = 0 if known.exists else NO_SUCH_NAME
    head = HEADER.pack(question.identifier, flags | code, 1, len(records), 0, 0)
    body = b"".join(
        struct.pack(">HHHIH", 0xC00C, kind, IN, TTL, len(value)) + value for kind, value in records
    )
    return head + packet[HEADER.size : question.end] + body


def _address(parts: Sequence[str], plan: VpcPlan) -> IPv4Address | None:
    """Return the address of four decimal parts, if it is in the VPC's range."""
    try:
        address = IPv4Address(".".join(parts))
    except AddressValueError:
        return None
    return address if address in IPv4Network(plan.cidr) else None


def _packed_name(name: str) -> bytes:
    labels = (label.encode("ascii") for label in name.split("."))
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def fail(packet: bytes, question: Question, code: int = SERVER_FAILURE) -> bytes:
    """Return the packet that answers with an error."""
    flags = RESPONSE | RECURSION | (question.flags & RECURSION_DESIRED) | code
    head = HEADER.pack(question.identifier, flags, 1, 0, 0, 0)
    return head + packet[HEADER.size : question.end]
