"""When a target is healthy: one check after the other against thresholds, with AWS's reasons.

A newly registered target needs one passing check to leave ``initial``; afterwards thresholds
apply. Source: ecs_semantics 5.2.
"""

from typing import NamedTuple

REASONS = {
    "code": "Target.ResponseCodeMismatch",
    "timeout": "Target.Timeout",
    "failed": "Target.FailedHealthChecks",
}


class Outcome(NamedTuple):
    """One check's result. kind: ``passed``, ``code``, ``timeout``, ``failed``; code: HTTP's."""

    kind: str
    code: int | None = None


class Health(NamedTuple):
    """What is known of a target. passed, failed: in a row."""

    state: str = "initial"
    reason: str | None = "Elb.InitialHealthChecking"
    description: str | None = "Initial health checks in progress"
    passed: int = 0
    failed: int = 0


def judge(health: Health, outcome: Outcome, healthy: int, unhealthy: int) -> Health:
    """Return what is known after one more check; ``healthy``, ``unhealthy`` are thresholds."""
    if outcome.kind == "passed":
        passed = health.passed + 1
        if health.state == "initial" or (health.state == "unhealthy" and passed >= healthy):
            return Health("healthy", None, None, passed, 0)
        return health._replace(passed=passed, failed=0)
    failed = health.failed + 1
    if health.state == "unhealthy" or failed >= unhealthy:
        return Health("unhealthy", REASONS[outcome.kind], describe(outcome), 0, failed)
    return health._replace(passed=0, failed=failed)


def describe(outcome: Outcome) -> str:
    """Return AWS's description of a failed check."""
    match outcome.kind:
        case "code":
            return f"Health checks failed with these codes: [{outcome.code}]"
        case "timeout":
            return "Request timed out"
        case _:
            return "Health checks failed"


def matches(matcher: str, code: int) -> bool:
    """Tell whether a status code passes a matcher such as ``200``, ``200,202`` or ``200-299``."""
    for part in matcher.split(","):
        least, _, most = part.partition("-")
        if int(least) <= code <= int(most or least):
            return True
    return False
