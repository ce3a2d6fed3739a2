"""Log lines of balancers on their way into S3."""

import asyncio
import gzip
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from ecsd.agent.api_client import ApiError, Keys
from ecsd.agent.traffic.log_files import MOST_WAITING, LogFiles
from ecsd.agent.traffic.log_spool import LogSpool
from ecsd.records.plan import RoleCredentials
from tests.decisions.listener_plans import ARN, plan

ON = {
    "access_logs.s3.enabled": "true",
    "access_logs.s3.bucket": "logs",
    "access_logs.s3.prefix": "my",
}
FINE = [("access", None), ("connection", None)]  # said of what an earlier agent may have said
FOLDER = "my/AWSLogs/000000000000/"
TRIAL = f"{FOLDER}ELBAccessLogTestFile"


class Moment:
    """A clock that stands."""

    def __init__(self):
        self.time = datetime(2026, 3, 1, 12, 1, tzinfo=UTC)

    def now(self):
        return self.time

    async def sleep(self, seconds):
        await asyncio.Event().wait()


class Bucket:
    """S3's part: keeps what is put, or refuses."""

    def __init__(self):
        self.objects = {}
        self.keys = set()
        self.refusal = None
        self.answers = asyncio.Event()
        self.answers.set()

    async def write(self, place, keys, at, content):
        await self.answers.wait()
        if self.refusal:
            raise ApiError("AccessDenied", self.refusal)
        assert place == ("http://api", "us-east-1")
        self.keys.add(keys)
        self.objects["/".join(at)] = content

    def logged(self):
        return {
            name: gzip.decompress(content).decode().splitlines()
            for name, content in self.objects.items()
            if name.endswith(".gz")
        }


class World:
    def __init__(self, folder):
        self.folder, self.clock, self.bucket, self.told = folder, Moment(), Bucket(), []
        self.files = self.another()

    def another(self):
        """Another agent."""
        told = self.told

        def tell(part, words):
            told.append((part.removeprefix("logs/app/web/1/"), words))

        return LogFiles(self.folder, ("http://api", 300), self.clock, self.bucket, tell)

    async def look(self):
        await self.files.write()
        await self.files.deliver()

    async def after(self, minutes):
        self.clock.time += timedelta(minutes=minutes)
        await self.look()


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "logs")


def logged_plan(**more):
    given = RoleCredentials(
        role_arn="r",
        access_key_id="ASIA",
        secret_access_key="s",
        token="t",
        expires_at=Moment().time,
    )
    return replace(plan(attributes=ON | more), log_credentials=given)


async def test_lines_go_into_the_bucket_every_five_minutes(world):
    world.files.follow(logged_plan())
    world.files.add(ARN, "access", "one")
    world.files.add(ARN, "connection", "that log is off")
    await world.after(0)
    assert list(world.bucket.objects) == [f"logs/{TRIAL}"]
    await world.after(4)
    [(name, lines)] = world.bucket.logged().items()
    assert lines == ["one"]
    assert name.startswith(
        f"logs/{FOLDER}elasticloadbalancing/us-east-1/2026/03/01/"
        "000000000000_elasticloadbalancing_us-east-1_app.web.1_20260301T1205Z_10.0.1.20_"
    )
    assert world.bucket.keys == {Keys("ASIA", "s", "t")}
    await world.after(5)
    assert len(world.bucket.objects) == 2  # without lines there is no object
    assert [*world.folder.glob("*/*.log")] == []


async def test_what_one_agent_has_written_the_next_delivers(world):
    world.files.follow(logged_plan())
    world.files.add(ARN, "access", "one")
    await world.look()
    world.files = world.another()
    world.files.follow(logged_plan())
    world.files.add(ARN, "access", "two")
    await world.after(5)
    assert [*world.bucket.logged().values()] == [["one", "two"]]
    assert world.told == FINE * 2


async def test_a_balancer_that_is_gone_leaves_its_last_lines(world):
    world.files.follow(logged_plan())
    world.files.add(ARN, "access", "one")
    await world.look()
    world.files = world.another()  # which is told of no balancer
    await world.look()
    assert [*world.bucket.logged().values()] == [["one"]]

    world.files.follow(logged_plan())
    world.files.add(ARN, "access", "two")
    world.files.forget(ARN)
    world.files.add(ARN, "access", "three")
    await world.look()
    assert [*world.bucket.logged().values()] == [["one"], ["two"]]


async def test_another_place_gets_only_what_came_since(world):
    world.files.follow(logged_plan())
    world.files.add(ARN, "access", "one")
    world.files.follow(logged_plan(**{"access_logs.s3.bucket": "b"}))
    world.files.add(ARN, "access", "two")
    await world.after(5)
    found = {name.partition("/")[0]: lines for name, lines in world.bucket.logged().items()}
    assert found == {"logs": ["one"], "b": ["two"]}
    world.files.follow(logged_plan(**{"access_logs.s3.enabled": "false"}))
    world.files.add(ARN, "access", "three")
    await world.after(5)
    assert len(world.bucket.logged()) == 2


