"""Other resolvers' answers, kept for as long as they allow.

Source: RFC 1035 7.4, RFC 2308 5 (negative answers live as their SOA record says), RFC 6891 6.1.1
(what an OPT record says of time is no TTL).
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from ecsd.decisions.dns.message import (
    HEADER,
    NO_SUCH_NAME,
    OPT,
    QUESTION,
    RECORD,
    RESPONSE,
    SOA,
    TRUNCATED,
    MalformedError,
    read_name,
)

LONGEST = 3600  # seconds: an answer of the host's network, which may be another one tomorrow
MOST = 10_000  # answers, together
TTL = struct.Struct(">I")
TTL_AT = 4  # bytes into a record, after its name
WHAT = slice(2, None)  # of a packet: all but its identifier
CODE = 0xF


class _Kept(NamedTuple):
    answer: bytes
    places: tuple[tuple[int, int], ...]  # where a TTL is, and what it was
    since: float
    until: float


class AnswerCache:
    """Answers by question, to the byte: who asks in capitals is answered in capitals.

    Times are seconds of one clock that the caller reads.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: dict[bytes, _Kept] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, packet: bytes, now: float) -> bytes | None:
        """Return the answer to a question, its TTLs less by the time that has passed."""
        kept = self._kept.get(packet[WHAT])
        if kept is None:
            return None
        if now >= kept.until or now < kept.since:
            del self._kept[packet[WHAT]]
            return None
        answer = bytearray(packet[:2] + kept.answer)
        for place, ttl in kept.places:
            TTL.pack_into(answer, place, max(0, ttl - int(now - kept.since)))
        return bytes(answer)

    def keep(self, packet: bytes, answer: bytes, now: float) -> None:
        """Keep the answer to a question, if it is one and may be kept."""
        if not _answers(packet, answer):
            return
        try:
            records = [*_records(answer)]
        except (MalformedError, struct.error, IndexError, UnicodeError):
            return  # it is passed on as it came, and asked for again
        life = lifetime(answer, records)
        if life <= 0:
            return
        self._kept.pop(packet[WHAT], None)
        if len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]  # the one kept longest
        places = tuple((one.place, one.ttl) for one in records)
        self._kept[packet[WHAT]] = _Kept(answer[WHAT], places, now, now + life)


class Record(NamedTuple):
    """A record of a packet. place: of its TTL; minimum: of an SOA record."""

    kind: int
    ttl: int
    place: int
    minimum: int | None = None


def lifetime(answer: bytes, records: list[Record]) -> int:
    """Return how many seconds an answer may be kept; 0: not at all."""
    _, flags, _, answers, *_ = HEADER.unpack_from(answer)
    if flags & TRUNCATED or flags & CODE not in {0, NO_SUCH_NAME} or not records:
        return 0
    life = min(one.ttl for one in records)
    if flags & CODE == NO_SUCH_NAME or not answers:
        ends = [one.minimum for one in records if one.minimum is not None]
        life = min(life, *ends) if ends else 0
    return min(life, LONGEST)


def _answers(packet: bytes, answer: bytes) -> bool:
    """Whether it is the answer to this question, and not to another one or to none."""
    if len(answer) < HEADER.size or answer[:2] != packet[:2]:
        return False
    _, flags, questions, *_ = HEADER.unpack_from(answer)
    try:
        end = read_name(packet, HEADER.size)[1] + QUESTION.size
    except (MalformedError, IndexError, UnicodeError):
        return False
    own = packet[HEADER.size : end]
    return bool(flags & RESPONSE) and questions == 1 and answer[HEADER.size : end] == own


def _records(packet: bytes) -> Iterator[Record]:
    """Yield all records but OPT."""
    _, _, questions, *counts = HEADER.unpack_from(packet)
    position = HEADER.size
    for _ in range(questions):
        position = read_name(packet, position)[1] + QUESTION.size
    for _ in range(sum(counts)):
        position = read_name(packet, position)[1]
        kind, _, ttl, length = RECORD.unpack_from(packet, position)
        content = position + RECORD.size
        if content + length > len(packet):
            raise MalformedError("a record that ends beyond its packet")
        minimum = TTL.unpack_from(packet, content + length - TTL.size)[0] if kind == SOA else None
        if kind != OPT:
            yield Record(kind, ttl, position + TTL_AT, minimum)
        position = content + length
