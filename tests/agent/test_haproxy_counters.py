"""Counters of an HAProxy whose workers come and go."""

import asyncio
import os
import signal
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from ecsd.agent.drivers.haproxy import Haproxy, Running
from ecsd.agent.drivers.haproxy_counters import HaproxyCounters
from ecsd.agent.drivers.kept_process import program, spawn, start_time
from ecsd.clock import SystemClock

START = datetime(2026, 3, 1, tzinfo=UTC)
REQUESTS = ("f", "FRONTEND", "req_tot")


class Moment(SystemClock):
    """A clock that a test moves; waiting is bounded by real time."""

    def __init__(self):
        self.time = START

    def now(self):
        return self.time


class Worker:
    """A worker's command socket, with the prompt."""

    def __init__(self, path, pid, started=START):
        self.path, self.pid, self.started = path, pid, started
        self.requests, self.connections, self.dropped, self.stopping = 0, 0, 0, 0
        self.held = 0

    async def listen(self):
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    def leave(self):
        """Listen no more, as after a reload."""
        self.stopping = 1
        self._server.close()

    async def _serve(self, reader, writer):
        self.held += 1
        while command := (await reader.readline()).decode().strip():
            writer.write(f"{self._answer(command)}\n> ".encode())
        self.held -= 1
        writer.close()

    def _answer(self, command):
        if command == "show info":
            return (
                f"Pid: {self.pid}\nCurrConns: {self.connections}\nStopping: {self.stopping}\n"
                f"DroppedLogs: {self.dropped}\nStart_time_sec: {int(self.started.timestamp())}\n"
            )
        if command == "show stat":
            return f"# pxname,svname,req_tot,\nf,FRONTEND,{self.requests},\n"
        if command == "show table":
            return "# table: t, type: integer, size:2048, used:1\n"
        return (
            "# table: t, type: integer, size:2048, used:1\n0x1: key=9 use=0 exp=1 http_req_cnt=1\n"
        )


class World:
    def __init__(self, folder):
        self.folder, self.clock = folder, Moment()
        self.counters = HaproxyCounters(folder, self.clock)
        self.workers = []

    async def worker(self, pid):
        one = Worker(self.folder / f"{pid}.sock", pid, self.clock.time)
        await one.listen()
        self.workers.append(one)
        return one

    async def period(self, worker, seconds=60):
        self.clock.time += timedelta(seconds=seconds)
        return await self.counters.period(worker and worker.path, 60)


@pytest.fixture
async def world():
    with tempfile.TemporaryDirectory(prefix="ecst-") as folder:
        world = World(Path(folder))
        yield world
        world.counters.close()
        await asyncio.sleep(0.05)
        for one in world.workers:
            one.leave()
        await asyncio.sleep(0.05)


async def test_a_period_is_what_was_counted_in_it(world):
    world.counters.begin()
    one = await world.worker(1)
    one.requests = 5
    grown = await world.period(one)
    assert (grown.counts[REQUESTS], grown.counts["t", "#", "9"]) == (5, 1)
    one.requests = 7
    grown = await world.period(one)
    assert (grown.counts, grown.complete) == ({REQUESTS: 2}, True)
    one.dropped = 1
    assert not (await world.period(one)).complete


async def test_a_worker_that_leaves_is_counted_until_its_last_client_has_gone(world):
    world.counters.begin()
    old = await world.worker(1)
    old.requests, old.connections = 5, 2
    await world.period(old)
    await world.counters.hold(old.path)
    old.leave()
    new = await world.worker(2)
    old.requests, new.requests = 6, 10
    assert (await world.period(new)).counts[REQUESTS] == 11
    old.requests, old.connections = 8, 0
    await world.counters.tend()
    await asyncio.sleep(0.05)
    assert old.held == 0  # it may end
    assert (await world.period(new)).counts == {REQUESTS: 2}


async def test_an_haproxy_that_stops_is_let_go_even_while_it_is_asked(world):
    world.counters.begin()
    old = await world.worker(1)
    await world.counters.hold(old.path)
    asking = asyncio.get_running_loop().create_task(world.counters.tend())
    await asyncio.sleep(0)
    world.counters.close()
    await asking  # which fails where one that has gone is let go again


async def test_a_reload_that_failed_counts_nothing_twice(world):
    world.counters.begin()
    one = await world.worker(1)
    await world.counters.hold(one.path)
    one.requests = 5
    assert (await world.period(one)).counts[REQUESTS] == 5
    assert (await world.period(one)).counts == {}


async def test_another_agent_counts_nothing_twice(world):
    world.counters.begin()
    one = await world.worker(1)
    one.requests = 5
    await world.period(one)
    world.counters = HaproxyCounters(world.folder, world.clock)
    world.counters.resume()
    one.requests = 7
    assert (await world.period(one)).counts == {REQUESTS: 2}


async def test_a_period_that_no_agent_saw_is_not_told(world):
    world.counters.begin()
    one = await world.worker(1)
    await world.period(one)
    world.counters = HaproxyCounters(world.folder, world.clock)
    world.counters.resume()
    one.requests = 7
    assert await world.period(one, 150) is None
    one.requests = 9
    assert (await world.period(one)).counts == {REQUESTS: 2}


async def test_an_agent_without_notes_begins_with_the_next_period(world):
    one = await world.worker(1)
    one.requests = 100
    world.counters.resume()
    assert await world.period(one) is None
    one.requests = 101
    assert (await world.period(one)).counts == {REQUESTS: 1}


async def test_an_haproxy_that_does_not_answer_makes_a_period_unseen(world):
    world.counters.begin()
    one = await world.worker(1)
    one.leave()
    assert await world.period(one) is None
    assert (await world.period(None)).counts == {}  # it does not run: there was nothing


async def test_servers_counts_are_taken_before_they_are_deleted(world):
    world.counters.begin()
    one = await world.worker(1)
    one.requests = 5
    await world.counters.note(one.path)
    await world.counters.forget(*REQUESTS[:2])
    one.requests = 7  # another of its name
    assert (await world.period(one)).counts[REQUESTS] == 12


async def test_a_period_in_which_haproxy_died_is_not_told(world):
    world.counters.begin()
    process = spawn([program("sleep"), "60"], world.folder / "said", {})
    died = asyncio.Event()
    haproxy = Haproxy(world.folder, None, world.clock, died.set, counters=world.counters)
    running = Running(process, start_time(process), 1, "frame")
    (world.folder / "running.json").write_bytes(msgspec.json.encode(running))
    assert haproxy.adopt()
    os.kill(process, signal.SIGKILL)
    await died.wait()
    assert await world.period(None) is None
    one = await world.worker(2)
    one.requests = 3
    assert (await world.period(one)).counts[REQUESTS] == 3
