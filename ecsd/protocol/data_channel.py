"""Session Manager's data channel, seen from the agent: frames, and the order that both ends keep.

A session sends numbered stream messages, each acknowledged by the other end and sent again until it
is; what comes out of order waits. No I/O and no clock here: bytes in, events and bytes out.
Source: AWS Systems Manager session-manager-plugin, message and data channel (its published
sources); amazon-ssm-agent, session contracts.
"""

import json
import struct
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from ecsd.errors import EcsdError

HEADER = struct.Struct(">I32sIQqQ16s32sI")  # all before the payload's length
LENGTH = struct.Struct(">I")
INPUT, OUTPUT = "input_stream_data", "output_stream_data"
ACKNOWLEDGE, CLOSED = "acknowledge", "channel_closed"
DATA, SIZE, HANDSHAKE_REQUEST, HANDSHAKE_RESPONSE, HANDSHAKE_COMPLETE, FLAG = 1, 3, 5, 6, 7, 10
TERMINATE = 2  # of a FLAG
SUCCESS = 1  # of a client's action
BOTH_ENDS = 3  # SYN and FIN: a message of its own
PIECE = 1024  # bytes of output in one message
WINDOW = 256  # messages sent and not acknowledged
AHEAD = 1000  # messages kept that came too early
PATIENCE = timedelta(milliseconds=500)
VERSION = "3.3.0.0"  # of an SSM agent: clients ask whether it knows what they can
LARGEST_SIDE = 65535


class DataChannelError(EcsdError):
    """The other end does not speak the protocol."""


class Message(NamedTuple):
    """A frame. created: milliseconds since 1970."""

    kind: str
    sequence: int
    flags: int
    message_id: UUID
    payload_type: int
    payload: bytes
    created: int


class Ready(NamedTuple):
    """The handshake is done: output may begin."""


class Typed(NamedTuple):
    """What the person typed."""

    data: bytes


class Resized(NamedTuple):
    """The person's terminal has another size."""

    columns: int
    rows: int


class Terminated(NamedTuple):
    """The person wants the session ended."""


Event = Ready | Typed | Resized | Terminated


def encode(message: Message) -> bytes:
    """Return a message's bytes. The id's halves change places, as in AWS's own clients."""
    raw = message.message_id.bytes
    head = HEADER.pack(
        HEADER.size,
        message.kind.encode().ljust(32),
        1,
        message.created,
        message.sequence,
        message.flags,
        raw[8:] + raw[:8],
        sha256(message.payload).digest(),
        message.payload_type,
    )
    return head + LENGTH.pack(len(message.payload)) + message.payload


def decode(data: bytes) -> Message:
    """Return the message of a frame.

    Raises:
        DataChannelError: it is cut off, or its digest is another payload's.
    """
    try:
        length, kind, _, created, sequence, flags, raw, digest, payload_type = HEADER.unpack_from(
            data
        )
        (size,) = LENGTH.unpack_from(data, length)
    except struct.error as error:
        raise DataChannelError(f"a message is cut off: {error}") from error
    payload = data[length + LENGTH.size :]
    if len(payload) != size or (size and sha256(payload).digest() != digest):
        raise DataChannelError("a message's payload is not the one it was sent with")
    name = kind.strip(b"\0 ").decode(errors="replace")
    message_id = UUID(bytes=raw[8:] + raw[:8])
    return Message(name, sequence, flags, message_id, payload_type, payload, created)


class _Sent(NamedTuple):
    frame: bytes
    at: datetime


