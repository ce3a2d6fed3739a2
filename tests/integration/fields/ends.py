"""Every way in which a task ends on one host, with what is said of it.

Source: ecs_semantics 1.3. What services and their balancers end is in test_service.
"""

from typing import NamedTuple

from tests.integration.fields.scenes import AWSLOGS, LATE, Scene, container, fargate, instance

# The Engine hears of the kernel's kills only a moment after it has started a container.
HOG = "sleep 2; dd if=/dev/zero of=/dev/null bs=200M count=9"
EXITED = ("EssentialContainerExited", "Essential container in task exited")
BY_USER = ("UserInitiated", "Task stopped by user")
DAEMON = "CannotStartContainerError: Error response from daemon: "
DRIVER = "ResourceInitializationError: failed to initialize logging driver: "


class End(NamedTuple):
    """A task that ends. reasons: how the task's and the container's begin; None: there is none."""

    scene: Scene
    stop_code: str
    stopped_reason: str
    exit_code: int | None
    reason: str | None
    on_fargate: bool = True


def ends(stop_code, stopped_reason, exit_code, reason, **members):
    """An end by itself on Fargate."""
    scene = Scene(fargate(container(**members)), until="STOPPED")
    return End(scene, stop_code, stopped_reason, exit_code, reason)


def fails(words, on_fargate=True, **members):
    """A task that never started: the same words for it and its container; on EC2 only there."""
    if on_fargate:
        return ends("TaskFailedToStart", words, None, words, **members)
    volumes = members.pop("volumes", [])
    scene = Scene(instance(container(**members), volumes=volumes), until="STOPPED")
    return End(scene, "TaskFailedToStart", "Task failed to start", None, words, False)


def logs_to(driver, **options):
    given = {name.replace("_", "-"): value for name, value in options.items()}
    return {"logDriver": driver, "options": given}


def stopped(exit_code, script, **members):
    scene = Scene(
        fargate(container(script=script, **members)), until="STOPPED", stopped_by_user=True
    )
    return End(scene, *BY_USER, exit_code, None)


INIT = {"linuxParameters": {"initProcessEnabled": True}}
ENDS = {
    "exit code 0": ends(*EXITED, 0, None, script="exit 0"),
    "exit code 7": ends(*EXITED, 7, None, script="exit 7"),
    "killed by itself": ends(*EXITED, 137, None, script="kill -9 $$", **INIT),
    "out of the container's memory": ends(
        *EXITED,
        137,
        "OutOfMemoryError: Container killed due to memory usage",
        script=HOG,
        memory=32,
    ),
    "stopped by the user": stopped(0, "trap 'exit 0' TERM; sleep 1000 & wait"),
    "dies of SIGTERM": stopped(143, "exec sleep 1000", **INIT),
    "killed after stopTimeout": stopped(137, "trap '' TERM; while :; do sleep 1; done"),
    "no such image": fails(
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
        "resolve ref 127.0.0.1:9/no/such:1: ",
        image="127.0.0.1:9/no/such:1",
    ),
    "no such command": fails(DAEMON, command=["/no/such"]),
    "no such user": fails(DAEMON, user="nobody-of-this-name"),
    "no such log group": fails(
        "ResourceInitializationError: failed to validate logger args: create stream has been "
        "retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The "
        "specified log group does not exist.",
        logConfiguration={"logDriver": "awslogs", "options": AWSLOGS | {"awslogs-group": "none"}},
    ),
    "a log driver that reaches nobody": fails(
        DRIVER,
        logConfiguration=logs_to("splunk", splunk_token="t", splunk_url="http://127.0.0.1:9"),
    ),
    "an option that the log driver does not know": fails(
        "CannotCreateContainerError: Error response from daemon: ",
        on_fargate=False,
        logConfiguration=logs_to("json-file", nothing="known"),
    ),
    "a log driver that nobody hears": fails(
        DAEMON + "failed to initialize logging driver: ",
        on_fargate=False,
        logConfiguration=logs_to("fluentd", fluentd_address="127.0.0.1:9"),
    ),
    "no such shared volume": fails(
        "CannotCreateVolumeError: Error response from daemon: ",
        on_fargate=False,
        volumes=[{"name": "ecst-nowhere", "dockerVolumeConfiguration": {"scope": "shared"}}],
    ),
    "no such volume driver": fails(
        "CannotCreateVolumeError: Error response from daemon: ",
        on_fargate=False,
        volumes=[{"name": "v", "dockerVolumeConfiguration": {"driver": "ecst-nothing"}}],
    ),
    "late dependency": End(
        Scene(LATE, until="STOPPED"),
        "TaskFailedToStart",
        "TaskDependencyError: dependency container [base] has timed out: HEALTHY",
        None,
        "TaskDependencyError: dependency container [base] has timed out: HEALTHY",
    ),
}
