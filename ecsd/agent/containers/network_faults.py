"""Faults that tasks have injected into their own network: in force in the task's namespace alone.

The kernel holds them, so that they outlive this process and end with the task.
Source: Amazon ECS Developer Guide, fault injection endpoints.
"""

import json
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from ecsd.agent.drivers.link_local import Answered, Asked
from ecsd.agent.drivers.programs import attempt
from ecsd.agent.turns import Turns
from ecsd.clock import Clock
from ecsd.decisions.request_rate import Bucket, take
from ecsd.decisions.tasks import fault_injection as faults
from ecsd.decisions.tasks.fault_injection import Blackhole, Disturbance, FaultError
from ecsd.decisions.tasks.task_metadata import TaskSeen
from ecsd.errors import NetworkError

log = logging.getLogger(__name__)

Enter = Callable[..., Awaitable[tuple[int, str, str]]]  # namespace, argv, given → status, words
SECONDS = 5.0  # for all that one request takes
MOST_CALLERS = 10_000  # whose rates are remembered
ABSENT = ("no such file", "cannot find", "does not exist")
UNKNOWN_KIND = ("qdisc kind is unknown", "unknown qdisc")


class NetworkFaults:
    """Starts, stops and looks at faults."""

    def __init__(self, clock: Clock, enter: Enter | None = None) -> None:
        """enter: how a program is run in a namespace."""
        self._clock = clock
        self._enter = enter or self._inside
        self._buckets: dict[tuple[str, str, str], Bucket] = {}
        self._turns: dict[str, Turns] = {}  # by namespace: one request at a time

    async def answer(self, seen: TaskSeen, own: str, rest: list[str], asked: Asked) -> Answered:
        """Answer a request about a fault. own: the container's id in the path; rest: behind v1."""
        try:
            return _status(await self._answer(seen, own, rest, asked))
        except FaultError as error:
            return _told(error.status, {"Error": str(error)})
        except TimeoutError:
            words = f"{' '.join(reversed(rest))}: request timed out"
            return _told(HTTPStatus.INTERNAL_SERVER_ERROR, {"Error": words})
        except NetworkError as error:
            log.warning("a fault is not injected", extra={"cause": str(error)})
            return _told(HTTPStatus.INTERNAL_SERVER_ERROR, {"Error": f"internal error: {error}"})

    async def _answer(self, seen: TaskSeen, own: str, rest: list[str], asked: Asked) -> str:
        match rest:
            case [kind, operation] if kind in faults.KINDS and operation in faults.OPERATIONS:
                pass
            case _:
                raise FaultError(HTTPStatus.NOT_FOUND, f"there is no fault {'/'.join(rest)}")
        if asked.method != "POST":
            raise FaultError(HTTPStatus.METHOD_NOT_ALLOWED, f"{asked.method} is not POST")
        if not self._is_in_time((own, kind, operation)):
            raise FaultError(HTTPStatus.TOO_MANY_REQUESTS, "Request was throttled")
        fault = faults.read(kind, operation, asked.body)
        _check(seen)
        mine = self._turns.setdefault(seen.sandbox, Turns(1))
        async with self._clock.deadline(SECONDS), mine.turn():
            if isinstance(fault, Blackhole):
                return await self._blackhole(seen.sandbox, operation, fault)
            return await self._disturbance(seen.sandbox, (kind, operation), fault)

    def _is_in_time(self, caller: tuple[str, str, str]) -> bool:
        if len(self._buckets) >= MOST_CALLERS:
            self._buckets.clear()
            self._turns.clear()
        self._buckets[caller], answered = take(
            self._buckets.get(caller), faults.RATE, self._clock.now().timestamp()
        )
        return answered

    # ------------------------------------------------------------------ ports

    async def _blackhole(self, sandbox: str, operation: str, fault: Blackhole) -> str:
        running = await self._blackhole_runs(sandbox, fault)
        match operation:
            case faults.START:
                if not running:
                    await self._nft(sandbox, faults.blackhole_rules(fault))
                    log.info("a fault is injected", extra={"fault": fault.chain})
                return "running"
            case faults.STOP:
                if running:
                    await self._nft(sandbox, faults.end_rules(fault))
                return "stopped"
            case _:
                return "running" if running else "not-running"

    async def _blackhole_runs(self, sandbox: str, fault: Blackhole) -> bool:
        code, output, words = await self._enter(
            sandbox, "nft", "-j", "list", "table", *faults.TABLE.split()
        )
        if code == 0:
            return faults.runs(output, fault)
        if _is_about(words, ABSENT):
            return False
        raise NetworkError(f"nft: {' '.join(words.split())[:300]}")

    async def _nft(self, sandbox: str, commands: str) -> None:
        code, _, words = await self._enter(sandbox, "nft", "-f", "-", given=commands)
        if code != 0:
            raise NetworkError(f"nft: {' '.join(words.split())[:300]}")

    # ------------------------------------------------------------------ latency, loss

    async def _disturbance(
        self, sandbox: str, asked: tuple[str, str], fault: Disturbance | None
    ) -> str:
        kind, operation = asked
        running = faults.disturbed(await self._tc(sandbox, faults.SHOWING))
        if operation == faults.STATUS:
            return "running" if running == kind else "not-running"
        if operation == faults.STOP or fault is None:
            if running == kind:
                await self._tc(sandbox, faults.CALMING)
            return "stopped"
        if running is not None:
            raise FaultError(HTTPStatus.CONFLICT, faults.RUNNING_ALREADY[running])
        begun = False
        try:
            for argv in faults.disturbing(fault):
                await self._tc(sandbox, argv)
                begun = True
        except (NetworkError, TimeoutError):
            if begun:  # half a fault is none
                await self._enter(sandbox, "tc", *faults.CALMING)
            raise
        log.info("a fault is injected", extra={"fault": kind})
        return "running"

    async def _tc(self, sandbox: str, argv: tuple[str, ...]) -> str:
        code, output, words = await self._enter(sandbox, "tc", *argv)
        if code == 0:
            return output
        told = " ".join(words.split())[:300]
        if _is_about(words, UNKNOWN_KIND):
            raise NetworkError(
                "the kernel of this host cannot delay or lose packets (it has no sch_netem and "
                f"sch_prio): tc: {told}"
            )
        raise NetworkError(f"tc: {told}")

    async def _inside(self, sandbox: str, *argv: str, given: str = "") -> tuple[int, str, str]:
        entering = ("nsenter", f"--net={sandbox}")
        return await attempt(self._clock, *entering, *argv, given=given)


def _check(seen: TaskSeen) -> None:
    """Refuse a task that may not, or whose network is not its own."""
    if not seen.plan.fault_injection:
        words = f"enableFaultInjection is not enabled for task: {seen.plan.task_arn}"
        raise FaultError(HTTPStatus.BAD_REQUEST, words)
    if seen.plan.network_mode != "awsvpc":
        words = (
            f"{seen.plan.network_mode} mode is not supported. Please use either host or awsvpc "
            "mode."
        )
        raise FaultError(HTTPStatus.BAD_REQUEST, words)
    if not seen.sandbox:
        raise FaultError(
            HTTPStatus.INTERNAL_SERVER_ERROR, "no path in the network namespace of the task"
        )


def _is_about(words: str, marks: tuple[str, ...]) -> bool:
    return any(one in words.lower() for one in marks)


def _status(words: str) -> Answered:
    return _told(HTTPStatus.OK, {"Status": words})


def _told(status: HTTPStatus, document: dict[str, str]) -> Answered:
    return Answered(status, json.dumps(document).encode())
