"""The roles of a task, and whether they let ECS take them.

Source: Amazon ECS Developer Guide, task IAM role and task execution role (trust policy, confused
deputy); captured errors of RunTask.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ecsd.decisions.iam.trust import trusts_service
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.iam.role import Role

TASK, EXECUTION = "task", "execution"  # what a role is for
SERVICE = "ecs-tasks.amazonaws.com"


class RoleOfTask(NamedTuple):
    """A role that a task names. name: without its path."""

    purpose: str
    arn: str

    @property
    def name(self) -> str:
        """The role's name, without its path."""
        return self.arn.rsplit("/", 1)[-1]


def roles_of(
    definition: TaskDefinition, overrides: Mapping[str, Any], account: str
) -> tuple[RoleOfTask, ...]:
    """Return the roles of a task, overrides first, whole ARNs; none that it does not name."""
    named = (
        (TASK, overrides.get("taskRoleArn") or definition.task_role_arn),
        (EXECUTION, overrides.get("executionRoleArn") or definition.execution_role_arn),
    )
    return tuple(
        RoleOfTask(purpose, arn if arn.startswith("arn:") else f"arn:aws:iam::{account}:role/{arn}")
        for purpose, arn in named
        if arn
    )


def trusts_tasks(role: Role, account: str, task_arn: str) -> bool:
    """Tell whether a role's trust policy lets ECS assume it for a task.

    task_arn: what ``aws:SourceArn`` is; before there is one, any ARN of ECS in its region.
    """
    return trusts_service(role, SERVICE, account, task_arn)


def cannot_assume(role_arn: str) -> str:
    """Return AWS's words for a role that ECS cannot take."""
    return (
        f"ECS was unable to assume the role '{role_arn}' that was provided for this task. Please "
        "verify that the role being passed has the proper trust relationship and permissions and "
        "that your IAM user has permissions to pass this role."
    )
