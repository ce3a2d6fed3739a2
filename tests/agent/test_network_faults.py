"""Faults as tasks ask for them; a namespace of plain records stands in for the kernel's."""

import json
from http import HTTPStatus

import pytest
from msgspec.structs import replace

from ecsd.agent.containers.network_faults import NetworkFaults
from ecsd.agent.drivers.link_local import Asked
from ecsd.clock import VirtualClock
from ecsd.decisions.tasks.task_metadata import TaskSeen
from tests.agent.task_world import ARN, plan

PLAN = plan(fault_injection=True)
PORT = {"Port": 7070, "Protocol": "udp", "TrafficType": "egress"}
LATE = {"DelayMilliseconds": 200, "JitterMilliseconds": 10, "Sources": ["10.0.0.0/16"]}
LOST = {"LossPercent": 6, "Sources": ["10.0.0.9"]}
HOLE = "network-blackhole-port"


class Kernel:
    """A task's namespace: nft's chains, tc's disciplines, and what the kernel has not."""

    def __init__(self):
        self.chains = set()
        self.disciplines = []
        self.lacks_netem = False
        self.silent = None
        self.entered = []

    async def enter(self, sandbox, *argv, given=""):
        self.entered.append(sandbox)
        if self.silent:
            await self.silent()
        if argv[0] == "nft":
            return self._nft(argv, given)
        return self._tc(argv[1:])

    def _nft(self, argv, given):
        if argv[1] == "-j":
            if not self.chains:
                return 1, "", "Error: No such file or directory"
            chains = [{"chain": {"name": one}} for one in self.chains]
            return 0, json.dumps({"nftables": chains}), ""
        for line in given.splitlines():
            what, kind, *rest = line.split()
            if kind == "chain":
                {"add": self.chains.add, "delete": self.chains.remove}[what](rest[2])
        return 0, "", ""

    def _tc(self, argv):
        if argv[0] == "-j":
            return 0, json.dumps(self.disciplines), ""
        if argv[:2] == ("qdisc", "del"):
            self.disciplines.clear()
        elif "prio" in argv and argv[0] == "qdisc":
            self.disciplines.append({"kind": "prio"})
        elif "netem" in argv:
            if self.lacks_netem:
                return 2, "", "Error: Specified qdisc kind is unknown."
            mark = "delay" if "delay" in argv else "loss-random"
            self.disciplines.append({"kind": "netem", "options": {mark: {}}})
        return 0, "", ""


class Task:
    """A task that may have faults, and time that passes."""

    def __init__(self):
        self.clock = VirtualClock()
        self.kernel = Kernel()
        self.faults = NetworkFaults(self.clock, self.kernel.enter)
        self.plan = PLAN

    async def ask(self, path, given=None, own="c", method="POST", sandbox="/ns/1"):
        seen = TaskSeen(self.plan, {}, "RUNNING", sandbox=sandbox)
        body = json.dumps(given).encode() if given is not None else b""
        asked = Asked("vpc-1", "10.0.0.9", method, "", body)
        answered = await self.faults.answer(seen, own, path.split("/"), asked)
        return answered.status, json.loads(answered.body)


@pytest.fixture
def live(run_virtual):
    return lambda scenario: run_virtual(scenario(Task()))


def told(words):
    return HTTPStatus.OK, {"Status": words}


def test_a_port_is_a_blackhole_from_start_to_stop(live):
    async def scenario(task):
        assert await task.ask(f"{HOLE}/status", PORT) == told("not-running")
        assert await task.ask(f"{HOLE}/start", PORT) == told("running")
        assert task.kernel.chains == {"egress-udp-7070"}
        await task.clock.advance(5)
        assert await task.ask(f"{HOLE}/start", PORT) == told("running")  # as once
        assert await task.ask(f"{HOLE}/status", PORT) == told("running")
        assert await task.ask(f"{HOLE}/stop", PORT) == told("stopped")
        assert task.kernel.chains == set()
        await task.clock.advance(5)
        assert await task.ask(f"{HOLE}/stop", PORT) == told("stopped")
        assert set(task.kernel.entered) == {"/ns/1"}

    live(scenario)


def test_there_is_one_disturbance_at_a_time(live):
    async def scenario(task):
        assert await task.ask("network-latency/start", LATE) == told("running")
        assert await task.ask("network-latency/status") == told("running")
        assert await task.ask("network-packet-loss/status") == told("not-running")
        assert await task.ask("network-packet-loss/start", LOST) == (
            HTTPStatus.CONFLICT,
            {"Error": "There is already one network latency fault running"},
        )
        assert await task.ask("network-packet-loss/stop") == told("stopped")  # it is not its own
        await task.clock.advance(5)
        assert await task.ask("network-latency/status") == told("running")
        assert await task.ask("network-latency/stop") == told("stopped")
        assert await task.ask("network-packet-loss/start", LOST) == told("running")
        await task.clock.advance(5)
        assert (await task.ask("network-packet-loss/start", LOST))[1] == {
            "Error": "There is already one network packet loss fault running"
        }

    live(scenario)


def test_a_kernel_without_netem_is_told_and_nothing_is_left_behind(live):
    async def scenario(task):
        task.kernel.lacks_netem = True
        status, answer = await task.ask("network-latency/start", LATE)
        assert status == HTTPStatus.INTERNAL_SERVER_ERROR
        assert "the kernel of this host cannot delay or lose packets" in answer["Error"]
        assert task.kernel.disciplines == []

    live(scenario)


def test_each_path_is_asked_once_in_five_seconds_by_a_container(live):
    async def scenario(task):
        await task.ask(f"{HOLE}/status", PORT)
        assert (await task.ask(f"{HOLE}/status", PORT))[0] == HTTPStatus.TOO_MANY_REQUESTS
        assert (await task.ask(f"{HOLE}/status", PORT, own="other"))[0] == HTTPStatus.OK
        assert (await task.ask("network-latency/status"))[0] == HTTPStatus.OK
        await task.clock.advance(5)
        assert (await task.ask(f"{HOLE}/status", PORT))[0] == HTTPStatus.OK

    live(scenario)


def test_who_may_not_and_what_is_not_there_is_refused(live):
    async def scenario(task):
        assert (await task.ask("network-latency/begin"))[0] == HTTPStatus.NOT_FOUND
        assert (await task.ask("network-latency/start", method="GET"))[0] == (
            HTTPStatus.METHOD_NOT_ALLOWED
        )
        task.plan = replace(PLAN, fault_injection=False)
        assert await task.ask("network-latency/stop") == (
            HTTPStatus.BAD_REQUEST,
            {"Error": f"enableFaultInjection is not enabled for task: {ARN}"},
        )
        task.plan = replace(PLAN, network_mode="bridge")
        status, answer = await task.ask("network-latency/status")
        assert (status, answer["Error"].split(". ")[0]) == (400, "bridge mode is not supported")
        task.plan = PLAN
        assert (await task.ask("network-packet-loss/status", sandbox=""))[0] == 500
        assert task.kernel.entered == []

    live(scenario)


def test_a_program_that_does_not_end_is_a_timeout(live):
    async def scenario(task):
        async def forever():
            await task.clock.sleep(60)

        task.kernel.silent = forever
        assert await task.ask("network-latency/status") == (
            HTTPStatus.INTERNAL_SERVER_ERROR,
            {"Error": "status network-latency: request timed out"},
        )

    live(scenario)
