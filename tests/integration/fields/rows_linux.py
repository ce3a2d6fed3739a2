"""Fields of linuxParameters and of volumes."""

from tests.integration.fields.looks import (
    has_capability,
    inside,
    memory_cgroup_or_reason,
    mount_option,
    mounted,
    proc,
    volume,
)
from tests.integration.fields.rows import Effective, Row, each
from tests.integration.fields.scenes import ON_HOST, VOLUME

C = "containerDefinitions[]."
L = f"{C}linuxParameters"
D = "volumes[].dockerVolumeConfiguration"
MIB = 1 << 20
CHOWN, SYS_PTRACE = 0, 19
TRY_DEVICE = "( : < /dev/mine ) && echo read; ( : > /dev/mine ) 2>/dev/null || echo not written"


def kind_of_scratch(there):
    return mounted("/scratch")(there)[0]


ROWS: list[Row] = [
    Effective(L, "see its members", "plain", kind_of_scratch, "tmpfs"),
    Effective(
        f"{L}.capabilities", "see its members", "plain", has_capability(CHOWN, "side"), False
    ),
    Effective(
        f"{L}.capabilities.add[]",
        "the process has it; on Fargate SYS_PTRACE only",
        "plain",
        has_capability(SYS_PTRACE, "side"),
        True,
    ),
    Effective(
        f"{L}.capabilities.drop[]",
        "the process has it not",
        "plain",
        has_capability(CHOWN, "side"),
        False,
    ),
    Effective(
        f"{L}.initProcessEnabled",
        "the first process is an init",
        "plain",
        lambda there: proc("comm", "side")(there).strip(),
        "docker-init",
    ),
    Effective(f"{L}.tmpfs[]", "a file system in memory", "plain", kind_of_scratch, "tmpfs"),
    Effective(f"{L}.tmpfs[].containerPath", "where it is", "plain", kind_of_scratch, "tmpfs"),
    Effective(
        f"{L}.tmpfs[].size",
        "how much it holds",
        "plain",
        mount_option("size=16384k", "/scratch"),
        True,
    ),
    Effective(
        f"{L}.tmpfs[].mountOptions[]",
        "its options",
        "plain",
        mount_option("noexec", "/scratch"),
        True,
    ),
    *each(
        f"{L}.devices[]",
        f"{L}.devices[].hostPath",
        f"{L}.devices[].containerPath",
        f"{L}.devices[].permissions[]",
        effect="the host's device, with these permissions",
        scene="instance",
        look=inside(TRY_DEVICE),
        equals="read\nnot written",
    ),
    Effective(
        f"{L}.sharedMemorySize",
        "the size of /dev/shm",
        "instance",
        mount_option("size=32768k", "/dev/shm"),
        True,
    ),
    Effective(
        f"{L}.sharedMemorySize",
        "of all containers' with ipcMode task: the largest wins",
        "shared memory",
        mount_option("size=24576k", "/dev/shm"),
        True,
    ),
    Effective(
        f"{L}.maxSwap",
        "a limit of memory and swap together; where the kernel has none the task says so",
        "swap",
        memory_cgroup_or_reason("maxSwap", "memory.memsw.limit_in_bytes", "memory.swap.max"),
        lambda seen: seen in {True, str(96 * MIB), str(32 * MIB)},
    ),
    Effective(
        f"{L}.swappiness",
        "how readily the kernel swaps; where its cgroups cannot say (v2) the task says so",
        "swappiness",
        memory_cgroup_or_reason("swappiness", "memory.swappiness", "memory.swap.max"),
        lambda seen: seen in {True, "10"},
    ),
    *each(
        "volumes[]",
        "volumes[].name",
        "volumes[].host",
        f"{C}mountPoints[]",
        f"{C}mountPoints[].sourceVolume",
        f"{C}mountPoints[].containerPath",
        effect="what one container writes another reads; it goes with the task",
        scene="plain",
        look=inside("busybox ls /given"),
        equals="made",
    ),
    Effective(
        f"{C}mountPoints[].readOnly",
        "nothing is written through this mount",
        "plain",
        mount_option("ro", "/given"),
        True,
    ),
    *each(
        f"{C}volumesFrom[]",
        f"{C}volumesFrom[].sourceContainer",
        effect="the other container's mounts",
        scene="plain",
        look=inside("busybox ls /given", "side"),
        equals="made",
    ),
    Effective(
        f"{C}volumesFrom[].readOnly",
        "nothing is written through them",
        "plain",
        mount_option("ro", "/given", "side"),
        True,
    ),
    Effective(
        "volumes[].host.sourcePath",
        "a folder of the host",
        "instance",
        lambda there: [one["Source"] for one in there.inspect("app")["Mounts"]],
        lambda seen: ON_HOST in seen,
    ),
    Effective(D, "see its members", "instance", volume("Driver"), "local"),
    Effective(
        f"{D}.driver",
        "who provides the volume; one that is not there stops the task",
        "instance",
        volume("Driver"),
        "local",
    ),
    Effective(
        f"{D}.driverOpts",
        "options of the driver",
        "instance",
        mount_option("size=7168k", "/shared"),
        True,
    ),
    Effective(
        f"{D}.labels",
        "labels of the volume",
        "instance",
        volume("Labels"),
        {"purpose": "to be seen"},
    ),
    Effective(
        f"{D}.scope",
        "shared: keeps its name and outlives the task",
        "instance",
        volume("Name"),
        VOLUME,
    ),
    Effective(
        f"{D}.scope",
        "task: goes with it",
        "instance",
        lambda there: [one.get("Name") for one in there.inspect("app")["Mounts"]],
        lambda seen: any(str(name).endswith("-of-task") for name in seen),
    ),
    Effective(
        f"{D}.autoprovision",
        "the volume is made where it is not there",
        "instance",
        volume("Name"),
        VOLUME,
    ),
]
