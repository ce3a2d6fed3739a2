"""Blue/green, canary and linear deployments: the stages, and what traffic each gives to whom.

Blue is the revision that served before, green the new one. Traffic, tasks and hooks follow from
the position alone, so that a controller that starts anew goes on where the last one was.
Source: ecs_semantics 4.9; Amazon ECS Developer Guide, blue/green deployment workflow.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from ecsd.records.ecs.service import DeploymentConfiguration

BEFORE = (
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
)
SHIFTING = (
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
)
AFTER = ("BAKE_TIME", "CLEAN_UP")
WITHOUT_TASKS = frozenset(BEFORE[:2])  # green has not started
LONGEST_STAGE = timedelta(hours=24)
WHOLE = 100.0  # percent
CANARY_PERCENT, CANARY_MINUTES = 5.0, 10
STEP_PERCENT, STEP_MINUTES = 10.0, 6


class Shift(NamedTuple):
    """A step of production traffic: green's percent, and minutes before the next step."""

    percent: float
    minutes: int


class Position(NamedTuple):
    """Where a deployment is. step: of the traffic shift, while there are several."""

    stage: str
    step: int = 0


class Facts(NamedTuple):
    """What is there. since: when the position was entered. hooks: all of them have passed."""

    now: datetime
    since: datetime
    hooks_passed: bool
    traffic_in_force: bool  # the balancers do what the position says
    green_healthy: int
    desired: int
    blue: int  # live tasks of the old revision
    blue_whole: bool  # it serves as many as wanted; also where there never was one
    others: int  # live tasks of neither revision


def shifts(configuration: DeploymentConfiguration, *, has_blue: bool) -> tuple[Shift, ...]:
    """Return the steps of production traffic; the last gives all of it.

    has_blue: a revision served before; without one nobody could answer what green does not get.
    """
    match configuration.strategy if has_blue else "":
        case "CANARY":
            given = configuration.canary or {}
            minutes = given.get("canaryBakeTimeInMinutes", CANARY_MINUTES)
            first = Shift(float(given.get("canaryPercent", CANARY_PERCENT)), minutes)
            return (first, Shift(WHOLE, 0)) if first.percent < WHOLE else (Shift(WHOLE, 0),)
        case "LINEAR":
            given = configuration.linear or {}
            size = round(10 * float(given.get("stepPercent", STEP_PERCENT)))  # tenths
            minutes = given.get("stepBakeTimeInMinutes", STEP_MINUTES)
            steps = [Shift(tenths / 10, minutes) for tenths in range(size, 1000, size)]
            return (*steps, Shift(WHOLE, 0))
        case _:
            return (Shift(WHOLE, 0),)


def first(*, reconciles: bool) -> Position:
    """Return where a deployment begins. reconciles: tasks of a third revision are there."""
    return Position(BEFORE[0] if reconciles else BEFORE[1])


def following(position: Position, steps: tuple[Shift, ...]) -> Position | None:
    """Return the next position; None: the deployment is done."""
    stage, step = position
    if stage == SHIFTING[-1] and step + 1 < len(steps):
        return Position(SHIFTING[0], step + 1)
    order = (*BEFORE, *SHIFTING, *AFTER)
    index = order.index(stage) + 1
    if index == len(order):
        return None
    return Position(order[index], step if order[index] in SHIFTING else 0)


def is_out_of_time(facts: Facts) -> bool:
    """Tell whether a stage that waits for nobody's word has lasted too long."""
    return facts.hooks_passed and facts.now > facts.since + LONGEST_STAGE


def is_done(position: Position, steps: tuple[Shift, ...], bake_minutes: int, facts: Facts) -> bool:
    """Tell whether the stage has reached what it is for."""
    if not (facts.hooks_passed and facts.traffic_in_force):
        return False
    match position.stage:
        case "RECONCILE_SERVICE":
            return facts.blue_whole and facts.others == 0
        case "SCALE_UP":
            return facts.green_healthy >= facts.desired
        case "POST_PRODUCTION_TRAFFIC_SHIFT" | "BAKE_TIME":
            return facts.now >= facts.since + pause(position, steps, bake_minutes)
        case "CLEAN_UP":
            return facts.blue == 0 and facts.others == 0
        case _:
            return True


def pause(position: Position, steps: tuple[Shift, ...], bake_minutes: int) -> timedelta:
    """Return how long a position is kept at least."""
    if position.stage == "BAKE_TIME":
        return timedelta(minutes=bake_minutes)
    if position.stage == SHIFTING[-1]:
        return timedelta(minutes=steps[position.step].minutes)
    return timedelta()


def production_percent(position: Position, steps: tuple[Shift, ...]) -> float:
    """Return green's share of production traffic."""
    stage, step = position
    if stage in BEFORE:
        return 0.0
    if stage in AFTER:
        return WHOLE
    reached = step - 1 if stage == SHIFTING[0] else step
    return steps[reached].percent if reached >= 0 else 0.0


def test_percent(position: Position) -> float:
    """Return green's share of test traffic."""
    return 0.0 if position.stage in BEFORE[: BEFORE.index("TEST_TRAFFIC_SHIFT")] else WHOLE


def shown(position: Position) -> str:
    """Return lifecycleStage, which has no name for the moment before production traffic shifts."""
    if position.stage != SHIFTING[0]:
        return position.stage
    return BEFORE[-1] if position.step == 0 else SHIFTING[-1]
