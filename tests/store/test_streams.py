"""One contract for log streams in memory and on disk."""

import asyncio
import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecsd.errors import StoreError
from ecsd.store.segments import Limits, SegmentStreams
from ecsd.store.stream_memory import MemoryLogStreams
from ecsd.store.streams import EVENT_OVERHEAD, FOREVER, LogEvent, Position, Search, Summary


@pytest.fixture(params=["memory", "disk"])
def streams(request, tmp_path):
    made = MemoryLogStreams() if request.param == "memory" else SegmentStreams(tmp_path / "s")
    yield made
    made.close()


def events(*pairs, at=1000):
    return [LogEvent(timestamp, at, message) for timestamp, message in pairs]


async def messages(streams, *storages, **search):
    found = await streams.read(storages or ("a",), Search(**search))
    return [one.event.message for one in found.events]


async def test_a_stream_without_events_is_empty(streams):
    assert await messages(streams) == []
    assert await streams.summarize(["a"]) == {"a": Summary()}


async def test_events_come_back_in_order_of_time_then_arrival(streams):
    await streams.append("a", events((5, "five"), (7, "seven")))
    await streams.append("a", events((6, "six"), (6, "six again"), (9, "nine")))
    await streams.append("a", events((5, "late five")))
    wanted = ["five", "late five", "six", "six again", "seven", "nine"]
    assert await messages(streams) == wanted
    assert await messages(streams, forward=False) == wanted
    assert await messages(streams, forward=False, limit=2) == ["seven", "nine"]


async def test_a_range_takes_its_start_and_leaves_its_end(streams):
    await streams.append("a", events(*((number, str(number)) for number in range(10))))
    assert await messages(streams, start=Position(3), end=Position(6)) == ["3", "4", "5"]


