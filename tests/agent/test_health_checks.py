"""Health checks in virtual time, against scripted targets."""

import asyncio
import socket
from collections import defaultdict

import pytest
from msgspec.structs import replace

from ecsd.agent.drivers.function_probe import FunctionQuestion
from ecsd.agent.traffic import health_checks
from ecsd.agent.traffic.health_checks import HealthChecks, Place
from ecsd.clock import VirtualClock
from ecsd.decisions.balancers.target_health import Health, Outcome
from ecsd.errors import NetworkError
from ecsd.records.plan import BalancerPlan, HealthCheckPlan, TargetGroupPlan, TargetPlan

PASSED, REFUSED, SICK = Outcome("passed", 200), Outcome("refused"), Outcome("code", 503)


class Targets:
    """Answers as told, and remembers when each target was asked."""

    def __init__(self, clock):
        self._clock = clock
        self.answers = defaultdict(lambda: PASSED)
        self.asked = defaultdict(list)
        self.network = None
        self.questions = []
        self.spare = []
        self.slow = self.stopped = False

    async def open_socket(self, vpc_id):
        if self.network is not None:
            raise NetworkError(self.network)
        return socket.socket(socket.AF_INET, socket.SOCK_STREAM)

    def spare_socket(self, vpc_id):
        if self.network is not None:
            raise NetworkError(self.network)
        return self.spare.pop() if self.spare else None

    def ask(self, connection, question, request, told):
        connection.close()
        assert request == question.request()
        place = f"{question.address}:{question.port}"
        self.asked[place].append((self._clock.now() - self._begin).total_seconds())
        answer = self.answers[place]
        if answer.kind == "timeout":
            self._clock.call_later(question.timeout, lambda: told(answer))
        elif self.slow:
            self._clock.call_later(0.001, lambda: told(answer))
        else:
            told(answer)

    def stop(self):
        self.stopped = True

    async def probe_function(self, question, clock):
        self.asked[question.url].append((clock.now() - self._begin).total_seconds())
        self.questions.append(question)
        return self.answers[question.url]

    def begin(self):
        self._begin = self._clock.now()


def plan(*addresses, draining=(), interval=30, arn="arn:lb", **check):
    settings = {
        "enabled": True,
        "protocol": "HTTP",
        "port": "traffic-port",
        "path": "/",
        "interval": interval,
        "timeout": 5,
        "healthy_threshold": 3,
        "unhealthy_threshold": 2,
        "matcher": "200",
    } | check
    return BalancerPlan(
        load_balancer_arn=arn,
        name="web",
        dns_name="web.elb.localhost",
        vpc_id="vpc-1",
        addresses=("127.0.0.1",),
        entrance="127.64.0.1",
        target_groups=(
            TargetGroupPlan(
                target_group_arn="arn:tg",
                name="a",
                protocol="HTTP",
                health_check=HealthCheckPlan(**settings),
                targets=tuple(
                    TargetPlan(target_id=one, address=one, port=80, draining=one in draining)
                    for one in addresses
                ),
            ),
        ),
    )


@pytest.fixture
def scene(run_virtual):
    """Run a scenario: ``scene(story)``, where story takes clock, targets, checks, changes."""

    def run(story):
        async def play():
            clock = VirtualClock()
            targets = Targets(clock)
            targets.begin()
            changes = []
            checks = HealthChecks(
                clock,
                targets,
                lambda *where: changes.append(where),
                targets,
                targets.probe_function,
            )
            async with asyncio.TaskGroup() as group:
                task = group.create_task(checks.run())
                await story(clock, targets, checks, changes)
                task.cancel()

        run_virtual(play())

    return run


def states(checks, made):
    healths = checks.healths(made.load_balancer_arn, made.target_groups[0])
    return {target: health.state for (target, _), health in healths.items()}


