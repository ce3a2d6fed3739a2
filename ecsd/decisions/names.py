"""Answering DNS questions out of a VPC's plan; packets in, packets out.

Source: RFC 1035 (messages), RFC 2308 (no data); EC2 User Guide, DNS attributes for your VPC.
"""

import re
import struct
from collections.abc import Mapping, Sequence
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import NamedTuple

HEADER = struct.Struct(">HHHHHH")
QUESTION = struct.Struct(">HH")
A, ANY, IN = 1, 255, 1
TTL = 10  # seconds
RESPONSE, AUTHORITATIVE, RECURSION_DESIRED, RECURSION = 0x8000, 0x0400, 0x0100, 0x0080
SERVER_FAILURE = 2
PRIVATE_NAME = re.compile(
    r"ip-(\d{1,3})-(\d{1,3})-(\d{1,3})-(\d{1,3})\.(ec2|[a-z0-9-]+\.compute)\.internal"
)


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


def resolve(
    question: Question, names: Mapping[str, Sequence[str]], cidr: str
) -> Sequence[str] | None:
    """Return the addresses that a VPC itself knows for a name, or None: ask elsewhere."""
    known = names.get(question.name)
    if known is not None:
        return known
    private = PRIVATE_NAME.fullmatch(question.name)
    if private is None:
        return None
    try:
        address = IPv4Address(".".join(private.groups()[:4]))
    except AddressValueError:
        return None
    return (str(address),) if address in IPv4Network(cidr) else None


def answer(packet: bytes, question: Question, addresses: Sequence[str]) -> bytes:
    """Return the packet that answers with addresses; for AAAA there are none."""
    chosen = addresses if question.kind in {A, ANY} else ()
    flags = RESPONSE | AUTHORITATIVE | RECURSION | (question.flags & RECURSION_DESIRED)
    head = HEADER.pack(question.identifier, flags, 1, len(chosen), 0, 0)
    body = b"".join(
        struct.pack(">HHHIH", 0xC00C, A, IN, TTL, 4) + IPv4Address(one).packed for one in chosen
    )
    return head + packet[HEADER.size : question.end] + body


def fail(packet: bytes, question: Question, code: int = SERVER_FAILURE) -> bytes:
    """Return the packet that answers with an error."""
    flags = RESPONSE | RECURSION | (question.flags & RECURSION_DESIRED) | code
    head = HEADER.pack(question.identifier, flags, 1, 0, 0, 0)
    return head + packet[HEADER.size : question.end]
