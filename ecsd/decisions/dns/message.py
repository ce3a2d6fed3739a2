"""DNS messages: questions read, answers written, other resolvers' answers taken apart.

Source: RFC 1035 (messages, truncation), RFC 2308 (negative answers), RFC 2782 (SRV), RFC 3596
(AAAA), RFC 6891 (EDNS0).
"""

import struct
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

HEADER = struct.Struct(">HHHHHH")
QUESTION = struct.Struct(">HH")
RECORD = struct.Struct(">HHIH")  # type, class, TTL, length of what follows
A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, OPT = 1, 2, 5, 6, 12, 15, 16, 28, 33, 41
CAA, ANY, IN = 257, 255, 1
KINDS = {
    "A": A,
    "AAAA": AAAA,
    "CAA": CAA,
    "CNAME": CNAME,
    "MX": MX,
    "NS": NS,
    "PTR": PTR,
    "SOA": SOA,
    "SRV": SRV,
    "TXT": TXT,
    "ANY": ANY,
}
RESPONSE, AUTHORITATIVE, TRUNCATED = 0x8000, 0x0400, 0x0200
RECURSION_DESIRED, RECURSION = 0x0100, 0x0080
SERVER_FAILURE, NO_SUCH_NAME, REFUSED = 2, 3, 5
PLAIN_SIZE = 512  # bytes of a datagram for one who says nothing of EDNS
LARGEST_DATAGRAM = 1232  # bytes, whatever size is offered: passes every link unbroken
LARGEST = 65535
LONGEST_LABEL = 63
POINTER = 0xC0
MOST_POINTERS = 64  # that one name is followed through
ADDRESSES = 10_000  # whose packed form is remembered
VERBATIM = frozenset({A, AAAA, SRV, TXT, CAA})  # hold no name that may be compressed
NAMES = {NS: (0, 1, 0), CNAME: (0, 1, 0), PTR: (0, 1, 0), MX: (2, 1, 0), SOA: (0, 2, 20)}
# ^ of the others: bytes before the names, how many names, bytes after them


class Question(NamedTuple):
    """One question. name: lower case, without the final dot; end: where it ends in the packet.

    size: the largest datagram that the asker takes by EDNS0; None: it says nothing of EDNS.
    """

    identifier: int
    flags: int
    name: str
    kind: int
    end: int
    size: int | None = None


class Resource(NamedTuple):
    """A resource record. name: without the final dot; ttl: seconds."""

    name: str
    kind: int
    ttl: int
    content: bytes


class Answer(NamedTuple):
    """What is known of a name. ask: the name that somebody else has to be asked for beside it."""

    code: int = 0
    answers: tuple[Resource, ...] = ()
    authority: tuple[Resource, ...] = ()
    additional: tuple[Resource, ...] = ()
    ask: str | None = None
    truncated: bool = False


class MalformedError(Exception):
    """The packet is no question that can be answered, or no answer."""


def parse_question(packet: bytes) -> Question:
    """Return the packet's only question; MalformedError when there is none."""
    try:
        identifier, flags, questions, answers, authority, additional = HEADER.unpack_from(packet)
        labels, position = [], HEADER.size
        while True:
            length = packet[position]
            position += 1
            if length == 0:
                break
            if length > LONGEST_LABEL:
                raise MalformedError("a pointer in a question")
            labels.append(packet[position : position + length].decode("ascii"))
            position += length
        kind, _ = QUESTION.unpack_from(packet, position)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise MalformedError(str(error)) from error
    if questions != 1 or flags & RESPONSE:
        raise MalformedError("not one question")
    end = position + QUESTION.size
    size = _offered_size(packet, end, answers + authority + additional)
    return Question(identifier, flags, ".".join(labels).lower(), kind, end, size)


def encode(packet: bytes, question: Question, answer: Answer, limit: int | None = None) -> bytes:
    """Return the packet that answers.

    limit: bytes; None: what a datagram to this asker may have. What does not fit is left out:
    first the additional records, then all, and the asker is told to come by TCP.
    """
    if limit is None:
        limit = min(max(question.size or 0, PLAIN_SIZE), LARGEST_DATAGRAM)
    whole = _packet(packet, question, answer)
    if len(whole) > limit and answer.additional:
        whole = _packet(packet, question, answer._replace(additional=()))
    if len(whole) > limit:
        whole = _packet(packet, question, Answer(code=answer.code, truncated=True))
    return whole


def fail(packet: bytes, question: Question, code: int = SERVER_FAILURE) -> bytes:
    """Return the packet that answers with an error."""
    flags = RESPONSE | RECURSION | (question.flags & RECURSION_DESIRED) | code
    head = HEADER.pack(question.identifier, flags, 1, 0, 0, _edns_count(question))
    return head + packet[HEADER.size : question.end] + _edns(question)


def ask(identifier: int, name: str, kind: int) -> bytes:
    """Return the packet that asks for a name, recursion wanted."""
    head = HEADER.pack(identifier, RECURSION_DESIRED, 1, 0, 0, 0)
    return head + packed_name(name) + QUESTION.pack(kind, IN)


def parse_answer(packet: bytes) -> Answer:
    """Return what another resolver says, or MalformedError; records of odd types are left out."""
    try:
        _, flags, questions, count, *_ = HEADER.unpack_from(packet)
        position = HEADER.size
        for _ in range(questions):
            position = read_name(packet, position)[1] + QUESTION.size
        answers: list[Resource] = []
        for _ in range(count):
            name, position = read_name(packet, position)
            kind, _, ttl, length = RECORD.unpack_from(packet, position)
            position += RECORD.size
            if kind in NAMES:
                content = _unpacked(packet, position, *NAMES[kind])
                answers.append(Resource(name, kind, ttl, content))
            elif kind in VERBATIM:
                content = packet[position : position + length]
                answers.append(Resource(name, kind, ttl, content))
            position += length
    except (struct.error, IndexError, UnicodeError) as error:
        raise MalformedError(str(error)) from error
    if not flags & RESPONSE:
        raise MalformedError("no answer")
    return Answer(code=flags & 0xF, answers=tuple(answers), truncated=bool(flags & TRUNCATED))


