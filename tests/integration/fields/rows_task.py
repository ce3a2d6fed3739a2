"""Fields of the whole task."""

from pathlib import Path

from tests.integration.fields.looks import (
    definition,
    engine,
    inside,
    mounted,
    namespace,
    shares_namespace,
    task,
    task_cgroup,
)
from tests.integration.fields.rows import Effective, Row, each
from tests.integration.fields.scenes import MACHINE

LABEL = "com.amazonaws.ecs."


def interfaces(there):
    return sorted(inside("cd /sys/class/net; busybox ls")(there).split())


def has_its_address(there):
    return there.address in inside("busybox ifconfig")(there)


def of_host(kind):
    return lambda there: namespace(kind)(there) == Path(f"/proc/self/ns/{kind}").readlink().name


def names(there):
    return {one["name"] for one in there.task["containers"]}


def agent_status(there):
    return there.task["containers"][0]["managedAgents"][0]["lastStatus"]


ROWS: list[Row] = [
    Effective(
        "family",
        "names the definition; a label of each container",
        "plain",
        engine("Config", "Labels", LABEL + "task-definition-family"),
        "fields-plain",
    ),
    Effective(
        "taskRoleArn",
        "its containers have the role's credentials; ECS Exec asks for it",
        "plain",
        agent_status,
        "RUNNING",
    ),
    Effective(
        "executionRoleArn",
        "logs are written in the role's name; Fargate asks for it with awslogs",
        "plain",
        lambda there: [one["name"] for one in there.definition["requiresAttributes"]],
        lambda seen: "ecs.capability.execution-role-awslogs" in seen,
    ),
    Effective(
        "networkMode",
        "awsvpc: the task has the address of its interface; bridge and host need container "
        "instances, which RunTask says are not there",
        "plain",
        has_its_address,
        True,
    ),
    Effective("networkMode", "none: no interface but lo", "no network", interfaces, ["lo"]),
    Effective(
        "containerDefinitions[]",
        "as many containers",
        "plain",
        names,
        {"app", "side", "terminal", "init"},
    ),
    Effective(
        "requiresCompatibilities[]",
        "the definition has to fit each",
        "plain",
        definition("compatibilities"),
        lambda seen: {"EC2", "FARGATE"} <= set(seen),
    ),
    Effective(
        "cpu",
        "a hard quota of the task's cgroup",
        "plain",
        task_cgroup("cpu", "cpu.cfs_quota_us", "cpu.max"),
        "50000",
    ),
    Effective(
        "memory",
        "a hard limit of the task's cgroup",
        "plain",
        task_cgroup("memory", "memory.limit_in_bytes", "memory.max"),
        str(1 << 30),
    ),
    *each(
        "tags[]",
        "tags[].key",
        "tags[].value",
        effect="propagated to tasks",
        scene="plain",
        look=task("tags"),
        equals=[{"key": "purpose", "value": "to be seen"}],
    ),
    Effective(
        "pidMode",
        "task: containers share one namespace of processes",
        "shared processes",
        shares_namespace("pid"),
        True,
    ),
    Effective("pidMode", "host: the host's own", "host's own", of_host("pid"), True),
    Effective(
        "ipcMode",
        "task: containers share one namespace",
        "shared memory",
        shares_namespace("ipc"),
        True,
    ),
    Effective("ipcMode", "host: the host's own", "host's own", of_host("ipc"), True),
    Effective("ipcMode", "none: no /dev/shm", "nothing shared", mounted("/dev/shm"), None),
    *each(
        "ephemeralStorage",
        "ephemeralStorage.sizeInGiB",
        effect="that much is free where containers write when the task starts, or it does not "
        "start and says so; no quota yet",
        scene="plain",
        look=task("ephemeralStorage", "sizeInGiB"),
        equals=21,
    ),
    *each(
        "runtimePlatform",
        "runtimePlatform.cpuArchitecture",
        effect="an image for this CPU is run, or the task says why not",
        scene="plain",
        look=task("attributes"),
        equals=[{"name": "ecs.cpu-architecture", "value": MACHINE.lower()}],
    ),
    Effective(
        "runtimePlatform.operatingSystemFamily",
        "LINUX; Windows is refused",
        "plain",
        task("platformFamily"),
        "Linux",
    ),
]
