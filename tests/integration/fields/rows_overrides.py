"""RunTask's overrides."""

from tests.integration.fields.looks import (
    container_cgroup,
    cpu_weight,
    task,
    task_cgroup,
    variable,
    words_of_command,
)
from tests.integration.fields.rows import Effective, Elsewhere, Refused, Row, each
from tests.integration.fields.rows_task import agent_status
from tests.integration.fields.scenes import KEEP, ROLE

OF = "overrides.containerOverrides[]"
MIB = 1 << 20
CODE = "InvalidParameterException"
LATER = "is not supported by ecsd yet."


def of_app(**members):
    return {"containerOverrides": [{"name": "app"} | members]}


def environment(there):
    return variable("A")(there), variable("B")(there)


ROWS: list[Row] = [
    *each(
        OF,
        f"{OF}.name",
        f"{OF}.command[]",
        effect="instead of the container's own",
        scene="overridden",
        look=lambda there: words_of_command()(there)[2],
        equals=KEEP + "; exit",
    ),
    *each(
        f"{OF}.environment[]",
        f"{OF}.environment[].name",
        f"{OF}.environment[].value",
        effect="added to the container's own, by name",
        scene="overridden",
        look=environment,
        equals=("1", "3"),
    ),
    Effective(
        f"{OF}.cpu",
        "the container's weight",
        "overridden",
        container_cgroup("cpu", "cpu.shares", "cpu.weight"),
        cpu_weight(64),
    ),
    Effective(
        f"{OF}.memory",
        "the container's hard limit",
        "overridden",
        container_cgroup("memory", "memory.limit_in_bytes", "memory.max"),
        str(96 * MIB),
    ),
    Effective(
        f"{OF}.memoryReservation",
        "the container's soft limit",
        "overridden",
        container_cgroup("memory", "memory.soft_limit_in_bytes", "memory.low"),
        str(48 * MIB),
    ),
    Effective(
        "overrides.cpu",
        "the task's hard quota",
        "overridden",
        task_cgroup("cpu", "cpu.cfs_quota_us", "cpu.max"),
        "50000",
    ),
    Effective(
        "overrides.memory",
        "the task's hard limit",
        "overridden",
        task_cgroup("memory", "memory.limit_in_bytes", "memory.max"),
        str(1 << 30),
    ),
    Effective(
        "overrides.taskRoleArn",
        "as the definition's: ECS Exec asks for one",
        "overridden",
        agent_status,
        "RUNNING",
    ),
    Effective(
        "overrides.executionRoleArn",
        "the role of that run",
        "overridden",
        task("overrides", "executionRoleArn"),
        ROLE + "other",
    ),
    *each(
        "overrides.ephemeralStorage",
        "overrides.ephemeralStorage.sizeInGiB",
        effect="as the definition's",
        scene="overridden",
        look=task("ephemeralStorage", "sizeInGiB"),
        equals=22,
    ),
    *(
        Elsewhere(
            f"{OF}.environmentFiles[]{one}",
            "files of variables in place of the definition's",
            "decisions/tasks/test_task_overrides.py::test_environment_files_replace_the_definitions",
        )
        for one in ("", ".value", ".type")
    ),
    Refused(
        (
            f"{OF}.resourceRequirements[]",
            f"{OF}.resourceRequirements[].value",
            f"{OF}.resourceRequirements[].type",
            f"{OF}.resourceRequirements[].sharingStrategy",
            f"{OF}.resourceRequirements[].sharingStrategy.nvidiaMps",
            f"{OF}.resourceRequirements[].sharingStrategy.nvidiaMps.memory",
            f"{OF}.resourceRequirements[].sharingStrategy.nvidiaMps.maxComputePercent",
        ),
        of_app(
            resourceRequirements=[
                {
                    "value": "1",
                    "type": "GPU",
                    "sharingStrategy": {"nvidiaMps": {"memory": 1, "maxComputePercent": 1}},
                }
            ]
        ),
        f"overrides.containerOverrides.resourceRequirements {LATER}",
        "RunTask",
        CODE,
    ),
    Refused(
        (
            "overrides.inferenceAcceleratorOverrides[]",
            "overrides.inferenceAcceleratorOverrides[].deviceName",
            "overrides.inferenceAcceleratorOverrides[].deviceType",
        ),
        {"inferenceAcceleratorOverrides": [{"deviceName": "d", "deviceType": "t"}]},
        f"overrides.inferenceAcceleratorOverrides {LATER}",
        "RunTask",
        CODE,
    ),
]
