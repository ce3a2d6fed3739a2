"""Why a task does not get its volume of EBS: reasons of its attachment, and of its end.

Source: Amazon ECS Developer Guide, Status reasons for Amazon EBS volume attachment.
"""

HEAD = "ResourceInitializationError: failed to attach the EBS volume"


def cannot_assume(role_arn: str) -> str:
    """Return the reason of an infrastructure role that does not trust ECS, or is not there."""
    return (
        f"ECS was unable to assume the configured ECS Infrastructure Role '{role_arn}'. Please "
        "verify that the role being passed has the proper trust relationship with Amazon ECS"
    )


def not_allowed(who: str, action: str, resource: str) -> str:
    """Return the reason of an infrastructure role that lacks a permission, in IAM's sentence."""
    return (
        f"User: {who} is not authorized to perform: {action} on resource: {resource} because no "
        "identity-based policy allows the action"
    )


def no_snapshot(snapshot_id: str) -> str:
    """Return the reason of a snapshot that is not there."""
    return f"The snapshot '{snapshot_id}' does not exist."


def unready(snapshot_id: str, state: str) -> str:
    """Return the reason of a snapshot that cannot be copied yet, or any more."""
    return f"Snapshot is in invalid state - {state}: {snapshot_id}"


def elsewhere(snapshot_id: str, host: str) -> str:
    """Return the reason of a snapshot whose data another host has."""
    return f"The snapshot '{snapshot_id}' lies on the host {host}, the task on another."


def other_filesystem(snapshot_id: str, has: str, wanted: str) -> str:
    """Return the reason of a snapshot that holds another file system than the task asks for."""
    return f"The snapshot '{snapshot_id}' holds {has}, filesystemType is {wanted}."


def too_small(size: int, snapshot_id: str, least: int) -> str:
    """Return the reason of a volume that is smaller than its snapshot. GiB."""
    return f"The volume has {size} GiB, the snapshot '{snapshot_id}' {least} GiB."


def reason(words: str) -> str:
    """Return why a task ends that does not get its volume."""
    return f"{HEAD}: {words}"
