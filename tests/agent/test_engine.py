"""What the Engine answers, the pause program, cgroup files, turns, and its open files."""

import asyncio
import base64
import json
import re
import signal
import struct
import subprocess
import tarfile
from datetime import UTC, datetime
from io import BytesIO
from urllib.parse import quote, unquote

import pytest

from ecsd.agent.drivers import pause
from ecsd.agent.drivers.cgroups import CgroupError, Cgroups
from ecsd.agent.drivers.engine import (
    Engine,
    EngineAwayError,
    EngineRefusalError,
    EngineSilentError,
)
from ecsd.agent.drivers.engine_answers import Digests, event, host, inspected, moment
from ecsd.agent.drivers.open_files import open_files
from ecsd.agent.turns import BEGIN, FINISH, Turns
from ecsd.clock import SystemClock, VirtualClock
from ecsd.decisions.containers.container_config import TaskLimits
from ecsd.decisions.containers.startup_values import Login
from ecsd.errors import EngineError

LABELS = {"dev.ecsd.task-arn": "arn", "dev.ecsd.container": "app", "dev.ecsd.role": "app"}


def told(action, **attributes):
    return {
        "Action": action,
        "Actor": {"ID": "id", "Attributes": LABELS | attributes},
        "timeNano": 1_767_225_600_500_000_000,
    }


def test_events_are_read():
    died = event(told("die", exitCode="137"))
    assert (died.action, died.container, died.exit_code) == ("die", "app", 137)
    assert died.at == datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    assert event(told("health_status: healthy")).health == "HEALTHY"
    assert event(told("health_status: unhealthy")).health == "UNHEALTHY"
    assert event({"Action": "die", "Actor": {"ID": "x", "Attributes": {}}}) is None


@pytest.mark.parametrize(
    ("version", "serial"),
    [("20.10.24+dfsg1", True), ("23.0.1", False), ("28.3.2", False), ("dev", True)],
)
def test_old_engines_remove_one_at_a_time(version, serial):
    found = host(
        {
            "ServerVersion": version,
            "Architecture": "x86_64",
            "CgroupDriver": "cgroupfs",
            "DockerRootDir": "/data",
            "SecurityOptions": ["name=seccomp,profile=default", "name=apparmor"],
        }
    )
    assert (found.storage, found.lacks) == ("/data", {"selinux", "maxSwap"})
    assert (found.removes_serially, found.architecture) == (serial, "amd64")


def test_an_engine_says_what_it_would_pass_over():
    known = {"ServerVersion": "28", "Architecture": "aarch64", "CgroupDriver": "systemd"}
    full = {"SecurityOptions": ["name=apparmor", "name=selinux"], "SwapLimit": True}
    assert host(known | full | {"DockerRootDir": "/", "CgroupVersion": "1"}).lacks == frozenset()
    assert host(known | full | {"DockerRootDir": "/", "CgroupVersion": "2"}).lacks == {"swappiness"}


def test_containers_are_read():
    state = {
        "Status": "exited",
        "StartedAt": "2026-01-01T00:00:00.123456789Z",
        "FinishedAt": "2026-01-01T00:00:01Z",
        "ExitCode": 3,
        "OOMKilled": True,
        "Health": {"Status": "starting"},
    }
    found = inspected({"Id": "id", "State": state})
    assert (found.seen.status, found.seen.exit_code, found.oom_killed) == ("STOPPED", 3, True)
    assert found.seen.started_at.microsecond == 123456
    assert found.seen.health == "UNKNOWN"
    never = {
        "Status": "created",
        "StartedAt": "0001-01-01T00:00:00Z",
        "FinishedAt": "",
        "ExitCode": 127,
    }
    found = inspected({"Id": "id", "State": never | {"Error": "no such file"}})
    assert (found.seen.status, found.seen.exit_code, found.error) == (
        "CREATED",
        None,
        "no such file",
    )


