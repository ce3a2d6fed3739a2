"""deploymentConfiguration.lifecycleHooks, checked. Source: ecs_semantics 4.9; API Reference."""

from typing import Any

from ecsd.decisions.balancers.function_arn import FUNCTION, NOBODY
from ecsd.errors import AwsError

LAMBDA_ONLY = frozenset({"TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"})
LONGEST_PAUSE, LONGEST_CALL = 20160, 1440  # minutes


def parse(given: list[dict[str, Any]], *, has_functions: bool) -> tuple[dict[str, Any], ...]:
    """Return the hooks as given, or refuse what could never be asked."""
    for number, hook in enumerate(given):
        where = f"deploymentConfiguration.lifecycleHooks[{number}]"
        if not hook.get("lifecycleStages"):
            raise _refusal(f"{where}.lifecycleStages must name a stage.")
        if hook.get("targetType") == "PAUSE":
            _check_pause(hook, where)
        else:
            _check_function(hook, where, has_functions=has_functions)
    return tuple(given)


def _check_pause(hook: dict[str, Any], where: str) -> None:
    for member in ("hookTargetArn", "hookDetails"):
        if hook.get(member):
            raise _refusal(f"{where}.{member} is not valid for a PAUSE hook.")
    wrong = sorted(LAMBDA_ONLY & set(hook["lifecycleStages"]))
    if wrong:
        raise _refusal(f"{where}.lifecycleStages: a PAUSE hook cannot run at {wrong}.")
    _check_timeout(hook, where, LONGEST_PAUSE)


def _check_function(hook: dict[str, Any], where: str, *, has_functions: bool) -> None:
    arn = hook.get("hookTargetArn") or ""
    if not FUNCTION.fullmatch(arn):
        raise _refusal(f"{where}.hookTargetArn must be the ARN of a Lambda function, got {arn!r}.")
    if not has_functions:
        raise _refusal(f"{where}: {NOBODY}")
    _check_timeout(hook, where, LONGEST_CALL)


def _check_timeout(hook: dict[str, Any], where: str, longest: int) -> None:
    minutes = (hook.get("timeoutConfiguration") or {}).get("timeoutInMinutes")
    if minutes is not None and not 1 <= minutes <= longest:
        raise _refusal(
            f"{where}.timeoutConfiguration.timeoutInMinutes must be between 1 and {longest}, "
            f"got {minutes}."
        )


def _refusal(words: str) -> AwsError:
    return AwsError("InvalidParameterException", words)
