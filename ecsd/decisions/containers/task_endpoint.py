"""Where a task's containers find its metadata, its role's credentials and the API.

Every path holds an id that follows from the task's unguessable key, so that it is the same after
every restart. Source: Amazon ECS Developer Guide, task metadata endpoint, task IAM role;
ecs_semantics 8.1.
"""

import hashlib
from collections.abc import Iterator

from ecsd.records.plan import RoleCredentials, TaskPlan

ADDRESS = "169.254.170.2"  # in every VPC
PORT = 80


def container_id(endpoint_key: str, container: str) -> str:
    """Return what a container's paths hold: 32 hexadecimal digits."""
    return _digest(endpoint_key, f"container {container}")


def credentials_id(endpoint_key: str, purpose: str) -> str:
    """Return what the path of a role's credentials holds, in a UUID's form.

    purpose: task, execution.
    """
    digits = _digest(endpoint_key, f"credentials {purpose}")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def credentials_document(given: RoleCredentials) -> dict[str, str]:
    """Return credentials as the endpoint of AWS's SDKs has them."""
    return {
        "RoleArn": given.role_arn,
        "AccessKeyId": given.access_key_id,
        "SecretAccessKey": given.secret_access_key,
        "Token": given.token,
        "Expiration": f"{given.expires_at:%Y-%m-%dT%H:%M:%SZ}",
    }


def endpoint_variables(plan: TaskPlan, container: str) -> Iterator[tuple[str, str]]:
    """Yield the environment variables by which a container finds all that; name, value."""
    if not plan.endpoint_key or plan.network_mode != "awsvpc":
        return
    own = container_id(plan.endpoint_key, container)
    yield "ECS_CONTAINER_METADATA_URI", f"http://{ADDRESS}/v3/{own}"
    yield "ECS_CONTAINER_METADATA_URI_V4", f"http://{ADDRESS}/v4/{own}"
    yield "ECS_AGENT_URI", f"http://{ADDRESS}/api/{own}"
    if plan.task_role:
        path = f"/v2/credentials/{credentials_id(plan.endpoint_key, 'task')}"
        yield "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", path


def _digest(endpoint_key: str, about: str) -> str:
    return hashlib.sha256(f"{endpoint_key} {about}".encode()).hexdigest()[:32]
