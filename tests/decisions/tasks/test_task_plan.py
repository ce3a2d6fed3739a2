"""What a host is told of a task: its definition as the task's own overrides leave it."""

from datetime import UTC, datetime

import pytest

from ecsd.decisions.tasks.new_task import Names, Origin, Place, new_task
from ecsd.decisions.tasks.task_plan import Surroundings, compile_task
from ecsd.records.ecs.cluster import Cluster
from ecsd.records.ecs.task_definition import TaskDefinition

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DEFINITION = TaskDefinition(
    name="web:1",
    arn="arn:aws:ecs:us-east-1:000000000000:task-definition/web:1",
    family="web",
    revision=1,
    container_definitions=({"name": "app", "image": "i", "cpu": 0},),
    network_mode="awsvpc",
    cpu="256",
    memory="512",
    ephemeral_storage={"sizeInGiB": 21},
    runtime_platform={"cpuArchitecture": "ARM64"},
    registered_at=NOW,
    registered_by="me",
)
CLUSTER = Cluster(name="c", arn="arn:aws:ecs:us-east-1:000000000000:cluster/c", created_at=NOW)
OVERRIDES = {
    "cpu": "512",
    "memory": "1024",
    "ephemeralStorage": {"sizeInGiB": 30},
    "containerOverrides": [{"name": "app", "cpu": 64, "memory": 128}],
}


def launched(**origin):
    names = Names(arn_prefix="arn:aws:ecs:us-east-1:000000000000", task_id="a", container_ids="x")
    return new_task(CLUSTER, DEFINITION, Origin(group="g", **origin), Place(), names, NOW)


def plan(**origin):
    where = Surroundings("a", "r", "l")
    return compile_task(launched(**origin), DEFINITION, None, where)


def test_a_task_runs_as_its_definition_says():
    told = plan()
    assert (told.cpu, told.memory, told.ephemeral_storage) == (256, 512, 21)
    assert (told.platform, told.log_driver_mode) == ("linux/arm64", "non-blocking")
    assert launched().cpu_architecture == "ARM64"


def test_overrides_win():
    told = plan(overrides=OVERRIDES)
    assert (told.cpu, told.memory, told.ephemeral_storage) == (512, 1024, 30)
    assert told.containers == ({"name": "app", "image": "i", "cpu": 64, "memory": 128},)
    (shown,) = launched(overrides=OVERRIDES).containers
    assert (shown.cpu, shown.memory) == ("64", "128")


@pytest.mark.parametrize("mode", ["blocking", "non-blocking"])
def test_the_mode_of_log_drivers_is_that_of_the_tasks_launch(mode):
    assert plan(log_driver_mode=mode).log_driver_mode == mode