def test_a_function_is_invoked_instead(scene):
    async def story(clock, targets, checks, changes):
        made = plan("arn:f", path="/well")
        [group] = made.target_groups
        function = replace(group.targets[0], address="http://f", port=0)
        attributes = {"lambda.multi_value_headers.enabled": "true"}
        group = replace(group, is_function=True, targets=(function,), attributes=attributes)
        made = replace(made, target_groups=(group,))
        targets.network = "functions are in no network"
        targets.answers["http://f"] = SICK
        checks.follow(made)
        await clock.advance(31)
        assert targets.asked["http://f"] == [0, 30]
        assert targets.questions[0] == FunctionQuestion(
            "http://f", "arn:tg", "/well", 5, "200", multi_value=True
        )
        assert states(checks, made) == {"arn:f": "unhealthy"}
        assert changes == [("arn:lb", "arn:tg")]

    scene(story)


def test_a_new_target_is_asked_at_once_then_at_its_interval(scene):
    async def story(clock, targets, checks, changes):
        made = plan("a")
        checks.follow(made)
        await clock.advance(95)
        assert targets.asked["a:80"] == [0, 30, 60, 90]
        assert states(checks, made) == {"a": "healthy"}
        assert changes == [("arn:lb", "arn:tg")]

    scene(story)


def test_a_target_that_starts_late_serves_as_soon_as_it_listens(scene):
    async def story(clock, targets, checks, changes):
        made = plan("a")
        targets.answers["a:80"] = REFUSED
        checks.follow(made)
        await clock.advance(0.5)
        targets.answers["a:80"] = PASSED
        await clock.advance(0.5)
        assert targets.asked["a:80"] == [0, 0.25, 0.75]
        assert states(checks, made) == {"a": "healthy"}

    scene(story)


def test_refusals_between_counted_checks_do_not_count(scene):
    async def story(clock, targets, checks, changes):
        made = plan("a")
        targets.answers["a:80"] = REFUSED
        checks.follow(made)
        await clock.advance(29.9)
        assert states(checks, made) == {"a": "initial"}
        await clock.advance(0.2)
        assert states(checks, made) == {"a": "unhealthy"}
        assert len(targets.asked["a:80"]) == 8

    scene(story)


def test_thresholds_and_recovery(scene):
    async def story(clock, targets, checks, changes):
        made = plan("a", interval=10)
        checks.follow(made)
        await clock.advance(1)
        targets.answers["a:80"] = SICK
        await clock.advance(10)
        assert states(checks, made) == {"a": "healthy"}
        await clock.advance(10)
        assert states(checks, made) == {"a": "unhealthy"}
        targets.answers["a:80"] = PASSED
        await clock.advance(20)
        assert states(checks, made) == {"a": "unhealthy"}
        await clock.advance(10)
        assert states(checks, made) == {"a": "healthy"}
        assert len(changes) == 3

    scene(story)


def test_a_slow_target_does_not_shift_its_interval(scene):
    async def story(clock, targets, checks, changes):
        targets.answers["a:80"] = Outcome("timeout")
        checks.follow(plan("a", interval=10))
        await clock.advance(35)
        assert targets.asked["a:80"] == [0, 10, 20, 30]

    scene(story)


def test_a_check_has_its_own_port_and_draining_targets_none(scene):
    async def story(clock, targets, checks, changes):
        made = plan("a", "b", draining=["b"], port="9000")
        checks.follow(made)
        await clock.advance(1)
        assert set(targets.asked) == {"a:9000"}
        assert states(checks, made) == {"a": "healthy"}

    scene(story)


def test_targets_that_leave_are_asked_no_more(scene):
    async def story(clock, targets, checks, changes):
        checks.follow(plan("a", "b"))
        await clock.advance(1)
        checks.follow(plan("b"))
        await clock.advance(30)
        assert (len(targets.asked["a:80"]), len(targets.asked["b:80"])) == (1, 2)
        checks.forget("arn:lb")
        await clock.advance(60)
        assert len(targets.asked["b:80"]) == 2

    scene(story)