def test_times_and_digests():
    assert moment("0001-01-01T00:00:00Z") is None
    assert moment("2026-01-01T00:00:00Z") == datetime(2026, 1, 1, tzinfo=UTC)
    assert Digests(("repo@sha256:ab",)).digest() == "sha256:ab"
    assert Digests(()).digest() is None
    known = Digests(("one@sha256:ab", "h:5/two@sha256:cd"), id="sha256:ef")
    assert known.digest("h:5/two") == "sha256:cd"
    assert known.reference("h:5/two") == "h:5/two@sha256:cd"
    assert known.reference("three") == "one@sha256:ab"
    assert Digests((), id="sha256:ef").reference("h:5/two") == "sha256:ef"


def test_the_pause_program_ends_at_once_when_told_to(tmp_path):
    file = tmp_path / "pause"
    file.write_bytes(pause.program("amd64"))
    file.chmod(0o755)
    # Blocked from birth: a signal that comes before the program is ready waits for it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        with subprocess.Popen([file]) as process:
            assert process.poll() is None
            process.terminate()
            assert process.wait(5) == 0
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.mark.parametrize(("architecture", "machine"), [("amd64", 62), ("arm64", 183)])
def test_the_pause_image_holds_one_small_program(architecture, machine):
    with tarfile.open(fileobj=BytesIO(pause.layer(architecture))) as tar:
        content = tar.extractfile("pause").read()
        assert tar.getmember("pause").mode == 0o755
    assert content[:4] == b"\x7fELF"
    assert struct.unpack_from("<H", content, 18)[0] == machine
    assert len(content) < 640


def test_there_is_no_pause_program_for_every_machine():
    with pytest.raises(EngineError, match="riscv64"):
        pause.program("riscv64")


LIMITS = TaskLimits(cpu_quota=25_000, cpu_shares=256, memory=512 << 20)


def test_limits_on_cgroup_v1(tmp_path):
    for name in ("cpu", "memory", "pids"):
        (tmp_path / name / "ecsd").mkdir(parents=True)
    cgroups = Cgroups("cgroupfs", tmp_path)
    cgroups.provide("t", LIMITS)
    cgroups.provide("t", LIMITS)
    assert (tmp_path / "cpu/ecsd/t/cpu.cfs_quota_us").read_text() == "25000"
    assert (tmp_path / "cpu/ecsd/t/cpu.shares").read_text() == "256"
    assert (tmp_path / "memory/ecsd/t/memory.limit_in_bytes").read_text() == str(512 << 20)
    (tmp_path / "memory/ecsd/t/app").mkdir()
    (tmp_path / "memory/ecsd/t/app/memory.oom_control").write_text("under_oom 0\noom_kill 2\n")
    assert cgroups.oom_kills("t") == 2
    assert cgroups.oom_kills("other") == 0


def test_limits_on_cgroup_v2(tmp_path):
    (tmp_path / "cgroup.controllers").touch()
    cgroups = Cgroups("cgroupfs", tmp_path)
    cgroups.provide("t", LIMITS)
    assert (tmp_path / "ecsd/t/cpu.max").read_text() == "25000 100000"
    assert (tmp_path / "ecsd/t/memory.max").read_text() == str(512 << 20)
    assert 1 <= int((tmp_path / "ecsd/t/cpu.weight").read_text()) <= 10_000
    assert "+memory" in (tmp_path / "ecsd/cgroup.subtree_control").read_text()
    (tmp_path / "ecsd/t/memory.events").write_text("oom 1\noom_kill 1\n")
    assert cgroups.oom_kills("t") == 1


def test_a_slice_is_systemds_to_make(tmp_path):
    (tmp_path / "cgroup.controllers").touch()
    cgroups = Cgroups("systemd", tmp_path)
    cgroups.provide("t", LIMITS)
    assert [one.name for one in tmp_path.iterdir()] == ["cgroup.controllers"]
    with pytest.raises(CgroupError, match=r"cpu\.weight"):
        cgroups.limit("t", LIMITS)  # no slice yet
    (tmp_path / "ecsd.slice/ecsd-t.slice").mkdir(parents=True)
    cgroups.limit("t", LIMITS)
    assert (tmp_path / "ecsd.slice/ecsd-t.slice/memory.max").read_text() == str(512 << 20)
    cgroups.remove("t")