async def test_a_limited_search_goes_on_where_it_stopped(streams):
    for number in range(7):
        await streams.append("a", events((number // 3, f"a{number}")))
        await streams.append("b", events((number // 2, f"b{number}")))
    seen, start = [], Position(0)
    while start is not None:
        found = await streams.read(["a", "b"], Search(start=start, limit=3))
        assert len(found.events) <= 3
        seen += found.events
        start = found.reached
    assert len(seen) == 14
    assert seen == sorted(seen, key=lambda one: one.position)


async def test_a_search_from_the_end_goes_on_where_it_stopped(streams):
    for number in range(9):
        await streams.append("a", events((number // 3, f"a{number}"), (number, "-")))
        await streams.append("b", events((number // 2, f"b{number}")))
    for scan_bytes in (None, 60):
        seen, end = [], Position(FOREVER)
        while end is not None:
            search = Search(end=end, limit=4, forward=False, scan_bytes=scan_bytes)
            found = await streams.read(["a", "b"], search)
            seen = found.events + seen
            end = found.reached
        assert len(seen) == 27
        assert seen == sorted(seen, key=lambda one: one.position)


async def test_a_search_stops_after_a_megabyte_but_brings_one_event_at_least(streams):
    await streams.append("a", events((1, "x" * 600), (2, "y" * 600), (3, "z")))
    found = await streams.read(["a"], Search(most_bytes=700))
    assert [one.event.timestamp for one in found.events] == [1]
    assert found.reached.timestamp == 2
    assert len(await messages(streams, most_bytes=10)) == 1


async def test_a_scan_stops_after_its_bytes_though_it_found_nothing(streams):
    for number in range(10):
        await streams.append("a", events((number, "x" * 100)))
    start, rounds = Position(0), 0
    while start is not None:
        search = Search(start=start, wanted=lambda _: False, scan_bytes=250)
        found = await streams.read(["a"], search)
        assert found.events == []
        start, rounds = found.reached, rounds + 1
    assert 2 <= rounds <= 5


async def test_wanted_and_literal_choose(streams):
    await streams.append("a", events((1, "GET /ß 200"), (2, "GET /x 500"), (3, "POST")))
    assert await messages(streams, wanted=lambda text: text.endswith("00")) == [
        "GET /ß 200",
        "GET /x 500",
    ]
    assert await messages(streams, wanted=lambda text: "ß" in text, literal="ß".encode()) == [
        "GET /ß 200"
    ]


async def test_a_summary_tells_what_a_stream_holds(streams):
    await streams.append("a", [LogEvent(5, 100, "ä"), LogEvent(7, 100, "b")])
    await streams.append("a", [LogEvent(6, 101, "c")])
    size = 2 + 1 + 1 + 3 * EVENT_OVERHEAD
    assert await streams.summarize(["a", "b"]) == {
        "a": Summary(5, 7, 101, 3, size),
        "b": Summary(),
    }


async def test_a_dropped_stream_is_empty_and_keeps_nothing_more(streams):
    await streams.append("a", events((1, "one")))
    await streams.append("b", events((1, "other")))
    await streams.drop("a")
    await streams.append("a", events((2, "too late")))
    assert await messages(streams) == []
    assert await messages(streams, "b") == ["other"]
    assert (await streams.summarize(["a"]))["a"] == Summary()


async def test_trimming_never_takes_younger_events(streams):
    day = 86_400_000
    for number in range(4):
        at = number * day
        await streams.append("a", [LogEvent(at, at, f"day {number}")])
    await streams.trim("a", 2 * day)
    assert await messages(streams) == ["day 2", "day 3"]
    summary = (await streams.summarize(["a"]))["a"]
    assert (summary.first_timestamp, summary.events) == (2 * day, 2)
    await streams.trim("a", FOREVER)
    assert await messages(streams) == []
    await streams.append("a", [LogEvent(9 * day, 9 * day, "again")])
    assert await messages(streams) == ["again"]


batches = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.lists(st.tuples(st.integers(0, 30), st.text(max_size=5)), min_size=1, max_size=6),
    ),
    max_size=12,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches, st.integers(0, 30), st.integers(0, 30), st.integers(1, 9), st.booleans())
def test_disk_and_memory_answer_alike(tmp_path_factory, writes, start, end, limit, forward):
    async def scenario():
        folder = tmp_path_factory.mktemp("s")
        disk, memory = SegmentStreams(folder), MemoryLogStreams()
        for number, (storage, pairs) in enumerate(writes):
            given_events = events(*pairs, at=number)
            await disk.append(storage, given_events)
            await memory.append(storage, given_events)
        search = Search(Position(start), Position(end), limit, forward=forward)
        disk.close()
        disk = SegmentStreams(folder)
        for one in (disk, memory):
            found = await one.read("abc", search)
            yield [(event.position[:2], event.event) for event in found.events]
            yield (found.reached or Position(0))[:2]
            yield await one.summarize("abc")
        disk.close()

    async def collect():
        return [one async for one in scenario()]

    answers = asyncio.run(collect())
    assert answers[:3] == answers[3:]


# ---------------------------------------------------------------- on disk alone


async def reopened(streams, folder):
    streams.close()
    return SegmentStreams(folder)


async def test_streams_survive_a_restart_and_positions_with_them(tmp_path):
    streams = SegmentStreams(tmp_path)
    await streams.append("aa", events((1, "one"), (2, "two")))
    await streams.append("aa", events((1, "late")))
    before = await streams.read(["aa"], Search())
    streams = await reopened(streams, tmp_path)
    assert await streams.read(["aa"], Search()) == before
    await streams.append("aa", events((3, "three")))
    assert await messages(streams, "aa") == ["one", "late", "two", "three"]
    streams.close()


def crashed(folder, tmp_path):
    """Return what a power cut leaves: the journal, and segments as they were never synced."""
    copy = tmp_path / "after"
    shutil.copytree(folder, copy)
    return copy


async def test_lost_segments_come_back_from_the_journal(tmp_path):
    folder = tmp_path / "before"
    streams = SegmentStreams(folder)
    await streams.append("aa", events((1, "one")))
    await streams.append("bb", events((1, "other")))
    await streams.append("aa", events((2, "two")))
    await streams.append("cc", events((2, "gone")))
    await streams.drop("cc")
    copy = crashed(folder, tmp_path)
    for path in copy.rglob("*.seg"):
        os.truncate(path, 3) if "aa" in str(path) else path.unlink()
    again = SegmentStreams(copy)
    assert await messages(again, "aa") == ["one", "two"]
    assert await messages(again, "bb", "cc") == ["other"]
    again.close()
    streams.close()


async def test_a_torn_journal_keeps_what_was_whole(tmp_path):
    folder = tmp_path / "before"
    streams = SegmentStreams(folder)
    await streams.append("aa", events((1, "one")))
    await streams.append("aa", events((2, "two")))
    (journal,) = folder.glob("journal-*")
    whole = journal.stat().st_size
    for cut in (1, 20, whole // 2 - 1):
        copy = crashed(folder, tmp_path)
        (torn,) = copy.glob("journal-*")
        os.truncate(torn, whole - cut)
        again = SegmentStreams(copy)
        assert await messages(again, "aa") == ["one"]
        await again.append("aa", events((3, "three")))
        assert await messages(again, "aa") == ["one", "three"]
        again.close()
        shutil.rmtree(copy)
    streams.close()


async def test_a_torn_segment_end_is_left_out_and_written_over(tmp_path):
    streams = SegmentStreams(tmp_path)
    await streams.append("aa", events((1, "one")))
    streams.close()
    (segment,) = tmp_path.rglob("*.seg")
    with segment.open("ab") as file:
        file.write(b"\x5d\xec\xff\xff")
    streams = SegmentStreams(tmp_path)
    assert await messages(streams, "aa") == ["one"]
    await streams.append("aa", events((2, "two")))
    assert await messages(await reopened(streams, tmp_path), "aa") == ["one", "two"]


async def test_a_damaged_block_is_told_and_not_returned(tmp_path):
    streams = SegmentStreams(tmp_path)
    await streams.append("aa", events((1, "one")))
    (segment,) = tmp_path.rglob("*.seg")
    content = bytearray(segment.read_bytes())
    content[-1] ^= 0xFF
    segment.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        await messages(streams, "aa")
    streams.close()


async def test_a_full_disk_refuses_and_leaves_what_was(tmp_path, monkeypatch):
    streams = SegmentStreams(tmp_path / "before")
    await streams.append("aa", events((1, "one")))
    full = threading.Event()
    sync = os.fdatasync

    def fdatasync(descriptor):
        if full.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    full.set()
    for _ in range(2):
        with pytest.raises(StoreError, match="No space left"):
            await streams.append("aa", events((2, "refused")))
    assert await messages(streams, "aa") == ["one"]
    full.clear()
    await streams.append("aa", events((3, "three")))
    assert await messages(streams, "aa") == ["one", "three"]
    again = SegmentStreams(crashed(tmp_path / "before", tmp_path))
    assert await messages(again, "aa") == ["one", "three"]
    again.close()
    streams.close()


async def test_many_appends_share_a_sync(tmp_path, monkeypatch):
    streams = SegmentStreams(tmp_path)
    syncs = []
    sync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda one: (syncs.append(one), sync(one)))
    async with asyncio.TaskGroup() as group:
        for number in range(50):
            group.create_task(streams.append(f"s{number % 5}", events((number, str(number)))))
    assert len(syncs) <= 3
    found = await messages(streams, *(f"s{number}" for number in range(5)))
    assert found == [str(number) for number in range(50)]
    streams.close()


async def test_a_full_journal_is_replaced_once_segments_are_synced(tmp_path):
    streams = SegmentStreams(tmp_path, Limits(journal_bytes=500))
    for number in range(30):
        await streams.append("aa", events((number, f"message {number}")))
    assert sum(path.stat().st_size for path in tmp_path.glob("journal-*")) < 1000
    streams.close()
    streams = SegmentStreams(tmp_path)
    assert len(await messages(streams, "aa")) == 30
    streams.close()


async def test_segments_are_sealed_by_size_and_trimmed_whole(tmp_path):
    streams = SegmentStreams(tmp_path / "before", Limits(segment_bytes=400))
    for number in range(30):
        await streams.append("aa", events((number, f"message {number}")))
    files = sorted(tmp_path.rglob("*.seg"))
    assert len(files) > 5
    await streams.trim("aa", 20)
    assert len(list(tmp_path.rglob("*.seg"))) < len(files)
    kept = await messages(streams, "aa")
    assert kept[-10:] == [f"message {number}" for number in range(20, 30)]
    again = SegmentStreams(crashed(tmp_path / "before", tmp_path))
    assert await messages(again, "aa") == kept
    again.close()
    streams.close()


async def test_few_blocks_stay_listed_and_all_stay_readable(tmp_path):
    streams = SegmentStreams(tmp_path, Limits(listed_blocks=10))
    for number in range(60):
        await streams.append(f"s{number % 6}", events((number, str(number))))
    assert streams._listed <= 20
    found = await messages(streams, *(f"s{number}" for number in range(6)))
    assert found == [str(number) for number in range(60)]
    assert streams._listed == sum(len(one.spans) for one in streams._streams.values())
    streams.close()


WRITER = """
    import asyncio, sys
    from pathlib import Path
    from ecsd.store.segments import SegmentStreams
    from ecsd.store.streams import LogEvent

    async def write(streams, worker):
        for number in range(10**6):
            message = f"{sys.argv[2]}-{worker}-{number}"
            await streams.append(f"s{worker % 3}", [LogEvent(number, 0, message)])
            print(message, flush=True)

    async def main():
        streams = SegmentStreams(Path(sys.argv[1]))
        async with asyncio.TaskGroup() as group:
            for worker in range(8):
                group.create_task(write(streams, worker))

    asyncio.run(main())
"""


async def test_kill_9_loses_no_acknowledged_event(tmp_path):
    acknowledged = set()
    for life in range(3):
        writer = subprocess.Popen(  # noqa: ASYNC220
            [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path), str(life)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        acknowledged |= {writer.stdout.readline().strip() for _ in range(400)}
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged |= set(writer.stdout.read().split("\n")[:-1])
        writer.wait()
        writer.stdout.close()
        streams = SegmentStreams(tmp_path)
        held = await messages(streams, "s0", "s1", "s2", limit=10**6, most_bytes=10**9)
        streams.close()
        assert len(acknowledged) >= 400 * (life + 1)
        assert acknowledged <= set(held)
        assert len(held) == len(set(held))


async def test_those_who_watch_hear_of_what_is_durable(streams):
    heard = []
    end = streams.watch(lambda storage, events: heard.append((storage, [*events])))
    first = events((1, "one"), (2, "two"))
    await streams.append("a", first)
    end()
    await streams.append("a", events((3, "three")))
    assert heard == [("a", first)]


async def test_what_arrived_comes_in_its_order_whatever_its_time(streams):
    await streams.append("a", events((5, "first"), (7, "second")))
    await streams.append("a", events((1, "third")))
    got = await streams.arrived("a", 0, 10**6)
    assert [one.event.message for one in got.events] == ["first", "second", "third"]
    assert await streams.arrived("a", got.after, 10**6) == ([], got.after)
    rest = await streams.arrived("a", got.events[0].position.place, 10**6)
    assert [one.event.message for one in rest.events] == ["second", "third"]
    assert await streams.arrived("none", 0, 10**6) == ([], 0)


async def test_what_arrived_comes_in_pieces_of_some_size(streams):
    for number in range(6):
        await streams.append("a", events((number, "x" * 100)))
    seen, after = [], 0
    while True:
        got = await streams.arrived("a", after, 260)
        if not got.events:
            break
        assert len(got.events) <= 2
        seen, after = seen + [one.event.timestamp for one in got.events], got.after
    assert seen == [*range(6)]


async def test_the_oldest_go_until_the_rest_fits(tmp_path):
    streams = SegmentStreams(tmp_path / "s", Limits(segment_bytes=50))
    for number in range(8):
        await streams.append("ab"[number % 2], events((number, f"{number}" * 40), at=number))
    files = sorted((tmp_path / "s").glob("*/*/*.seg"))
    for path in files:  # the file system's clock may be too coarse to tell them apart
        when = float(path.stem) + (0.5 if path.parent.name == "b" else 0)
        os.utime(path, (when, when))
    held = sum(path.stat().st_size for path in files)
    assert (await streams.shed(held)).segments == 0
    shed = await streams.shed(held // 2)
    assert 0 < held - shed.freed_bytes <= held // 2
    left = await messages(streams, "a", "b")
    assert left == [f"{number}" * 40 for number in range(8 - len(left), 8)]
    assert 0 < len(left) < 8
    await streams.append("a", events((9, "goes on")))
    assert (await messages(streams, "a", "b"))[-1] == "goes on"
    everything = await streams.shed(0)
    assert everything.segments > 0
    await streams.append("a", events((10, "still")))
    assert await messages(streams, "a", "b") == ["still"]
    streams.close()
    again = SegmentStreams(tmp_path / "s")
    assert await messages(again, "a", "b") == ["still"]
    again.close()


async def test_the_oldest_go_in_memory_too():
    streams = MemoryLogStreams()
    for number in range(4):
        await streams.append("ab"[number % 2], events((number, "x" * 74), at=number))
    assert await streams.shed(250) == (200, 2)
    assert await streams.shed(250) == (0, 0)
    assert len(await messages(streams, "a", "b")) == 2
