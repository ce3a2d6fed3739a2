"""Why a container or a task ended, in ECS's words.

Source: ecs_semantics 1.3 (stopCode, stoppedReason, reasons); the Engine's own error texts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from ecsd.decisions.containers.container_order import NOTHING, View, restarts
from ecsd.decisions.ebs import failures

OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
ESSENTIAL_EXITED = "Essential container in task exited"
FAILED_TO_START = "Task failed to start"
VANISHED = "ContainerVanishedError: The container is gone from its host"
SIGKILLED = 137
LONGEST = 1024  # characters of a reason


class StopCause(Struct, frozen=True):
    """A task's end. code: a stopCode of the API."""

    code: str
    reason: str


def failed_to_start(launch_type: str, words: str) -> StopCause:
    """Return the end of a task that never ran; on EC2 the containers carry the error."""
    return StopCause("TaskFailedToStart", words if launch_type != "EC2" else FAILED_TO_START)


def task_cause(
    containers: Sequence[Mapping[str, Any]], view: View, launch_type: str
) -> StopCause | None:
    """Return why a task has to end by itself, None while it may go on.

    Any essential container that stopped, or all of them; one that is going to be restarted runs.
    """
    stopped = [
        one
        for one in containers
        if view.get(one["name"], NOTHING).status == "STOPPED"
        and not restarts(one, view[one["name"]])
    ]
    essential = [one for one in stopped if one.get("essential", True)]
    for one in essential:
        seen = view[one["name"]]
        if seen.started_at is None:
            return failed_to_start(launch_type, seen.reason or FAILED_TO_START)
    if essential or (containers and len(stopped) == len(containers)):
        return StopCause("EssentialContainerExited", ESSENTIAL_EXITED)
    return None


def exit_reason(exit_code: int, engine_says_oom: bool, kernel_kills: int) -> str | None:
    """Return the reason of an exit: memory, or none (a SIGKILL alone has none).

    kernel_kills: how many processes the kernel killed for the task's memory since it was last
    asked; a limit of the whole task is not in the Engine's own flag.
    """
    if exit_code == SIGKILLED and (engine_says_oom or kernel_kills > 0):
        return OUT_OF_MEMORY
    return None


def pull_failure(image: str, words: str, attempts: int = 1) -> str:
    """Return the reason of an image that could not be had.

    Source: captured stoppedReasons of Fargate 1.4.0.
    """
    words = _bare(words)
    times = f"{attempts} time(s)"
    if "pull access denied" in words or "insufficient_scope" in words:
        return _short(
            f"CannotPullContainerError: pull image manifest has been retried {times}: failed to "
            f"resolve ref {image}: pull access denied, repository does not exist or may require "
            "authorization: server message: insufficient_scope: authorization failed"
        )
    if "not found" in words or "manifest unknown" in words:
        return _short(
            f"CannotPullContainerError: pull image manifest has been retried {times}: failed to "
            f"resolve ref {image}: {image}: not found"
        )
    if "no matching manifest" in words:
        return _short(
            f"CannotPullContainerError: pull image manifest has been retried {times}: image "
            f"Manifest does not contain descriptor matching platform: {words}"
        )
    return _short(
        f"CannotPullContainerError: pull image manifest has been retried {times}: failed to "
        f"resolve ref {image}: {words}"
    )


def registry_failure(words: str, attempts: int, launch_type: str) -> str:
    """Return the reason of a task that got no authorization token of ECR.

    Source: captured stoppedReasons of Fargate 1.4.0; of the ECS agent, CannotPullECRContainerError.
    """
    if launch_type == "EC2":
        return _short(f"CannotPullECRContainerError: {_bare(words)}")
    return _short(
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
        "retrieval failed: unable to retrieve ecr registry auth: service call has been retried "
        f"{attempts} time(s): {_bare(words)}"
    )


def ecr_pull_failure(image: str, words: str) -> str:
    """Return the reason of an image of ECR that could not be had. image: as the task names it."""
    host, _, rest = image.partition("/")
    _, mark, tag = rest.partition(":")
    where = f"failed to resolve ref {image}: pulling from host {host} failed with status code"
    head = "CannotPullContainerError: pull image manifest has been retried 1 time(s)"
    _, found, denied = words.partition("denied: ")
    if found:
        shown = tag if mark else "latest"
        return _short(f"{head}: {where} [manifests {shown}]: 403 Forbidden: {found}{denied}")
    return pull_failure(image, words)


def create_failure(words: str) -> str:
    """Return the reason of a container that the Engine refused to create."""
    return _short(f"CannotCreateContainerError: Error response from daemon: {_bare(words)}")


def volume_failure(words: str) -> str:
    """Return the reason of a volume that is not there or could not be made."""
    return _short(f"CannotCreateVolumeError: Error response from daemon: {_bare(words)}")


def efs_failure(words: str) -> str:
    """Return the reason of a volume of EFS that cannot be mounted; it is whole already."""
    return _short(words)


def ebs_failure(words: str) -> str:
    """Return the reason of a volume of EBS that the task cannot have."""
    return _short(failures.reason(words))


def storage_failure(words: str) -> str:
    """Return the reason of a task for which the host has too little room."""
    return _short(f"ResourceInitializationError: failed to provide ephemeral storage: {words}")


def network_failure(words: str) -> str:
    """Return the reason of a task whose interface could not be attached."""
    return _short(
        f"ContainerNetworkingError: failed to attach the network interface: {_bare(words)}"
    )


def proxy_failure(words: str) -> str:
    """Return the reason of a task whose Service Connect proxy does not run."""
    return _short(f"ResourceInitializationError: failed to start Service Connect: {_bare(words)}")


def start_failure(words: str, launch_type: str) -> str:
    """Return the reason of a container that the Engine could not start.

    A log driver that cannot begin is a resource of the task on Fargate.
    """
    words = _bare(words)
    mark = "failed to initialize logging driver: "
    before, found, cause = words.partition(mark)
    if found and launch_type != "EC2":
        if "Cloudwatch log stream" in cause or "CloudWatch" in cause:
            return _short(
                "ResourceInitializationError: failed to validate logger args: create stream has "
                f"been retried 1 times: {cause} : exit status 1"
            )
        return _short(f"ResourceInitializationError: failed to initialize logging driver: {cause}")
    return _short(f"CannotStartContainerError: Error response from daemon: {before}{found}{cause}")


def timed_out(transition: str, seconds: int, launch_type: str) -> str:
    """Return the reason of a container for which the Engine did not answer in time."""
    span = f"{seconds // 60}m{seconds % 60}s"
    name = "DockerTimeoutError" if launch_type == "EC2" else "ContainerRuntimeTimeoutError"
    return f"{name}: Could not transition to {transition}; timed out after waiting {span}"


def _bare(words: str) -> str:
    """Drop what the Engine puts before its reason."""
    return words.removeprefix("Error response from daemon: ").strip()


def _short(words: str) -> str:
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"
