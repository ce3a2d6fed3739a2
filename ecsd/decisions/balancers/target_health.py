"""When a target is healthy: one check after the other against thresholds, with AWS's reasons.

A newly registered target needs one passing check to leave ``initial``; afterwards thresholds
apply. Source: ecs_semantics 5.2.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ecsd.records.plan import TargetGroupPlan

REASONS = {
    "code": "Target.ResponseCodeMismatch",
    "timeout": "Target.Timeout",
    "failed": "Target.FailedHealthChecks",
    "refused": "Target.FailedHealthChecks",
}
FIRST_PAUSE = 0.25  # seconds


class Outcome(NamedTuple):
    """One check's result; code: HTTP's.

    kind: ``passed``, ``code``, ``timeout``, ``refused`` (nothing listens), ``failed``.
    """

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


class Pace(NamedTuple):
    """Where in its interval a check falls. since: seconds after the last one that counted."""

    since: float = 0.0
    step: float = 0.0

    @property
    def counts(self) -> bool:
        """Tell whether a failure of this check counts towards a threshold."""
        return self.since == 0.0


def next_pace(pace: Pace, outcome: Outcome, state: str, interval: float) -> tuple[Pace, float]:
    """Return the next check's pace, and seconds from the start of this check to the next.

    Checks that count are one interval apart. While nothing listens yet on a new target, it is
    tried in between with doubling pauses, so that it serves as soon as it can; a refused
    connection reaches no application.
    """
    step = 2 * pace.step or FIRST_PAUSE
    if outcome.kind == "refused" and state == "initial" and pace.since + step < interval:
        return Pace(pace.since + step, step), step
    return Pace(), interval - pace.since


def in_use(
    group: TargetGroupPlan, healths: Mapping[tuple[str, int], Health]
) -> set[tuple[str, int]]:
    """Return the targets (id, port) that get requests: the healthy ones; if none is, all.

    Draining targets get none. Source: ecs_semantics 5.2, fail-open.
    """
    registered = {(one.target_id, one.port) for one in group.targets if not one.draining}
    if not group.health_check.enabled:
        return registered
    healthy = {
        place for place in registered if place in healths and healths[place].state == "healthy"
    }
    return healthy or registered