def test_cgroups_are_removed_and_gone_is_good(tmp_path):
    (tmp_path / "memory/ecsd/t/app").mkdir(parents=True)
    (tmp_path / "memory/ecsd/u").mkdir(parents=True)
    cgroups = Cgroups("cgroupfs", tmp_path)
    cgroups.remove("t")
    cgroups.remove("t")
    assert [one.name for one in (tmp_path / "memory/ecsd").iterdir()] == ["u"]
    cgroups.remove_all()
    assert not (tmp_path / "memory/ecsd").exists()


def test_a_folder_that_is_refused_is_told(tmp_path):
    (tmp_path / "cpu").write_text("no folder")
    with pytest.raises(CgroupError, match="refused"):
        Cgroups("cgroupfs", tmp_path).provide("t", LIMITS)


def test_turns_are_bounded_and_the_urgent_goes_first(run_virtual):
    import asyncio

    clock, turns, order, inside = VirtualClock(), Turns(2), [], []

    async def one(name, urgency):
        async with turns.turn(urgency):
            order.append(name)
            inside.append(name)
            assert len(inside) <= 2
            await clock.sleep(1)
            inside.remove(name)

    async def scenario():
        async with asyncio.TaskGroup() as group:
            for name in ("a", "b", "c", "d"):
                group.create_task(one(name, BEGIN))
            await clock.sleep(0.1)
            given_up = group.create_task(one("e", FINISH))
            group.create_task(one("f", FINISH))
            await clock.sleep(0.1)
            given_up.cancel()
        assert order == ["a", "b", "f", "c", "d"]
        async with turns.turn(), turns.turn():
            pass  # every place was given back

    run_virtual(scenario())


async def test_an_engine_that_is_not_there_is_away(tmp_path):
    engine = Engine(str(tmp_path / "none.sock"), "owner", SystemClock())
    try:
        with pytest.raises(EngineAwayError):
            await engine.owned()
        with pytest.raises(EngineAwayError):
            async with engine.events():
                pass
    finally:
        await engine.close()


@pytest.mark.parametrize(
    ("image", "login", "asked"),
    [
        ("far.example/app:1", Login("u", "p"), "far.example/app:1"),
        ("app:1", Login("u", "p"), "docker.io/library/app:1"),
        ("app:1", None, "app:1"),
    ],
)
async def test_a_pull_logs_in_with_what_it_is_given(tmp_path, image, login, asked):
    heads = []

    body = b'{"ApiVersion": "1.41"}'

    async def converse(reader, writer):
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        writer.write(b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    path = str(tmp_path / "s")
    engine = Engine(path, "owner", SystemClock())
    async with await asyncio.start_unix_server(converse, path):
        try:
            await engine.pull(image, login=login)
        finally:
            await engine.close()
    head = heads[-1]
    assert f"fromImage={quote(asked, safe='/:')}" in unquote(head.split()[1])
    sent = re.search(r"X-Registry-Auth: (\S+)", head)
    if login is None:
        assert sent is None
        return
    given = json.loads(base64.urlsafe_b64decode(sent[1]))
    assert (given["username"], given["password"]) == ("u", "p")


def test_open_files_of_an_engine_that_cannot_be_asked_are_ours(tmp_path):
    assert open_files(str(tmp_path / "none.sock")) > 0


@pytest.mark.parametrize(
    "error", [EngineRefusalError(501, "no reading"), EngineSilentError("30 s")]
)
async def test_a_log_that_cannot_be_read_is_no_failure(monkeypatch, error):
    async def fail(*_):
        raise error

    engine = Engine("/no/socket", "owner", VirtualClock())
    monkeypatch.setattr(engine, "_call", fail)
    assert await engine.last_lines("app", 10) == []