def test_following_the_same_plan_again_asks_nothing_more(scene):
    async def story(clock, targets, checks, changes):
        for _ in range(5):
            checks.follow(plan("a"))
            await clock.advance(1)
        assert targets.asked["a:80"] == [0]

    scene(story)


def test_healths_of_an_earlier_agent_hold_until_checks_say_otherwise(scene):
    async def story(clock, targets, checks, changes):
        made = plan("a")
        place = Place("arn:lb", "arn:tg", "a", 80)
        checks.known = {place: Health("healthy", None, None)}
        targets.answers["a:80"] = SICK
        checks.follow(made)
        assert states(checks, made) == {"a": "healthy"}
        await clock.advance(1)
        assert states(checks, made) == {"a": "healthy"}
        await clock.advance(30)
        assert states(checks, made) == {"a": "unhealthy"}
        assert [one.state for _, one in checks.all_known({"arn:lb"})] == ["unhealthy"]

    scene(story)


def test_a_network_that_gives_no_socket_is_no_verdict(scene):
    async def story(clock, targets, checks, changes):
        made = plan("a")
        targets.network = "no such VPC"
        checks.follow(made)
        await clock.advance(5)
        assert states(checks, made) == {"a": "initial"}
        targets.network = None
        await clock.advance(1)
        assert states(checks, made) == {"a": "healthy"}

    scene(story)


def test_without_checks_every_target_is_well(scene):
    async def story(clock, targets, checks, changes):
        made = plan("a", enabled=False)
        checks.follow(made)
        await clock.advance(60)
        assert targets.asked == {}
        assert states(checks, made) == {"a": "healthy"}

    scene(story)


def test_ten_thousand_targets_are_all_asked_in_their_interval(scene):
    async def story(clock, targets, checks, changes):
        made = plan(*(f"t{number}" for number in range(10_000)))
        checks.follow(made)
        await clock.advance(31)
        assert len(targets.asked) == 10_000
        assert all(len(times) == 2 for times in targets.asked.values())

    scene(story)


def test_a_socket_at_hand_is_taken_and_what_is_under_way_called_off_at_the_end(scene):
    held = []

    async def story(clock, targets, checks, changes):
        held.append(targets)
        targets.spare = [await targets.open_socket("vpc-1") for _ in range(2)]
        targets.answers["a:80"] = REFUSED
        checks.follow(plan("a", "b"))
        assert not targets.asked  # not yet: nobody runs them
        await clock.advance(0.3)
        assert targets.asked == {"a:80": [0, 0.25], "b:80": [0]}
        assert not targets.spare
        assert not targets.stopped

    scene(story)
    assert held[0].stopped


@pytest.mark.parametrize("slow", [False, True])
def test_of_more_than_can_be_asked_at_once_the_others_wait(scene, monkeypatch, slow):
    monkeypatch.setattr(health_checks, "MOST_AT_ONCE", 10)

    async def story(clock, targets, checks, changes):
        targets.slow = slow
        made = plan(*(f"t{number}" for number in range(3000)))
        targets.spare = [await targets.open_socket("vpc-1") for _ in range(3000)]
        checks.follow(made)
        await clock.advance(10)
        assert len(targets.asked) == 3000
        assert set(states(checks, made).values()) == {"healthy"}

    scene(story)


def test_what_breaks_while_a_check_is_judged_is_not_lost(run_virtual):
    async def play():
        clock = VirtualClock()
        targets = Targets(clock)
        targets.begin()

        def fails(*where):
            raise LookupError("a bug")

        targets.answers["a:80"] = Outcome("timeout")
        checks = HealthChecks(clock, targets, fails, targets)
        checks.follow(plan("a", unhealthy_threshold=1))
        await checks.run()

    with pytest.raises(ExceptionGroup) as broken:
        run_virtual(play())
    assert broken.group_contains(LookupError, match="a bug")
