"""Event streams: what botocore reads is what was written."""

import json
import struct

import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from ecsd.errors import AwsError
from ecsd.protocol.event_stream import message, messages

names = st.text(min_size=1, max_size=40)


@given(st.lists(st.tuples(st.dictionaries(names, st.text(max_size=60)), st.binary(max_size=300))))
def test_botocore_reads_what_is_written_however_it_is_cut(sent):
    content = b"".join(message(headers, payload) for headers, payload in sent)
    buffer, read = EventStreamBuffer(), []
    for at in range(0, len(content), 7):
        buffer.add_data(content[at : at + 7])
        read += [(one.headers, one.payload) for one in buffer]
    assert read == sent


def test_a_changed_byte_is_seen():
    content = bytearray(message({":event-type": "x"}, b"payload"))
    content[-6] ^= 1
    buffer = EventStreamBuffer()
    buffer.add_data(bytes(content))
    with pytest.raises(ChecksumMismatch):
        next(buffer)
    assert struct.unpack(">I", content[:4])[0] == len(content)


async def test_an_answer_begins_with_its_plain_members_and_may_end_with_an_exception():
    async def events():
        yield "update", {"n": 1}
        raise AwsError("SessionTimeoutException", "over")

    def write(name, members):
        return json.dumps({name: members}).encode()

    buffer = EventStreamBuffer()
    async for part in messages(b"{}", events(), write):
        buffer.add_data(part)
    first, second, last = buffer
    assert (first.headers[":event-type"], first.payload) == ("initial-response", b"{}")
    assert (second.headers[":event-type"], second.payload) == ("update", b'{"update": {"n": 1}}')
    assert last.headers[":message-type"] == "exception"
    assert last.headers[":exception-type"] == "SessionTimeoutException"
