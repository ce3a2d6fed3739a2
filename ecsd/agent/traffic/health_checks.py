"""Health of all targets on this host, by the agent's own checks.

A target is an entry on a beat, and a plain check a few callbacks: ten thousand targets cost no more
than their checks. A new target is asked at once. Source: ecs_semantics 5.2; network.md 3.
"""

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import NamedTuple, Protocol

from ecsd.agent.drivers.beats import Beats
from ecsd.agent.drivers.function_probe import FunctionQuestion, ask_function
from ecsd.agent.drivers.target_probe import PlainProbe, Question, ask_by_channel
from ecsd.agent.rooms import Networks
from ecsd.clock import Clock
from ecsd.decisions.balancers.balancer_attributes import MULTI_VALUE
from ecsd.decisions.balancers.target_health import Health, Outcome, Pace, judge, next_pace
from ecsd.errors import NetworkError
from ecsd.records.plan import BalancerPlan, HealthCheckPlan, TargetGroupPlan, TargetPlan

log = logging.getLogger(__name__)

MOST_AT_ONCE = 1000  # checks in flight
UNASKED_PAUSE = 1.0  # seconds, when the network gave no socket
FunctionProbe = Callable[[FunctionQuestion, Clock], Awaitable[Outcome]]
HEALTHY = Health("healthy", None, None)


class Plain(Protocol):
    """Asks plain questions: ``PlainProbe``."""

    def ask(
        self,
        connection: socket.socket,
        question: Question,
        request: bytes,
        told: Callable[[Outcome], None],
    ) -> None:
        """Tell how a check went; the connection is closed then."""
        ...

    def stop(self) -> None:
        """Call everything off."""
        ...


class Place(NamedTuple):
    """A target of one group behind one balancer."""

    load_balancer_arn: str
    target_group_arn: str
    target_id: str
    port: int


class _Watched:
    """A target that is being asked."""

    def __init__(self, place: Place, health: Health) -> None:
        self.place = place
        self.health = health
        self.pace = Pace()
        self.gone = False
        self.started = 0.0  # the check that is under way, or the last one: monotonic seconds
        self.vpc_id = ""
        self.source = ""
        self.question: Question | FunctionQuestion = Question("", 0, "/", 0, "200")
        self.request = b""  # of a plain question
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
        self.request = self.question.request()


