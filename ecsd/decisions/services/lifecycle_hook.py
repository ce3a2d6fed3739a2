"""Lifecycle hooks: begun with their stage, asked until they decide, timed out.

Source: ecs_semantics 4.9; Amazon ECS Developer Guide, lifecycle hooks for service deployments.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.rollout.stages import LONGEST_STAGE, Position
from ecsd.records.ecs.service_deployment import HookRun, ServiceDeployment

PAUSE = "PAUSE"
SHIFTS = ("TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT")
BACK = -1  # the step of runs on the way back
TIMEOUT_MINUTES = 1440
CALL_BACK_SECONDS = 30
LEAST_CALL_BACK = 1  # seconds
PASSING = frozenset({"SUCCEEDED"})


def begin(
    deployment: ServiceDeployment, position: Position, new_id: Callable[[], str], now: datetime
) -> tuple[HookRun, ...]:
    """Return the runs that a stage begins with."""
    return tuple(
        _run(hook, number, position, new_id(), now)
        for number, hook in enumerate(deployment.configuration.lifecycle_hooks)
        if position.stage in hook["lifecycleStages"]
    )


def begin_back(
    deployment: ServiceDeployment, new_id: Callable[[], str], now: datetime
) -> tuple[HookRun, ...]:
    """Return the runs of the way back: functions of the shifts that were made are asked again.

    They hear the weights that are restored; what they answer stops nothing any more.
    """
    made = {run.stage for run in deployment.hooks if run.stage in SHIFTS}
    return tuple(
        _run(hook, number, Position(stage, BACK), new_id(), now)
        for stage in SHIFTS
        for number, hook in enumerate(deployment.configuration.lifecycle_hooks)
        if stage in made and stage in hook["lifecycleStages"] and hook.get("targetType") != PAUSE
    )


def is_way_back_told(deployment: ServiceDeployment) -> bool:
    """Tell whether every function that is asked on the way back has answered."""
    return all(one.status != "IN_PROGRESS" for one in deployment.hooks if one.step == BACK)


def at(deployment: ServiceDeployment, position: Position) -> list[HookRun]:
    """Return the runs of a stage."""
    return [one for one in deployment.hooks if (one.stage, one.step) == position]


def have_passed(runs: Iterable[HookRun]) -> bool:
    """Tell whether the deployment may go on."""
    return all(
        one.status in PASSING or (one.status == "TIMED_OUT" and one.timeout_action == "CONTINUE")
        for one in runs
    )


def failure(runs: Iterable[HookRun]) -> str | None:
    """Return what follows "because" when a hook wants the deployment rolled back."""
    for one in runs:
        words = f"{one.stage} lifecycle hook(s) failed. Lifecycle hook target {one.target_arn}"
        if one.status == "FAILED" and one.target_type == PAUSE:
            return f"of a ContinueServiceDeployment request at {one.stage}"
        if one.status == "FAILED":
            return f"{words} {one.words or 'returned FAILED'}"
        if one.status == "TIMED_OUT" and one.timeout_action != "CONTINUE":
            return f"{words if one.target_arn else f'the pause at {one.stage}'} timed out"
    return None


def timed(run: HookRun, now: datetime) -> HookRun:
    """Return a run as time leaves it: asked again, or out of time."""
    if run.status not in {"AWAITING_ACTION", "IN_PROGRESS"}:
        return run
    if now >= run.expires_at:
        return replace(run, status="TIMED_OUT", call_at=None)
    if run.call_at is not None and now >= run.call_at:
        return replace(run, call=run.call + 1, call_at=None)
    return run


def next_moment(runs: Sequence[HookRun]) -> datetime | None:
    """Return when time alone changes one of the runs."""
    open_ = [one for one in runs if one.status in {"AWAITING_ACTION", "IN_PROGRESS"}]
    moments = [one.expires_at for one in open_] + [one.call_at for one in open_ if one.call_at]
    return min(moments, default=None)


def answered(
    run: HookRun, call: int, answer: dict[str, Any] | None, words: str | None, now: datetime
) -> HookRun:
    """Take in what a function said to a call; late and doubled answers change nothing.

    answer: its JSON; None with the reason in ``words`` when there is none.
    """
    if run.status != "IN_PROGRESS" or call != run.call or run.call_at is not None:
        return run
    status = (answer or {}).get("hookStatus")
    if status == "SUCCEEDED":
        return replace(run, status="SUCCEEDED")
    if answer is not None and status == "IN_PROGRESS":
        delay = answer.get("callBackDelay", CALL_BACK_SECONDS)
        details = answer.get("hookDetails")
        if _is_seconds(delay) and isinstance(details, dict | None):
            pause = timedelta(seconds=max(LEAST_CALL_BACK, delay))
            return replace(run, call_at=now + pause, details=details)
    if words is None:
        words = "returned FAILED" if status == "FAILED" else f"returned {answer!r}"[:300]
    return replace(run, status="FAILED", words=words)


def decided(run: HookRun, action: str) -> HookRun:
    """Take in what ContinueServiceDeployment says to a pause."""
    return replace(run, status="SUCCEEDED" if action == "CONTINUE" else "FAILED")


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _run(
    hook: dict[str, Any], number: int, position: Position, hook_id: str, now: datetime
) -> HookRun:
    pauses = hook.get("targetType") == PAUSE
    timeout = hook.get("timeoutConfiguration") or {}
    limit = timedelta(minutes=timeout.get("timeoutInMinutes", TIMEOUT_MINUTES))
    return HookRun(
        hook_id=hook_id,
        stage=position.stage,
        step=position.step,
        number=number,
        target_type=PAUSE if pauses else "AWS_LAMBDA",
        target_arn=hook.get("hookTargetArn"),
        status="AWAITING_ACTION" if pauses else "IN_PROGRESS",
        expires_at=now + (limit if pauses else min(limit, LONGEST_STAGE)),
        timeout_action=timeout.get("action") or "ROLLBACK",
    )
