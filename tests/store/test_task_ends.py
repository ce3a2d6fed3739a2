"""An end is entered whole: shown, remembered, and no more of them than are kept."""

from datetime import UTC, datetime, timedelta

from ecsd.decisions.tasks.task_history import KEPT
from ecsd.records.ecs.task import Container, Task
from ecsd.records.ecs.task_end import TaskEnd
from ecsd.store.scope import Scope
from ecsd.store.task_ends import end_task

SCOPE = Scope("000000000000", "us-east-1")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PREFIX = "arn:aws:ecs:us-east-1:000000000000"


def task(number, group="service:web"):
    return Task(
        task_arn=f"{PREFIX}:task/prod/{number}",
        task_id=str(number),
        cluster="prod",
        cluster_arn=f"{PREFIX}:cluster/prod",
        task_definition="web:1",
        task_definition_arn=f"{PREFIX}:task-definition/web:1",
        group=group,
        containers=(Container(name="app", container_arn="c", image="app:1", exit_code=3),),
        created_at=NOW,
        desired_status="STOPPED",
        last_status="STOPPING",
    )


async def test_the_newest_ends_of_each_group_are_remembered(store):
    async with store.transaction(SCOPE) as change:
        for number in range(KEPT + 5):
            end_task(change, task(number), NOW + timedelta(seconds=number))
        end_task(change, task(1000, "family:job"), NOW)
    view = store.view(SCOPE)
    assert {one.last_status for one in view.select(Task)} == {"STOPPED"}
    (job,) = view.select(TaskEnd, place="prod/family:job")
    assert job.containers[0].exit_code == 3
    kept = view.select(TaskEnd, place="prod/service:web")
    assert {one.task_arn for one in kept} == {
        task(number).task_arn for number in range(5, KEPT + 5)
    }
