"""Health of all targets on this host, by the agent's own checks.

A target is one timer, not a task: ten thousand of them cost no more than their checks. A new
target is asked at once. Source: ecs_semantics 5.2; network.md 3.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import NamedTuple

from ecsd.agent.drivers.function_probe import FunctionQuestion, ask_function
from ecsd.agent.drivers.target_probe import Question, ask
from ecsd.agent.rooms import Networks
from ecsd.clock import Clock
from ecsd.decisions.balancers.balancer_attributes import MULTI_VALUE
from ecsd.decisions.balancers.target_health import Health, Outcome, Pace, judge, next_pace, on_beat
from ecsd.errors import NetworkError
from ecsd.records.plan import BalancerPlan, HealthCheckPlan, TargetGroupPlan, TargetPlan

log = logging.getLogger(__name__)

MOST_AT_ONCE = 1000  # checks in flight
UNASKED_PAUSE = 1.0  # seconds, when the network gave no socket
Probe = Callable[[socket.socket, Question, Clock], Awaitable[Outcome]]
FunctionProbe = Callable[[FunctionQuestion, Clock], Awaitable[Outcome]]
HEALTHY = Health("healthy", None, None)


class Place(NamedTuple):
    """A target of one group behind one balancer."""

    load_balancer_arn: str
    target_group_arn: str
    target_id: str
    port: int


class _Watched:
    """A target that is being asked."""

    def __init__(self, health: Health) -> None:
        self.health = health
        self.pace = Pace()
        self.timer: asyncio.TimerHandle | None = None
        self.gone = False
        self.vpc_id = ""
        self.source = ""
        self.question: Question | FunctionQuestion = Question("", 0, "/", 0, "200")
        self.check: HealthCheckPlan | None = None

    def point(self, plan: BalancerPlan, group: TargetGroupPlan, target: TargetPlan) -> None:
        """Ask this from now on."""
        check = group.health_check
        self.check = check
        if group.is_function:
            self.question = FunctionQuestion(
                target.address,
                group.target_group_arn,
                check.path,
                check.timeout,
                check.matcher,
                group.attributes.get(MULTI_VALUE) == "true",
            )
            return
        port = target.port if check.port == "traffic-port" else int(check.port)
        self.vpc_id = plan.vpc_id
        self.source = plan.addresses[0] if plan.addresses else ""
        self.question = Question(
            target.address,
            port,
            check.path,
            check.timeout,
            check.matcher,
            check.protocol,
            check.version,
        )


class HealthChecks:
    """Asks every target of the plans it follows; ``changed`` hears of new states.

    known: healths from before a restart, which hold until a check says otherwise.
    """

    def __init__(
        self,
        clock: Clock,
        networks: Networks,
        changed: Callable[[str, str], None],
        probe: Probe = ask,
        probe_function: FunctionProbe = ask_function,
    ) -> None:
        self._probe = probe
        self._probe_function = probe_function
        self._clock = clock
        self._networks = networks
        self._changed = changed
        self._watched: dict[Place, _Watched] = {}
        self._of_balancer: dict[str, set[Place]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._early: list[Place] = []
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self.known: dict[Place, Health] = {}

    async def run(self) -> None:
        """Ask until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                early, self._early = self._early, []
                for place in early:
                    self._begin(place)
                await asyncio.get_running_loop().create_future()
            finally:
                self._group = None
                for place in list(self._watched):
                    self._drop(place)

    def follow(self, plan: BalancerPlan) -> None:
        """Ask what a plan says, and nothing that an earlier plan of the balancer said."""
        arn = plan.load_balancer_arn
        wanted = {
            Place(arn, group.target_group_arn, target.target_id, target.port): (group, target)
            for group in plan.target_groups
            for target in group.targets
            if group.health_check.enabled and not target.draining
        }
        for place in self._of_balancer.get(arn, set()) - set(wanted):
            self._drop(place)
        self._of_balancer[arn] = set(wanted)
        for place, (group, target) in wanted.items():
            watched = self._watched.get(place)
            if watched is None:
                watched = _Watched(self.known.pop(place, Health()))
                self._watched[place] = watched
                watched.point(plan, group, target)
                self._begin(place)
            else:
                watched.point(plan, group, target)

    def forget(self, load_balancer_arn: str) -> None:
        """Ask nothing of a balancer any more."""
        for place in self._of_balancer.pop(load_balancer_arn, set()):
            self._drop(place)

    def healths(
        self, load_balancer_arn: str, group: TargetGroupPlan
    ) -> dict[tuple[str, int], Health]:
        """Return what is known of a group's targets, draining ones aside."""
        found = {}
        for target in group.targets:
            place = Place(load_balancer_arn, group.target_group_arn, target.target_id, target.port)
            watched = self._watched.get(place)
            if watched is not None:
                found[target.target_id, target.port] = watched.health
            elif not group.health_check.enabled and not target.draining:
                found[target.target_id, target.port] = HEALTHY
        return found

    def all_known(self, load_balancer_arns: set[str]) -> Iterator[tuple[Place, Health]]:
        """Yield every target's health, for the next agent to go on with."""
        for arn in load_balancer_arns:
            for place in self._of_balancer.get(arn, set()):
                yield place, self._watched[place].health

    def _drop(self, place: Place) -> None:
        watched = self._watched.pop(place, None)
        if watched is not None:
            watched.gone = True
            if watched.timer is not None:
                watched.timer.cancel()

    def _begin(self, place: Place) -> None:
        """Ask now, in a task of its own."""
        watched = self._watched.get(place)
        if watched is None:
            return
        if self._group is None:
            self._early.append(place)
        else:
            self._group.create_task(self._ask(place, watched))

    async def _ask(self, place: Place, watched: _Watched) -> None:
        async with self._room:
            started = self._clock.now().timestamp()
            try:
                outcome = await self._outcome(watched)
            except (NetworkError, OSError) as error:
                log.warning(
                    "a target cannot be asked",
                    extra={"target": place.target_id, "port": place.port, "cause": str(error)},
                )
                self._again(place, watched, started, UNASKED_PAUSE)
                return
        if watched.gone or watched.check is None:
            return
        self._judge(place, watched, outcome, watched.check)
        pace, pause = next_pace(watched.pace, outcome, watched.health.state, watched.check.interval)
        watched.pace = pace
        self._again(place, watched, started, pause)

    async def _outcome(self, watched: _Watched) -> Outcome:
        if isinstance(watched.question, FunctionQuestion):
            return await self._probe_function(watched.question, self._clock)
        connection = await self._networks.open_socket(watched.vpc_id)
        try:
            connection.bind((watched.source, 0))
        except OSError:
            connection.close()
            raise
        return await self._probe(connection, watched.question, self._clock)

    def _judge(
        self, place: Place, watched: _Watched, outcome: Outcome, check: HealthCheckPlan
    ) -> None:
        if not watched.pace.counts and outcome.kind != "passed":
            return
        before = watched.health
        watched.health = judge(before, outcome, check.healthy_threshold, check.unhealthy_threshold)
        if watched.health[:3] != before[:3]:
            log.info(
                "target's health changed",
                extra={
                    "target": place.target_id,
                    "port": place.port,
                    "state": watched.health.state,
                    "cause": watched.health.description or "",
                },
            )
            self._changed(place.load_balancer_arn, place.target_group_arn)

    def _again(self, place: Place, watched: _Watched, started: float, pause: float) -> None:
        if not watched.gone:
            wait = max(0.0, on_beat(started + pause) - self._clock.now().timestamp())
            watched.timer = self._clock.call_later(wait, partial(self._begin, place))
