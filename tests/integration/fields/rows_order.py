"""Fields by which containers start, are judged, start again, and stop."""

from datetime import datetime

from tests.integration.fields.looks import engine, eventually, shown
from tests.integration.fields.rows import Effective, Row, each

C = "containerDefinitions[]."
H = f"{C}healthCheck"
R = f"{C}restartPolicy"


def checks(container):
    """The health checks that the Engine has made, oldest first."""
    return engine("State", "Health", "Log", container=container)


def health_after(container, count):
    """What a container's health is once so many checks were made."""

    def look(there):
        there.eventually(lambda: len(checks(container)(there)) >= count, True)
        assert len(checks(container)(there)) >= count
        return shown("healthStatus", container)(there)

    return look


def unhealthy_after_ten_failures(there):
    """Whether it is unhealthy exactly from the tenth failure on; looked at after four or more."""

    def health():
        return engine("State", "Health", container="patient")(there)

    there.eventually(lambda: health()["FailingStreak"] >= 4, True, 60.0)
    seen = health()
    failures = seen["FailingStreak"]
    return failures >= 4 and (seen["Status"] == "unhealthy") == (failures >= 10)


def seconds_between_checks(there):
    there.eventually(lambda: len(checks("app")(there)) >= 2, True)
    first, second = checks("app")(there)[:2]
    return (moment(second["Start"]) - moment(first["End"])).total_seconds()


def moment(text):
    return datetime.fromisoformat(text[:26].rstrip("Z"))


def begun(name):
    """How often a container began: once those that may be started again have been."""

    def count(there, container):
        return len(there.run("cat", f"/runs/{container}", container="watch").split())

    def over(there):
        ended = (there.container(one)["lastStatus"] for one in ("ignored", "disabled"))
        return set(ended) == {"STOPPED"} and count(there, "app") > 1

    def look(there):
        assert there.eventually(lambda: over(there), True, 90.0)
        return count(there, name)

    return look


def order(there):
    """When the dependency ended, and when its dependent started."""
    ended = moment(engine("State", "FinishedAt", container="init")(there))
    return moment(engine("State", "StartedAt", container="app")(there)) >= ended


def seconds_until_killed(there):
    ended = there.task
    return (ended["executionStoppedAt"] - ended["stoppingAt"]).total_seconds()


ROWS: list[Row] = [
    *each(
        f"{C}dependsOn[]",
        f"{C}dependsOn[].containerName",
        f"{C}dependsOn[].condition",
        effect="starts after what it depends on; stops before it",
        scene="plain",
        look=order,
        equals=True,
    ),
    Effective(
        f"{C}startTimeout",
        "dependents wait that long for it, then the task stops",
        "late",
        shown("reason"),
        "TaskDependencyError: dependency container [base] has timed out: HEALTHY",
    ),
    Effective(
        f"{C}stopTimeout",
        "seconds between stop signal and SIGKILL",
        "deaf",
        seconds_until_killed,
        lambda seen: 2 <= seen < 15,
    ),
    Effective(
        H,
        "health of container and task",
        "health",
        eventually(shown("healthStatus"), "HEALTHY"),
        "HEALTHY",
    ),
    Effective(
        f"{H}.command[]",
        "run in the container: by its shell, or as it is",
        "health",
        eventually(shown("healthStatus", "direct"), "HEALTHY"),
        "HEALTHY",
    ),
    Effective(
        f"{H}.timeout",
        "a check that takes longer has failed",
        "health",
        eventually(shown("healthStatus", "slow"), "UNHEALTHY"),
        "UNHEALTHY",
    ),
    Effective(
        f"{H}.retries",
        "so many failures in a row make it unhealthy",
        "health",
        unhealthy_after_ten_failures,
        True,
    ),
    Effective(
        f"{H}.interval",
        "seconds between checks",
        "health",
        seconds_between_checks,
        lambda seen: 4.9 <= seen < 9,
    ),
    Effective(
        f"{H}.startPeriod",
        "failures do not count before it ends",
        "health",
        health_after("young", 2),
        "UNKNOWN",
    ),
    Effective(
        f"{H}.startPeriod",
        "after a success within it failures count",
        "health",
        eventually(shown("healthStatus", "turned"), "UNHEALTHY"),
        "UNHEALTHY",
    ),
    *each(
        R,
        f"{R}.enabled",
        effect="started again without a new task",
        scene="restarted",
        look=begun("app"),
        equals=2,
    ),
    Effective(f"{R}.enabled", "false: it stays stopped", "restarted", begun("disabled"), 1),
    Effective(
        f"{R}.ignoredExitCodes[]", "not started again after these", "restarted", begun("ignored"), 1
    ),
    Effective(
        f"{R}.restartAttemptPeriod",
        "not started again if it ran for less",
        "restarted",
        begun("hasty"),
        1,
    ),
]
