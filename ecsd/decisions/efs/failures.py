"""Why a volume of EFS cannot be mounted, as EFS's mount helper says it on Fargate.

Source: captured stoppedReasons of Fargate 1.4.0 (ecs_semantics 1.3; issue trackers of compose-cli,
copilot-cli, ecs-cli); mount.nfs(8).
"""

HEAD = "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes"
MOUNT_FAILED = 32  # mount(8)'s exit status
TIMED_OUT = "mount.nfs4: Connection timed out"
NO_CREDENTIALS = (
    "AWS Access Key ID and Secret Access Key are not found in AWS credentials file, config file, "
    "from ECS credentials relative uri, or from the instance security credentials service"
)


def failure(words: str, code: int = MOUNT_FAILED) -> str:
    """Return a task's reason out of what the mount helper says."""
    return f"{HEAD}: stderr: {words} : unsuccessful EFS utils command execution; code: {code}"


def dns_name(file_system_id: str, region: str) -> str:
    """Return a file system's name."""
    return f"{file_system_id}.efs.{region}.amazonaws.com"


def unresolved(name: str) -> str:
    """Return the reason of a file system without a mount target in the task's zone."""
    return failure(
        f'Failed to resolve "{name}" - check that your file system ID is correct, and ensure that '
        "the VPC has an EFS mount target for this file system ID. See "
        "https://docs.aws.amazon.com/console/efs/mount-dns-name for more detail. Attempting to "
        "lookup mount target ip address using botocore. Failed to import necessary dependency "
        "botocore, please install botocore first.",
        1,
    )


def denied(server: str, path: str) -> str:
    """Return the reason of a client that may not mount."""
    return failure(f"b'mount.nfs4: access denied by server while mounting {server}:{path}'")


def missing(server: str, path: str, words: str = "No such file or directory") -> str:
    """Return the reason of a directory that is not there."""
    return failure(
        f"b'mount.nfs4: mounting {server}:{path} failed, reason given by server: {words}'"
    )


def unable(words: str) -> str:
    """Return the reason of a mount that ecsd or its host cannot make."""
    return f"{HEAD}: {words}"
