"""Rotation in virtual time, with functions that do their steps, fail, or hang."""

import asyncio
import json
from datetime import timedelta

import pytest
from msgspec.structs import replace

from ecsd.clock import VIRTUAL_START, VirtualClock
from ecsd.controllers.controller import Controllers
from ecsd.controllers.secret_rotation import SecretRotationController
from ecsd.decisions.secretsmanager import rotation
from ecsd.decisions.secretsmanager.rotation import STEPS
from ecsd.decisions.secretsmanager.stages import CURRENT, PENDING, attached
from ecsd.errors import FunctionError
from ecsd.ids import SeededIds
from ecsd.records.secretsmanager.rotation import ASKED, TEST, RotationRules
from ecsd.records.secretsmanager.secret import Secret, SecretVersion
from ecsd.store.store import Store
from tests.conftest import SCOPE

ARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:s-AbCdEf"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:rotate"
URL = "http://functions/2015-03-31/functions/rotate/invocations"
NIGHTLY = RotationRules(schedule_expression="cron(0 2 * * ? *)", duration="1h")
PLAIN = Secret(
    arn=ARN, name="s", created_at=VIRTUAL_START, changed_at=VIRTUAL_START, stages={CURRENT: "v1"}
)


class World:
    """A store, the controller, and a function that does as tests like."""

    def __init__(self):
        self.store, self.clock, self.ids = Store.in_memory(), VirtualClock(), SeededIds(1)
        self.asked = []  # steps
        self.tokens = []
        self.fails = {}  # step → how often
        self.held = None  # what a call waits for

    async def invoke(self, url, payload):
        event = json.loads(payload)
        assert (url, event["SecretId"]) == (URL, ARN)
        assert self.secret.stages[PENDING] == event["ClientRequestToken"]
        self.asked.append(event["Step"])
        self.tokens.append(event["ClientRequestToken"])
        if self.held is not None:
            await self.held.wait()
        if self.fails.get(event["Step"], 0) > 0:
            self.fails[event["Step"]] -= 1
            raise FunctionError("HTTP 200: no database")
        if event["Step"] == "finishSecret":
            await self.put(stages=attached(self.secret.stages, event["ClientRequestToken"], ()))

    @property
    def secret(self):
        return self.store.view(SCOPE).get(Secret, ARN)

    @property
    def attempt(self):
        return self.secret.rotation.attempt

    async def put(self, **changes):
        async with self.store.transaction(SCOPE) as change:
            change.put(replace(change.get(Secret, ARN) or PLAIN, **changes))

    async def rotate(self, kind=ASKED, rules=NIGHTLY, token="v2"):
        secret = rotation.configured(self.secret or PLAIN, FUNCTION, rules, self.clock.now())
        if kind is not None:
            names = token, self.ids.uuid(), self.clock.now()
            secret = rotation.begun(secret, kind, *names)
        async with self.store.transaction(SCOPE) as change:
            change.put(secret)

    def start(self):
        """Start a server's controllers; whoever cancels them kills it."""
        controller = SecretRotationController(
            self.store, self.clock, self.ids, self.invoke, "http://functions"
        )
        self.controllers = Controllers(self.store, self.clock, [controller])
        return asyncio.create_task(self.controllers.run())

    async def until(self, **since):
        """Let time pass until so long after the beginning."""
        await self.clock.sleep(
            (VIRTUAL_START + timedelta(**since) - self.clock.now()).total_seconds()
        )


@pytest.fixture
def played(run_virtual):
    """Plays a scenario in a world with running controllers."""

    def play(scenario):
        async def whole():
            world = World()
            running = world.start()
            await asyncio.sleep(0)
            await scenario(world)
            assert world.controllers.errors() == {}
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

        run_virtual(whole())

    return play


def test_a_rotation_that_is_asked_for_goes_through_its_steps_at_once(played):
    async def scenario(world):
        await world.rotate()
        await world.until(seconds=1)
        assert tuple(world.asked) == STEPS
        assert set(world.tokens) == {"v2"}
        assert world.attempt is None
        assert world.secret.stages == {CURRENT: "v2", PENDING: "v2", "AWSPREVIOUS": "v1"}
        assert world.secret.rotation.last_rotated_at == VIRTUAL_START

    played(scenario)


def test_a_schedule_rotates_in_each_window_with_a_new_version(played):
    async def scenario(world):
        await world.rotate(kind=None)
        await world.until(hours=1, minutes=59)
        assert world.asked == []
        await world.until(hours=2, seconds=1)
        assert tuple(world.asked) == STEPS
        assert world.secret.rotation.last_rotated_at == VIRTUAL_START + timedelta(hours=2)
        await world.until(days=2, hours=2, seconds=1)
        assert tuple(world.asked) == STEPS * 3
        assert len(set(world.tokens)) == 3

    played(scenario)


