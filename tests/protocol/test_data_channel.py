"""The data channel against bytes laid out by hand, and against a client that loses messages."""

import json
import random
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.protocol.data_channel import (
    PIECE,
    WINDOW,
    DataChannel,
    DataChannelError,
    Message,
    Ready,
    Resized,
    Terminated,
    Typed,
    decode,
    encode,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ID = UUID("00112233-4455-6677-8899-aabbccddeeff")


def by_hand(kind, sequence, payload_type, payload, flags=0):
    """The published layout, byte by byte."""
    frame = (116).to_bytes(4, "big")
    frame += kind.encode() + b" " * (32 - len(kind))
    frame += (1).to_bytes(4, "big")
    frame += (1767225600000).to_bytes(8, "big")
    frame += sequence.to_bytes(8, "big", signed=True)
    frame += flags.to_bytes(8, "big")
    frame += bytes.fromhex("8899aabbccddeeff0011223344556677")
    frame += sha256(payload).digest()
    frame += payload_type.to_bytes(4, "big")
    return frame + len(payload).to_bytes(4, "big") + payload


def test_a_frame_is_laid_out_as_published():
    message = Message("output_stream_data", 7, 1, ID, 1, b"hello", 1767225600000)
    assert encode(message) == by_hand("output_stream_data", 7, 1, b"hello", flags=1)
    assert decode(encode(message)) == message


def test_a_kind_may_be_padded_with_zeros_on_either_side():
    frame = bytearray(by_hand("acknowledge", 0, 0, b"{}"))
    frame[4:36] = b"acknowledge".rjust(32, b"\0")
    assert decode(bytes(frame)).kind == "acknowledge"


@given(st.binary(max_size=300), st.integers(0, 2**40), st.integers(0, 12))
def test_what_is_encoded_is_decoded(payload, sequence, payload_type):
    message = Message("input_stream_data", sequence, 0, ID, payload_type, payload, 5)
    assert decode(encode(message)) == message


@given(st.binary(max_size=400))
def test_nonsense_is_told_from_messages(data):
    with pytest.raises(DataChannelError):
        decode(data)


def test_a_changed_payload_is_noticed():
    frame = bytearray(by_hand("input_stream_data", 0, 1, b"hello"))
    frame[-1] ^= 1
    with pytest.raises(DataChannelError, match="payload"):
        decode(bytes(frame))


class Client:
    """A terminal at the other end, written from the published behaviour of AWS's own."""

    def __init__(self, channel):
        self.channel = channel
        self.sequence = self.expected = 0
        self.shown, self.early, self.closed = b"", {}, None
        self.ready = True  # to show output

    def say(self, payload_type, payload):
        frame = by_hand("input_stream_data", self.sequence, payload_type, payload)
        self.sequence += 1
        return frame

    def hear(self, frame, now=NOW):
        """Take one frame of the agent; return its events from what is answered."""
        message = decode(frame)
        if message.kind == "channel_closed":
            self.closed = json.loads(message.payload)
        if message.kind != "output_stream_data":
            return []
        if message.sequence < self.expected:
            return self._acknowledge(message, now)
        if message.sequence > self.expected:
            self.early[message.sequence] = frame
            return self._acknowledge(message, now)
        if message.payload_type == 1 and not self.ready:
            return []  # dropped, without a word
        self.expected += 1
        events = self._acknowledge(message, now)
        if message.payload_type == 1:
            self.shown += message.payload
        elif message.payload_type == 5:
            action = {"ActionType": "SessionType", "ActionStatus": 1, "Error": ""}
            response = {"ClientVersion": "1.2.0.0", "ProcessedClientActions": [action]}
            events += self.channel.receive(self.say(6, json.dumps(response).encode()), now)
        following = self.early.pop(self.expected, None)
        return events + (self.hear(following, now) if following else [])

    def _acknowledge(self, message, now):
        content = {
            "AcknowledgedMessageType": message.kind,
            "AcknowledgedMessageId": str(message.message_id),
            "AcknowledgedMessageSequenceNumber": message.sequence,
            "IsSequentialMessage": True,
        }
        return self.channel.receive(
            by_hand("acknowledge", 0, 0, json.dumps(content).encode(), flags=3), now
        )


@pytest.fixture
def session():
    """A channel and a client that have shaken hands."""
    channel = DataChannel("s1", uuid4)
    client = Client(channel)
    channel.begin(NOW)
    assert not channel.has_room
    assert deliver(channel, client) == [Ready()]
    return channel, client


def deliver(channel, client, now=NOW):
    events = []
    while channel.outgoing:
        events += client.hear(channel.outgoing.pop(0), now)
    return events


def test_output_arrives_in_pieces_and_in_order(session):
    channel, client = session
    text = random.Random(1).randbytes(10 * PIECE + 17)
    channel.write(text, NOW)
    deliver(channel, client)
    assert client.shown == text
    assert channel.is_heard


def test_what_a_client_was_not_ready_for_comes_again(session):
    channel, client = session
    client.ready = False
    channel.write(b"prompt", NOW)
    channel.write(b" and more", NOW)
    deliver(channel, client)
    assert (client.shown, channel.is_heard) == (b"", False)
    client.ready = True
    channel.send_again(NOW + timedelta(milliseconds=499))
    assert channel.outgoing == []
    channel.send_again(NOW + timedelta(seconds=1))
    deliver(channel, client)
    assert (client.shown, channel.is_heard) == (b"prompt and more", True)


def test_no_more_is_sent_than_can_be_held(session):
    channel, client = session
    channel.write(b"x" * PIECE * WINDOW, NOW)
    assert not channel.has_room
    deliver(channel, client)
    assert channel.has_room


def test_input_keeps_its_order_however_it_comes(session):
    channel, client = session
    frames = [client.say(1, letter.encode()) for letter in "abcd"]
    assert channel.receive(frames[1], NOW) == []
    assert channel.receive(frames[0], NOW) == [Typed(b"a"), Typed(b"b")]
    assert channel.receive(frames[0], NOW) == []  # said again
    assert channel.receive(frames[3], NOW) == []
    assert channel.receive(frames[2], NOW) == [Typed(b"c"), Typed(b"d")]
    acknowledged = [json.loads(decode(one).payload) for one in channel.outgoing]
    numbers = [one["AcknowledgedMessageSequenceNumber"] for one in acknowledged]
    assert numbers == [2, 1, 1, 4, 3]


def test_a_terminal_is_resized_and_ended(session):
    channel, client = session
    size = json.dumps({"cols": 100, "rows": 40}).encode()
    assert channel.receive(client.say(3, size), NOW) == [Resized(100, 40)]
    assert channel.receive(client.say(3, b'{"cols": 0, "rows": 40}'), NOW) == []
    assert channel.receive(client.say(10, (2).to_bytes(4, "big")), NOW) == [Terminated()]
    channel.close("", NOW)
    deliver(channel, client)
    assert (client.closed["SessionId"], client.closed["Output"]) == ("s1", "")


@pytest.mark.parametrize("payload", [b"nonsense", b"[]", b'{"cols": "a", "rows": 1}'])
def test_a_message_without_meaning_is_an_error(session, payload):
    channel, client = session
    with pytest.raises(DataChannelError):
        channel.receive(client.say(3, payload), NOW)


def test_a_client_that_cannot_take_part_is_told_so():
    channel = DataChannel("s1", uuid4)
    channel.begin(NOW)
    action = {"ActionType": "SessionType", "ActionStatus": 2, "Error": "no such session type"}
    response = json.dumps({"ProcessedClientActions": [action]}).encode()
    with pytest.raises(DataChannelError, match="no such session type"):
        channel.receive(by_hand("input_stream_data", 0, 6, response), NOW)


@given(st.binary(max_size=5000), st.integers(0, 2**32))
def test_whatever_is_lost_and_mixed_up_all_output_arrives_once_and_in_order(text, seed):
    chance = random.Random(seed)
    channel = DataChannel("s1", uuid4)
    client, now = Client(channel), NOW
    channel.begin(now)
    deliver(channel, client)
    channel.write(text, now)
    for _ in range(60):
        frames, channel.outgoing = channel.outgoing, []
        chance.shuffle(frames)
        for frame in frames:
            if chance.random() < 0.7:
                client.hear(frame, now)
        now += timedelta(seconds=1)
        channel.send_again(now)
        if channel.is_heard:
            break
    assert client.shown == text
