"""Live Tail: what a session tells, and when it ends."""

import pytest

from ecsd.clock import VirtualClock
from ecsd.errors import AwsError
from ecsd.operations.call import OPERATIONS
from ecsd.store.store import Store
from ecsd.store.stream_memory import MemoryLogStreams
from tests.operations.conftest import load_operations, make_call

ARN = "arn:aws:logs:us-east-1:000000000000:log-group:"


class World:
    """A session in virtual time."""

    def __init__(self):
        load_operations("logs")
        self.clock = VirtualClock()
        self.call = make_call(Store.in_memory(), clock=self.clock, streams=MemoryLogStreams())

    async def ask(self, name, **request):
        return await OPERATIONS["logs", name](self.call, request)

    async def prepare(self):
        for group in "gh":
            await self.ask("CreateLogGroup", logGroupName=group)
            for stream in ("web/1", "db/1"):
                await self.ask("CreateLogStream", logGroupName=group, logStreamName=stream)

    async def put(self, *messages, group="g", stream="web/1"):
        now = int(self.clock.now().timestamp() * 1000)
        events = [{"timestamp": now, "message": one} for one in messages]
        await self.ask("PutLogEvents", logGroupName=group, logStreamName=stream, logEvents=events)

    async def open(self, *groups, **more):
        identifiers = [ARN + one for one in groups or ("g",)]
        answer = await self.ask("StartLiveTail", logGroupIdentifiers=identifiers, **more)
        session = answer["responseStream"]
        name, begun = await anext(session)
        assert name == "sessionStart"
        assert begun["logGroupIdentifiers"] == identifiers
        return session


def messages(event):
    name, update = event
    assert name == "sessionUpdate"
    return [one["message"] for one in update["sessionResults"]]


async def exhausted(session):
    async for _ in session:
        pass


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        ({}, ["web ERROR", "web ok", "db ERROR"]),
        ({"logEventFilterPattern": "ERROR"}, ["web ERROR", "db ERROR"]),
        ({"logStreamNames": ["db/1"]}, ["db ERROR"]),
        ({"logStreamNamePrefixes": ["web/"]}, ["web ERROR", "web ok"]),
    ],
)
def test_a_session_tells_what_comes_to_its_streams(run_virtual, more, seen):
    async def scenario():
        world = World()
        await world.prepare()
        await world.put("before")
        session = await world.open(**more)
        await world.put("web ERROR", "web ok")
        await world.put("db ERROR", stream="db/1")
        await world.put("of another group", group="h")
        assert messages(await anext(session)) == seen
        assert messages(await anext(session)) == []  # told once, and every second
        await session.aclose()
        assert world.call.streams._notices._notices == []

    run_virtual(scenario())


def test_more_than_500_events_are_sampled(run_virtual):
    async def scenario():
        world = World()
        await world.prepare()
        session = await world.open("g", "h")
        await world.put(*(f"{number}" for number in range(600)))
        _, update = await anext(session)
        assert len(update["sessionResults"]) == 500
        assert update["sessionMetadata"] == {"sampled": True}
        first = update["sessionResults"][0]
        assert first["logGroupIdentifier"] == f"{ARN}g"
        await world.put("again", group="h")
        _, update = await anext(session)
        assert [one["message"] for one in update["sessionResults"]] == ["again"]
        assert update["sessionMetadata"] == {"sampled": False}
        await session.aclose()

    run_virtual(scenario())


def test_a_session_ends_after_three_hours(run_virtual):
    async def scenario():
        world = World()
        await world.prepare()
        session = await world.open()
        began = world.clock.now()
        with pytest.raises(AwsError, match="SessionTimeoutException"):
            await exhausted(session)
        assert (world.clock.now() - began).total_seconds() == 3 * 60 * 60
        assert world.call.streams._notices._notices == []

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"logGroupIdentifiers": []}, "1 to 10"),
        ({"logGroupIdentifiers": [ARN + "g"], "logEventFilterPattern": "{"}, "Invalid filter"),
        (
            {
                "logGroupIdentifiers": [ARN + "g"],
                "logStreamNames": ["a"],
                "logStreamNamePrefixes": ["b"],
            },
            "both",
        ),
        ({"logGroupIdentifiers": [ARN + "g", ARN + "h"], "logStreamNames": ["a"]}, "one log group"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_goes_out(run_virtual, request_, words):
    async def scenario():
        world = World()
        await world.prepare()
        with pytest.raises(AwsError, match=words):
            await world.ask("StartLiveTail", **request_)

    run_virtual(scenario())