class HealthChecks:
    """Asks every target of the plans it follows; ``changed`` hears of new states.

    known: healths from before a restart, which hold until a check says otherwise.
    """

    def __init__(
        self,
        clock: Clock,
        networks: Networks,
        changed: Callable[[str, str], None],
        plain: Plain | None = None,
        probe_function: FunctionProbe = ask_function,
    ) -> None:
        self._beats = Beats(clock)
        self._plain = plain or PlainProbe(self._beats)
        self._probe_function = probe_function
        self._clock = clock
        self._networks = networks
        self._changed = changed
        self._watched: dict[Place, _Watched] = {}
        self._of_balancer: dict[str, set[Place]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._waiting: deque[_Watched] = deque()  # for their turn: too early, or too many
        self._under_way = 0
        self._beginning = False  # those that wait are
        self._broken: asyncio.Future[None] | None = None
        self.known: dict[Place, Health] = {}

    async def run(self) -> None:
        """Ask until cancelled; what breaks in a callback is raised here."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._broken = asyncio.get_running_loop().create_future()
            try:
                self._begin_waiting()
                await self._broken
            finally:
                self._group = None
                for place in list(self._watched):
                    self._drop(place)
                self._beats.stop()
                self._plain.stop()

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
                watched = _Watched(place, self.known.pop(place, Health()))
                self._watched[place] = watched
                watched.point(plan, group, target)
                self._begin(watched)
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

    # ------------------------------------------------------------------ one check

    def _begin(self, watched: _Watched) -> None:
        """Ask now: plainly at once, otherwise in a task of its own."""
        if watched.gone:
            return
        if self._group is None or self._under_way >= MOST_AT_ONCE:
            self._waiting.append(watched)
            return
        self._under_way += 1
        watched.started = self._clock.monotonic()
        question = watched.question
        if isinstance(question, FunctionQuestion) or not question.is_plain:
            self._group.create_task(self._ask(watched))
            return
        try:
            connection = self._networks.spare_socket(watched.vpc_id)
            if connection is None:
                self._group.create_task(self._ask_when_opened(watched, question))
            else:
                self._ask_plainly(connection, watched, question)
        except (NetworkError, OSError) as error:
            self._unasked(watched, error)

    def _begin_waiting(self) -> None:
        if self._beginning:
            return  # a check that is over at once, of those that the loop below begins
        self._beginning = True
        try:
            while self._waiting and self._group is not None and self._under_way < MOST_AT_ONCE:
                self._begin(self._waiting.popleft())
        finally:
            self._beginning = False

    def _due(self, watched: _Watched) -> None:
        try:
            self._begin(watched)
        except Exception as error:  # noqa: BLE001 - a callback has no caller: ``run`` raises it
            self._break(error)

    def _heard(self, watched: _Watched, outcome: Outcome) -> None:
        try:
            self._told(watched, outcome)
        except Exception as error:  # noqa: BLE001 - as above
            self._break(error)

    def _break(self, error: Exception) -> None:
        if self._broken is not None and not self._broken.done():
            self._broken.set_exception(error)

    def _ask_plainly(
        self, connection: socket.socket, watched: _Watched, question: Question
    ) -> None:
        _bind(connection, watched.source)
        self._plain.ask(connection, question, watched.request, partial(self._heard, watched))

    async def _ask_when_opened(self, watched: _Watched, question: Question) -> None:
        try:
            connection = await self._networks.open_socket(watched.vpc_id)
            self._ask_plainly(connection, watched, question)
        except (NetworkError, OSError) as error:
            self._unasked(watched, error)

    async def _ask(self, watched: _Watched) -> None:
        question = watched.question
        try:
            if isinstance(question, FunctionQuestion):
                outcome = await self._probe_function(question, self._clock)
            else:
                connection = await self._networks.open_socket(watched.vpc_id)
                _bind(connection, watched.source)
                outcome = await ask_by_channel(connection, question, self._clock)
        except (NetworkError, OSError) as error:
            self._unasked(watched, error)
        else:
            self._told(watched, outcome)

    def _unasked(self, watched: _Watched, error: Exception) -> None:
        """Try again soon: what kept us from asking is no verdict."""
        place = watched.place
        log.warning(
            "a target cannot be asked",
            extra={"target": place.target_id, "port": place.port, "cause": str(error)},
        )
        self._end(watched, UNASKED_PAUSE)

    def _told(self, watched: _Watched, outcome: Outcome) -> None:
        """Take in how a check went."""
        check, pause = watched.check, 0.0
        if not watched.gone and check is not None:
            self._judge(watched, outcome, check)
            state = watched.health.state
            watched.pace, pause = next_pace(watched.pace, outcome, state, check.interval)
        self._end(watched, pause)

    def _end(self, watched: _Watched, pause: float) -> None:
        """Ask again so many seconds after the check began."""
        self._under_way -= 1
        if not watched.gone:
            self._beats.at(watched.started + pause, partial(self._due, watched))
        if self._waiting:
            self._begin_waiting()

    def _judge(self, watched: _Watched, outcome: Outcome, check: HealthCheckPlan) -> None:
        if not watched.pace.counts and outcome.kind != "passed":
            return
        before = watched.health
        watched.health = judge(before, outcome, check.healthy_threshold, check.unhealthy_threshold)
        if watched.health[:3] != before[:3]:
            place = watched.place
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


def _bind(connection: socket.socket, source: str) -> None:
    """Let a check come from its load balancer's address; a socket that cannot is closed."""
    try:
        connection.bind((source, 0))
    except OSError:
        connection.close()
        raise
