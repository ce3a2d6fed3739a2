"""A log group, and what tests of its operations share."""

import pytest

from ecsd.clock import VIRTUAL_START, SystemClock
from ecsd.decisions.logs.retention import milliseconds
from ecsd.store.stream_memory import MemoryLogStreams

NOW = milliseconds(VIRTUAL_START)


class FixedClock(SystemClock):
    """A moment that tests move."""

    def __init__(self):
        self.moment = VIRTUAL_START

    def now(self):
        return self.moment


@pytest.fixture
def clock():
    return FixedClock()


@pytest.fixture
def streams():
    return MemoryLogStreams()


@pytest.fixture
async def ask(client, streams, clock):
    """Return a caller of Logs with the group ``g`` and its stream ``s``."""
    logs = client("logs", streams=streams, clock=clock)
    await logs("CreateLogGroup", logGroupName="g")
    await logs("CreateLogStream", logGroupName="g", logStreamName="s")
    return logs


@pytest.fixture
def put(ask):
    """Return what puts messages, a millisecond apart."""

    async def put_messages(*messages, group="g", stream="s", at=NOW):
        events = [{"timestamp": at + number, "message": one} for number, one in enumerate(messages)]
        await ask("PutLogEvents", logGroupName=group, logStreamName=stream, logEvents=events)

    return put_messages
