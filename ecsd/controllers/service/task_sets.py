"""Services that somebody else deploys: each task set keeps its share of the desired count.

Source: ecs_semantics 4.10 (EXTERNAL deployment controller).
"""

from datetime import datetime

from msgspec.structs import replace

from ecsd.controllers.service.one_pass import ServicePass
from ecsd.decisions.rollout import fleet
from ecsd.decisions.services.task_set import computed_desired
from ecsd.decisions.tasks.task import is_live, is_wanted
from ecsd.records.ecs.service import Deployment
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_set import TaskSet


class TaskSetPass(ServicePass):
    """Every set counts its own failures, in the deployment of its id."""

    @property
    def counted(self) -> dict[str, Deployment]:
        """Return every set's deployment."""
        return {one.deployment_id: one for one in self.service.deployments}

    def finish(self, kept: set[str]) -> None:
        """Write what has become of the service; kept: ids of the sets that are there still."""
        deployments = tuple(one for one in self.service.deployments if one.deployment_id in kept)
        self.service = replace(self.service, deployments=deployments)
        if self.service.status == "DRAINING" and not deployments:
            self.service = replace(self.service, status="INACTIVE")
        self.change.put(self.service)


def step(one: TaskSetPass) -> datetime | None:
    """Hold every set at what is wanted of it; return when to look again."""
    one.look()
    if one.service.status == "DRAINING":
        one.stop_all()
    kept: set[str] = set()
    sets = one.change.select(TaskSet, service_arn=one.service.arn)
    for known in sets:
        task_set = known
        if one.service.status == "DRAINING":
            task_set = replace(known, status="DRAINING")
        if _hold(one, task_set):
            kept.add(task_set.task_set_id)
            one.change.put(_judged(one, task_set))
        else:
            one.change.remove(known)
    one.finish(kept)
    return one.look_again


def _hold(one: TaskSetPass, task_set: TaskSet) -> bool:
    """Start and stop tasks of a set; return whether it goes on being there."""
    goal = one.counted[task_set.task_set_id]
    own = fleet.of(one.members(), task_set.task_set_id)
    wanted = computed_desired(one.service.desired_count, task_set)
    one.take(fleet.hold(own, wanted, may_start=one.may_start(goal)), goal)
    return task_set.status != "DRAINING" or any(is_live(task) for task in _tasks(one, task_set))


def _judged(one: TaskSetPass, task_set: TaskSet) -> TaskSet:
    """Enter whether the set is steady: what is wanted of it runs, all well, and nothing else."""
    tasks = [task for task in _tasks(one, task_set) if is_live(task)]
    wanted = computed_desired(one.service.desired_count, task_set)
    well = all(is_wanted(task) and one.is_healthy(task) for task in tasks)
    stable = well and len(tasks) == wanted and task_set.status != "DRAINING"
    if stable == task_set.stable:
        return task_set
    if stable:
        one.tell_of(task_set.task_set_id, "has reached a steady state.")
    return replace(task_set, stable=stable, stable_at=one.now)


def _tasks(one: TaskSetPass, task_set: TaskSet) -> list[Task]:
    return [task for task in one.tasks if task.deployment_id == task_set.task_set_id]