class DataChannel:
    """One session's state. Frames to be sent gather in ``outgoing`` until they are taken."""

    def __init__(self, session_id: str, new_id: Callable[[], UUID]) -> None:
        self.outgoing: list[bytes] = []
        self._session_id = session_id
        self._new_id = new_id
        self._next = 0  # sequence of the next message that we send
        self._expected = 0  # of the next one that we hear
        self._early: dict[int, Message] = {}
        self._unheard: dict[int, _Sent] = {}  # sequence → sent, not acknowledged
        self._ready = False

    @property
    def has_room(self) -> bool:
        """Tell whether more output may be sent now."""
        return self._ready and len(self._unheard) < WINDOW

    @property
    def is_heard(self) -> bool:
        """Tell whether the other end has acknowledged everything."""
        return not self._unheard

    def begin(self, now: datetime) -> None:
        """Ask the client to be a terminal of an interactive command."""
        action = {
            "ActionType": "SessionType",
            "ActionParameters": {"SessionType": "InteractiveCommands", "Properties": {}},
        }
        request = {"AgentVersion": VERSION, "RequestedClientActions": [action]}
        self._send(HANDSHAKE_REQUEST, _json(request), now)

    def write(self, data: bytes, now: datetime) -> None:
        """Send output of the command."""
        for start in range(0, len(data), PIECE):
            self._send(DATA, data[start : start + PIECE], now)

    def close(self, words: str, now: datetime) -> None:
        """Tell the client that the session is over. words: why; empty: it simply ended."""
        content = {
            "MessageType": CLOSED,
            "MessageId": str(self._new_id()),
            "DestinationId": "",
            "SessionId": self._session_id,
            "SchemaVersion": 1,
            "CreatedDate": now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "Output": words,
        }
        self._put(CLOSED, 0, BOTH_ENDS, 0, _json(content), now)

    def send_again(self, now: datetime) -> None:
        """Send what was not acknowledged in time: a client drops what it is not ready for."""
        for sequence, sent in self._unheard.items():
            if now - sent.at >= PATIENCE:
                self._unheard[sequence] = sent._replace(at=now)
                self.outgoing.append(sent.frame)

    def receive(self, data: bytes, now: datetime) -> list[Event]:
        """Take a frame in and return what it means, in the order of the session.

        Raises:
            DataChannelError: it means nothing.
        """
        message = decode(data)
        if message.kind == ACKNOWLEDGE:
            self._unheard.pop(_number(message, "AcknowledgedMessageSequenceNumber"), None)
            return []
        if message.kind != INPUT:
            return []  # publication is started and paused between the client and AWS
        if message.sequence > self._expected + AHEAD:
            return []  # not acknowledged: it comes again
        self._acknowledge(message, now)
        if message.sequence >= self._expected:
            self._early[message.sequence] = message
        events: list[Event] = []
        while (following := self._early.pop(self._expected, None)) is not None:
            self._expected += 1
            events += self._meaning(following, now)
        return events

    # ------------------------------------------------------------------ inside

    def _meaning(self, message: Message, now: datetime) -> list[Event]:
        match message.payload_type:
            case t if t == HANDSHAKE_RESPONSE:
                return self._shaken(message, now)
            case t if t == DATA:
                return [Typed(message.payload)]
            case t if t == SIZE:
                sides = (_number(message, "cols"), _number(message, "rows"))
                return [Resized(*sides)] if all(0 < one <= LARGEST_SIDE for one in sides) else []
            case t if t == FLAG:
                return [Terminated()] if message.payload == TERMINATE.to_bytes(4, "big") else []
            case _:
                return []

    def _shaken(self, message: Message, now: datetime) -> list[Event]:
        actions = _object(message).get("ProcessedClientActions") or []
        refused = [one.get("Error") for one in actions if one.get("ActionStatus") != SUCCESS]
        if refused:
            raise DataChannelError(f"the client cannot take part: {refused[0]}")
        self._send(
            HANDSHAKE_COMPLETE, _json({"HandshakeTimeToComplete": 0, "CustomerMessage": ""}), now
        )
        self._ready = True
        return [Ready()]

    def _acknowledge(self, message: Message, now: datetime) -> None:
        content = {
            "AcknowledgedMessageType": message.kind,
            "AcknowledgedMessageId": str(message.message_id),
            "AcknowledgedMessageSequenceNumber": message.sequence,
            "IsSequentialMessage": True,
        }
        self._put(ACKNOWLEDGE, 0, BOTH_ENDS, 0, _json(content), now)

    def _send(self, payload_type: int, payload: bytes, now: datetime) -> None:
        sequence, self._next = self._next, self._next + 1
        flags = 1 if sequence == 0 else 0
        frame = self._put(OUTPUT, sequence, flags, payload_type, payload, now)
        self._unheard[sequence] = _Sent(frame, now)

    def _put(
        self,
        kind: str,
        sequence: int,
        flags: int,
        payload_type: int,
        payload: bytes,
        now: datetime,
    ) -> bytes:
        created = int(now.timestamp() * 1000)
        message = Message(kind, sequence, flags, self._new_id(), payload_type, payload, created)
        frame = encode(message)
        self.outgoing.append(frame)
        return frame


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


def _object(message: Message) -> dict[str, Any]:
    try:
        value = json.loads(message.payload)
    except ValueError as error:
        raise DataChannelError(f"a message holds no JSON: {error}") from error
    if not isinstance(value, dict):
        raise DataChannelError("a message holds no JSON object")
    return value


def _number(message: Message, member: str) -> int:
    value = _object(message).get(member)
    if not isinstance(value, int) or isinstance(value, bool):
        raise DataChannelError(f"{member} is no number: {value!r}")
    return value