async def test_a_refusal_is_told_and_tried_again(world):
    world.bucket.refusal = "no"
    world.files.follow(logged_plan())
    world.files.add(ARN, "access", "one")
    await world.after(5)
    fault = ("access", "logs cannot be put into logs: AccessDenied: no")
    assert world.told == [*FINE, fault]
    world.bucket.refusal = None
    await world.after(0.1)
    assert world.bucket.objects == {}
    await world.after(1)
    assert [*world.bucket.logged().values()] == [["one"]]
    assert world.told[3:] == [("access", None)]


async def test_nobody_is_asked_before_credentials_have_come(world):
    world.files.follow(plan(attributes=ON))
    world.files.add(ARN, "access", "one")
    await world.after(5)
    assert (world.bucket.objects, world.told) == ({}, FINE)
    world.files.follow(logged_plan())
    await world.after(1)
    assert [*world.bucket.logged().values()] == [["one"]]


async def test_what_cannot_be_delivered_for_a_day_goes(world):
    world.bucket.refusal = "no"
    world.files.follow(logged_plan())
    world.files.add(ARN, "access", "one")
    await world.after(5)
    assert len([*world.folder.glob("*/*.log")]) == 1
    await world.after(25 * 60)
    assert [*world.folder.glob("*/*~*")] == []


async def test_memory_is_bounded(world):
    world.files.follow(logged_plan())
    long = "x" * (MOST_WAITING // 8)
    for _ in range(9):
        world.files.add(ARN, "access", long)
    await world.after(5)
    [lines] = world.bucket.logged().values()
    assert len(lines) == 8


async def test_an_agent_that_is_killed_loses_only_what_was_not_on_disk(world):
    world.files.follow(logged_plan())
    world.files.add(ARN, "access", "one")
    await world.look()
    world.files.add(ARN, "access", "lost")
    world.files = world.another()
    world.files.follow(logged_plan(**{"access_logs.s3.bucket": "b"}))  # changed meanwhile
    world.files.add(ARN, "access", "two")
    await world.after(5)
    found = {name.partition("/")[0]: lines for name, lines in world.bucket.logged().items()}
    assert found == {"logs": ["one"], "b": ["two"]}


async def test_an_agent_killed_while_it_renamed_loses_nothing(world):
    world.files.follow(logged_plan())
    world.files.add(ARN, "access", "one")
    await world.look()
    [note] = world.folder.glob("*/access.json")
    note.with_name("access~20260301T120500~0.json").hardlink_to(note)
    world.files = world.another()
    world.files.follow(logged_plan())
    await world.after(5)
    assert [*world.bucket.logged().values()] == [["one"]]
    assert {one.name for one in world.folder.glob("*/*")} == {"access.told"}


async def test_a_delivery_that_hangs_keeps_no_line_from_the_disk(world):
    world.files.follow(logged_plan())
    world.files.add(ARN, "access", "one")
    world.bucket.answers.clear()
    hangs = asyncio.get_running_loop().create_task(world.files.deliver())
    await world.files.write()
    assert [one.read_text() for one in world.folder.glob("*/*.log")] == ["one\n"]
    assert not hangs.done()
    world.bucket.answers.set()
    await hangs


async def test_a_disk_that_is_full_is_told(world, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    world.files.follow(logged_plan())
    await world.look()
    monkeypatch.setattr(LogSpool, "append", full)
    world.files.add(ARN, "access", "one")
    await world.files.write()
    kind, words = world.told[-1]
    assert kind == "access"
    assert words.startswith("1 lines were lost: they cannot be written: ")


async def test_files_that_wait_have_their_share_of_the_disk(world, monkeypatch):
    monkeypatch.setattr("ecsd.agent.traffic.log_spool.MOST_BYTES", 8)
    world.bucket.refusal = "no"
    world.files.follow(logged_plan())
    for text in ("one", "two", "six"):
        world.files.add(ARN, "access", text)
        await world.after(5)
    assert [one.read_text() for one in sorted(world.folder.glob("*/*.log"))] == ["two\n", "six\n"]


async def test_what_waits_when_an_agent_ends_is_on_disk(world):
    world.files.follow(logged_plan())
    running = asyncio.get_running_loop().create_task(world.files.run())
    await asyncio.sleep(0)
    world.files.add(ARN, "access", "one")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [one.read_text() for one in world.folder.glob("*/*.log")] == ["one\n"]


async def test_a_fault_is_over_with_its_log_or_its_balancer(world):
    world.bucket.refusal = "no"
    for over in (
        lambda: world.files.follow(logged_plan(**{"access_logs.s3.enabled": "false"})),
        lambda: world.files.forget(ARN),
    ):
        world.files.follow(logged_plan())
        await world.after(1)
        assert world.told[-1][1].startswith("logs cannot be put")
        over()
        assert world.told[-1] == ("access", None)


async def test_a_disk_that_refuses_ends_nothing(world, monkeypatch):
    again = asyncio.Event()
    calls = []

    def waiting(_):
        calls.append(1)
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        again.set()
        return []

    monkeypatch.setattr(LogSpool, "waiting", waiting)
    monkeypatch.setattr(world.clock, "sleep", lambda _: asyncio.sleep(0.01))
    running = asyncio.get_running_loop().create_task(world.files.run())
    async with asyncio.timeout(5):
        await again.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