def address_record(name: str, address: str, ttl: int) -> Resource:
    """Return the A or AAAA record of an address."""
    kind = AAAA if ":" in address else A
    return Resource(name, kind, ttl, _packed_address(address))


@lru_cache(ADDRESSES)
def _packed_address(address: str) -> bytes:
    return ip_address(address).packed


def packed_name(name: str) -> bytes:
    """Return a name as messages carry it, uncompressed; UnicodeError for what is not ASCII."""
    labels = (label.encode("ascii") for label in name.split(".") if label)
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def shown(record: Resource) -> str:
    """Return a record's content in words, as dig shows it."""
    match record.kind:
        case k if k == A:
            return str(IPv4Address(record.content))
        case k if k == AAAA:
            return str(IPv6Address(record.content))
        case k if k == SRV:
            priority, weight, port = struct.unpack_from(">HHH", record.content)
            return f"{priority} {weight} {port} {read_name(record.content, 6)[0]}"
        case k if k == TXT:
            return " ".join(f'"{one}"' for one in _strings(record.content))
        case k if k == CAA:
            tag_end = 2 + record.content[1]
            tag, value = record.content[2:tag_end].decode(), record.content[tag_end:].decode()
            return f'{record.content[0]} {tag} "{value}"'
        case k if k in NAMES:
            return _shown_names(record.content, *NAMES[k])
        case _:
            return record.content.hex()


def _shown_names(content: bytes, before: int, count: int, after: int) -> str:
    """Return numbers and names in words; MX has one number before, SOA five after."""
    words = [str(int.from_bytes(content[:before]))] if before else []
    position = before
    for _ in range(count):
        name, position = read_name(content, position)
        words.append(name)
    numbers = struct.unpack_from(f">{after // 4}I", content, position)
    return " ".join([*words, *map(str, numbers)])


def _strings(content: bytes) -> list[str]:
    r"""Return a TXT record's strings; bytes that are no ASCII as ``\ooo``."""
    found, at = [], 0
    while at < len(content):
        end = at + 1 + content[at]
        text = content[at + 1 : end].decode("latin-1")
        found.append("".join(one if " " <= one <= "~" else f"\\{ord(one):03o}" for one in text))
        at = end
    return found


def _unpacked(packet: bytes, position: int, before: int, count: int, after: int) -> bytes:
    """Return content whose names may be compressed, uncompressed."""
    content = packet[position : position + before]
    position += before
    for _ in range(count):
        name, position = read_name(packet, position)
        content += packed_name(name)
    return content + packet[position : position + after]


def _packet(packet: bytes, question: Question, answer: Answer) -> bytes:
    flags = RESPONSE | AUTHORITATIVE | RECURSION | (question.flags & RECURSION_DESIRED)
    flags |= answer.code | (TRUNCATED if answer.truncated else 0)
    sections = (answer.answers, answer.authority, answer.additional)
    counts = [len(one) for one in sections]
    counts[2] += _edns_count(question)
    head = HEADER.pack(question.identifier, flags, 1, *counts)
    records = (_written(one, question) for section in sections for one in section)
    return head + packet[HEADER.size : question.end] + b"".join(records) + _edns(question)


def _written(record: Resource, question: Question) -> bytes:
    same = record.name.lower() == question.name
    name = b"\xc0\x0c" if same else packed_name(record.name)
    return name + RECORD.pack(record.kind, IN, record.ttl, len(record.content)) + record.content


def _edns(question: Question) -> bytes:
    """Return the OPT record of an answer, to one who sent one."""
    if question.size is None:
        return b""
    return b"\0" + RECORD.pack(OPT, LARGEST_DATAGRAM, 0, 0)


def _edns_count(question: Question) -> int:
    return 0 if question.size is None else 1


def _offered_size(packet: bytes, position: int, records: int) -> int | None:
    """Return the size in the question's OPT record, or None when there is none to be read."""
    try:
        for _ in range(records):
            _, position = read_name(packet, position)
            kind, size, _, length = RECORD.unpack_from(packet, position)
            if kind == OPT:
                return int(size)
            position += RECORD.size + length
    except (struct.error, IndexError, UnicodeError, MalformedError):
        return None  # what lies after a question decides only how large its answer may be
    return None


def read_name(packet: bytes, position: int) -> tuple[str, int]:
    """Return a name, which may be compressed, and where it ends."""
    labels: list[str] = []
    end, followed = None, 0
    while True:
        length = packet[position]
        if length >= POINTER:
            followed += 1
            if followed > MOST_POINTERS:
                raise MalformedError("a name that leads in circles")
            end = position + 2 if end is None else end
            position = int.from_bytes(packet[position : position + 2]) & 0x3FFF
            continue
        position += 1
        if length == 0:
            return ".".join(labels), position if end is None else end
        labels.append(packet[position : position + length].decode("ascii"))
        position += length


def srv_record(name: str, port: int, host: str, ttl: int) -> Resource:
    """Return an SRV record, priority and weight 1 as Cloud Map's are."""
    return Resource(name, SRV, ttl, struct.pack(">HHH", 1, 1, port) + packed_name(host))
