"""The credentials of the roles of this host's tasks, as the server gave them."""

import asyncio
from typing import NamedTuple

from ecsd.decisions.containers.task_endpoint import credentials_id
from ecsd.decisions.tasks.task_roles import EXECUTION, TASK
from ecsd.records.plan import RoleCredentials, RolesPlan, TaskPlan


class Holder(NamedTuple):
    """Whose credentials a path leads to. purpose: task, execution."""

    task_arn: str
    purpose: str
    credentials: RoleCredentials


class TaskRoles:
    """Implements ``rooms.Roles``."""

    def __init__(self) -> None:
        self._plans: dict[str, RolesPlan] = {}
        self._holders: dict[str, Holder] = {}  # by the id in a path
        self._told = asyncio.Condition()

    async def apply(self, plan: RolesPlan) -> None:
        """Hand these credentials out from now on."""
        self._forget(plan.task_arn)
        self._plans[plan.task_arn] = plan
        self._holders |= _holders(plan)
        async with self._told:
            self._told.notify_all()

    async def remove(self, task_arn: str) -> None:
        """Hand nothing out any more."""
        self._forget(task_arn)

    async def known(self, plan: TaskPlan) -> None:
        """Wait until the credentials of every role that a task has are here."""
        if plan.task_role or plan.execution_role:
            async with self._told:
                await self._told.wait_for(lambda: plan.task_arn in self._plans)

    def execution(self, task_arn: str) -> RoleCredentials | None:
        """Return what a task's host acts with for it; None: it has no such role."""
        plan = self._plans.get(task_arn)
        return plan.execution if plan is not None else None

    def task(self, task_arn: str) -> RoleCredentials | None:
        """Return what a task's containers act with; None: it has no such role."""
        plan = self._plans.get(task_arn)
        return plan.task if plan is not None else None

    def holder(self, identifier: str) -> Holder | None:
        """Return whose credentials the id of a path stands for."""
        return self._holders.get(identifier)

    def _forget(self, task_arn: str) -> None:
        plan = self._plans.pop(task_arn, None)
        if plan is not None:
            for identifier in _holders(plan):
                self._holders.pop(identifier, None)


def _holders(plan: RolesPlan) -> dict[str, Holder]:
    given = ((TASK, plan.task), (EXECUTION, plan.execution))
    return {
        credentials_id(plan.endpoint_key, purpose): Holder(plan.task_arn, purpose, credentials)
        for purpose, credentials in given
        if credentials is not None
    }
