"""What is measured of a task: its network around the Engine's samples, its disk now and then."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from ecsd.agent.containers import task_measures
from ecsd.agent.containers.task_measures import TaskMeasures
from ecsd.agent.drivers import mounts
from ecsd.agent.drivers.host_clock import Discipline, discipline
from ecsd.clock import VIRTUAL_START, VirtualClock
from ecsd.decisions.containers.container_order import Seen
from ecsd.decisions.tasks.task_measures import Footprint
from ecsd.decisions.tasks.task_metadata import TaskSeen
from ecsd.errors import EngineError, NetworkError
from tests.agent.task_world import plan

VIEW = {"app": Seen(status="RUNNING", runtime_id="c1")}
SEEN = TaskSeen(plan(ephemeral_storage=21), VIEW, "RUNNING", sandbox="/netns")
MIB = 1 << 20


class Host:
    """An Engine and a namespace; what they are asked takes a second of the clock."""

    def __init__(self, folder, clock):
        self.folder, self.clock = folder, clock
        self.carried, self.asked, self.words = 0, 0, ""

    async def stats(self, container):
        if self.words:
            raise EngineError(self.words)
        await self.clock.sleep(1)
        self.carried += 500
        return {"id": container}

    async def footprint(self, container):
        if self.words:
            raise EngineError(self.words)
        self.asked += 1
        return Footprint("image", MIB, 3 * MIB)

    async def volume_folders(self, task_arn):
        return [str(self.folder)]

    async def attempt(self, clock, *argv):
        if argv[1] == "--net=/gone":
            raise NetworkError("nsenter: gone")
        if argv[1] == "--net=/ended":
            return 1, "", "no such file"
        assert argv == ("nsenter", "--net=/netns", "cat", "/proc/self/net/dev")
        return 0, f"eth0: {self.carried} 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n", ""


@pytest.fixture
def measure(tmp_path, monkeypatch, run_virtual):
    """Run a scenario with what measures and its host."""

    def run(scenario):
        clock = VirtualClock()
        host = Host(tmp_path, clock)
        monkeypatch.setattr(task_measures, "attempt", host.attempt)

        run_virtual(scenario(TaskMeasures(clock, host), host, clock))

    return run


def test_the_network_is_what_grew_while_the_engine_measured(measure):
    async def scenario(measures, host, _):
        found = await measures.stats(SEEN, ["c1"], rates=True)
        assert found["c1"]["networks"]["eth0"]["rx_bytes"] == 500
        assert found["c1"]["network_rate_stats"] == {
            "rx_bytes_per_sec": 500.0,
            "tx_bytes_per_sec": 0.0,
        }
        assert "network_rate_stats" not in (await measures.stats(SEEN, ["c1"], rates=False))["c1"]

    measure(scenario)


@pytest.mark.parametrize("sandbox", ["", "/gone", "/ended"])
def test_a_network_that_cannot_be_measured_is_left_out(measure, sandbox):
    async def scenario(measures, host, _):
        seen = SEEN._replace(sandbox=sandbox)
        assert await measures.stats(seen, ["c1"], rates=True) == {"c1": {"id": "c1"}}

    measure(scenario)


def test_an_engine_that_refuses_is_heard(measure):
    async def scenario(measures, host, _):
        host.words = "no such container"
        with pytest.raises(EngineError, match="no such container"):
            await measures.stats(SEEN, ["c1"], rates=True)
        assert await measures.storage(SEEN) is None

    measure(scenario)


def test_a_disk_is_measured_now_and_then(measure):
    async def scenario(measures, host, clock):
        (host.folder / "file").write_bytes(b"x" * 2 * MIB)
        used = {"Utilized": 5, "Reserved": 21 * 1024}
        assert await measures.storage(SEEN) == used
        assert await measures.storage(SEEN) == used
        assert host.asked == 1
        await clock.sleep(15)
        await measures.storage(SEEN)
        assert host.asked == 2
        instance = SEEN._replace(plan=replace(SEEN.plan, launch_type="EC2"))
        assert await measures.storage(instance) is None
        assert measures.clock(instance) is None

    measure(scenario)


@pytest.mark.parametrize(
    ("kept", "status"),
    [
        (Discipline(synchronized=True, bound=0.5), "SYNCHRONIZED"),
        (Discipline(synchronized=False, bound=16_000), "NOT_SYNCHRONIZED"),
        (None, None),
    ],
)
def test_the_clock_is_as_the_kernel_tells(measure, monkeypatch, kept, status):
    monkeypatch.setattr(task_measures, "discipline", lambda: kept)

    async def scenario(measures, host, _):
        told = measures.clock(SEEN)
        assert (told and told["ClockSynchronizationStatus"]) == status
        if kept and kept.synchronized:
            assert told["ClockErrorBound"] == 0.5
            assert told["ReferenceTimestamp"] == f"{VIRTUAL_START:%Y-%m-%dT%H:%M:%SZ}"

    measure(scenario)


def test_this_kernel_tells_how_its_clock_is_kept():
    kept = discipline()
    assert kept is None or kept.bound >= 0


def test_the_device_of_a_mount_is_told():
    assert mounts.device(Path("/proc")) is not None
    assert mounts.device(Path("/proc/self/nowhere")) is None