def test_a_failure_is_told_and_everything_comes_again_after_a_pause(played, caplog):
    async def scenario(world):
        world.fails = {"setSecret": 2}
        await world.rotate()
        await world.until(seconds=59)
        assert world.asked == ["createSecret", "setSecret"]
        assert rotation.is_incomplete(world.secret.stages)
        [told] = [one for one in caplog.records if one.levelname == "WARNING"]
        assert (told.secret, told.step, told.cause) == (ARN, "setSecret", "HTTP 200: no database")
        await world.until(seconds=61)
        assert world.asked == ["createSecret", "setSecret"] * 2
        await world.until(minutes=4)
        assert tuple(world.asked[4:]) == STEPS
        assert (world.attempt, set(world.tokens)) == (None, {"v2"})

    played(scenario)


def test_a_rotation_outlives_its_server_and_repeats_the_step_in_hand(run_virtual):
    async def scenario():
        world = World()
        running = world.start()
        await world.rotate()
        world.held = asyncio.Event()
        await world.until(minutes=3)
        assert world.asked == ["createSecret"]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        world.held = None
        running = world.start()
        await world.until(minutes=4)
        assert tuple(world.asked) == ("createSecret", *STEPS)
        assert world.attempt is None
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_virtual(scenario())


def test_a_window_missed_by_a_server_that_was_away_waits_for_the_next(run_virtual):
    async def scenario():
        world = World()
        await world.rotate(kind=None)
        await world.until(hours=9)
        running = world.start()
        await world.until(hours=25)
        assert world.asked == []
        await world.until(hours=26, seconds=1)
        assert tuple(world.asked) == STEPS
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_virtual(scenario())


@pytest.mark.parametrize("fails", [0, 1])
def test_a_test_asks_once_and_takes_its_version_away(played, caplog, fails):
    async def scenario(world):
        world.fails = {"testSecret": fails}
        async with world.store.transaction(SCOPE) as change:
            for one in ("v1", "v2"):
                change.put(
                    SecretVersion(
                        secret_arn=ARN,
                        version_id=one,
                        kept_value="",
                        key_id="k",
                        created_at=VIRTUAL_START,
                    )
                )
        await world.rotate(TEST)
        await world.until(hours=1)
        assert world.asked == ["testSecret"]
        assert world.secret.stages == {CURRENT: "v1"}
        assert world.attempt is None
        [left] = world.store.view(SCOPE).select(SecretVersion)
        assert left.version_id == "v1"
        words = [one.message for one in caplog.records if one.levelname == "WARNING"]
        assert words == ["a secret's rotation has failed its test"] * fails
        await world.until(hours=2, seconds=1)
        assert tuple(world.asked[1:]) == STEPS  # the schedule's own

    played(scenario)


def test_an_answer_for_what_was_cancelled_changes_nothing(played, caplog):
    async def scenario(world):
        await world.rotate()
        world.held = asyncio.Event()
        await world.until(minutes=1)
        await world.put(rotation=rotation.cancelled(world.secret, world.clock.now()).rotation)
        world.held.set()
        await world.until(hours=30)
        assert world.asked == ["createSecret"]
        assert (world.attempt, world.secret.rotation.is_enabled) == (None, False)

    played(scenario)
    assert [one for one in caplog.records if one.levelname == "WARNING"] == []


def test_an_answer_is_not_taken_for_that_of_a_later_rotation(played):
    async def scenario(world):
        await world.rotate()
        world.held = asyncio.Event()
        await world.until(minutes=1)
        await world.put(rotation=rotation.cancelled(world.secret, world.clock.now()).rotation)
        await world.put(stages={CURRENT: "v1"})
        await world.rotate(token="v3")
        first, world.held = world.held, None
        first.set()
        await world.until(minutes=2)
        assert tuple(world.asked[1:]) == STEPS  # from the first step on
        assert world.tokens == ["v2", *["v3"] * 4]
        assert world.secret.stages[CURRENT] == "v3"

    played(scenario)


def test_a_label_taken_away_is_back_before_the_next_try(played):
    async def scenario(world):
        world.fails = {"createSecret": 1}
        await world.rotate()
        await world.until(seconds=30)
        await world.put(stages={CURRENT: "v1"})
        await world.until(seconds=61)
        assert tuple(world.asked[1:]) == STEPS
        assert world.secret.stages[CURRENT] == "v2"

    played(scenario)


def test_a_secret_that_goes_is_not_rotated(played):
    async def scenario(world):
        await world.rotate(kind=None)
        await world.put(deletion_at=VIRTUAL_START + timedelta(days=7))
        await world.until(days=2)
        assert world.asked == []
        await world.put(deletion_at=None)
        await world.until(days=2, hours=3)
        assert tuple(world.asked) == STEPS

    played(scenario)


def test_a_server_that_starts_need_not_wait_for_a_function(played):
    async def scenario(world):
        await world.rotate()
        world.held = asyncio.Event()
        await world.controllers.settle(besides=("secret_rotation",))
        with pytest.raises(TimeoutError):
            async with world.clock.deadline(60):
                await world.controllers.settle()
        world.held.set()
        await world.controllers.settle()
        assert tuple(world.asked) == STEPS

    played(scenario)
