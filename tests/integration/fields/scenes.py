"""The tasks in which fields are given: few, each with many fields.

``FARGATE`` scenes run through a whole ecsd; ``INSTANCE`` scenes hold what Fargate refuses.
"""

import os
import platform
from typing import Any, NamedTuple

from tests.integration.fields.looks import LACKS
from tests.integration.instance import INSTANCE as NUMBER

IMAGE = "ecst/busybox:1"
KEEP = "trap 'exit 0' TERM; sleep 1000 & wait"
ROLE = "arn:aws:iam::000000000000:role/"
MACHINE = {"x86_64": "X86_64", "aarch64": "ARM64"}[platform.machine()]
AWSLOGS = {
    "awslogs-group": "fields",
    "awslogs-region": "us-east-1",
    "awslogs-stream-prefix": "shown",
}


class Scene(NamedTuple):
    """A definition and how it is run. run: more of RunTask. until: the status to wait for."""

    definition: dict[str, Any]
    run: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it
    until: str = "RUNNING"
    stopped_by_user: bool = False


def container(name="app", script=KEEP, **members):
    return {
        "name": name,
        "image": IMAGE,
        "command": ["sh", "-c", script],
        "stopTimeout": 2,
    } | members


def fargate(*containers, **members):
    return {
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": ROLE + "execution",
        "containerDefinitions": list(containers),
    } | members


def instance(*containers, **members):
    return {
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["EC2"],
        "containerDefinitions": [{"memory": 32} | one for one in containers],
    } | members


def check(command, **members):
    return {"command": ["CMD-SHELL", command], "interval": 5, "timeout": 2, "retries": 1} | members


PLAIN = fargate(
    container(
        entryPoint=["sh", "-c"],
        command=["test -e /given/made && " + KEEP],
        cpu=128,
        memory=128,
        memoryReservation=64,
        environment=[{"name": "WORD", "value": "a b"}],
        user="1234:99",
        workingDirectory="/given",
        dockerLabels={"purpose": "to be seen"},
        readonlyRootFilesystem=True,
        ulimits=[{"name": "nofile", "softLimit": 1000, "hardLimit": 2000}],
        mountPoints=[{"sourceVolume": "given", "containerPath": "/given", "readOnly": True}],
        dependsOn=[{"containerName": "init", "condition": "SUCCESS"}],
        portMappings=[{"containerPort": 80}],
        linuxParameters={
            "tmpfs": [{"containerPath": "/scratch", "size": 16, "mountOptions": ["noexec"]}],
        },
    ),
    container(
        "side",
        interactive=True,
        linuxParameters={
            "initProcessEnabled": True,
            "capabilities": {"add": ["SYS_PTRACE"], "drop": ["CHOWN"]},
        },
        volumesFrom=[{"sourceContainer": "init", "readOnly": True}],
        systemControls=[{"namespace": "net.core.somaxconn", "value": "77"}],
    ),
    container("terminal", pseudoTerminal=True),
    container(
        "init",
        "touch /given/made; echo made",
        essential=False,
        mountPoints=[{"sourceVolume": "given", "containerPath": "/given"}],
        logConfiguration={"logDriver": "awslogs", "options": AWSLOGS},
    ),
    cpu="512",
    memory="1024",
    taskRoleArn=ROLE + "task",
    runtimePlatform={"cpuArchitecture": MACHINE, "operatingSystemFamily": "LINUX"},
    ephemeralStorage={"sizeInGiB": 21},
    volumes=[{"name": "given", "host": {}}],
    tags=[{"key": "purpose", "value": "to be seen"}],
)
OVERRIDDEN = fargate(
    container(environment=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]),
    container("side"),
)
OVERRIDES = {
    "cpu": "0.5 vCPU",
    "memory": "1GB",
    "taskRoleArn": ROLE + "other",
    "executionRoleArn": ROLE + "other",
    "ephemeralStorage": {"sizeInGiB": 22},
    "containerOverrides": [
        {
            "name": "app",
            "command": ["sh", "-c", KEEP + "; exit"],
            "environment": [{"name": "B", "value": "3"}],
            "cpu": 64,
            "memory": 96,
            "memoryReservation": 48,
        }
    ],
}
HEALTH = fargate(
    container(healthCheck=check("true")),
    container("slow", healthCheck=check("sleep 30")),
    container("patient", healthCheck=check("exit 1", interval=10, retries=10)),
    container("young", healthCheck=check("exit 1", startPeriod=300)),
    container("turned", healthCheck=check("test ! -e /ill && touch /ill", startPeriod=300)),
    container("direct", healthCheck=check("") | {"command": ["CMD", "test", "-e", "/bin"]}),
)


def counted(name, script, **members):
    """A container that writes down each of its beginnings, for ``watch`` to read."""
    script = f"test ! -e /runs/{name}; again=$?; echo begun >> /runs/{name}; {script}"
    policy = {"enabled": True, "restartAttemptPeriod": 60}
    mounts = [{"sourceVolume": "runs", "containerPath": "/runs"}]
    return container(
        name, script, essential=False, mountPoints=mounts, restartPolicy=policy | members
    )


AFTER_A_MINUTE = "sleep 61; exit "
RESTARTED = fargate(
    container("watch", mountPoints=[{"sourceVolume": "runs", "containerPath": "/runs"}]),
    counted("app", "test $again = 1 && { " + KEEP + "; }; " + AFTER_A_MINUTE + "3"),
    counted("ignored", AFTER_A_MINUTE + "7", ignoredExitCodes=[7]),
    counted("hasty", "exit 3"),
    counted("disabled", AFTER_A_MINUTE + "3", enabled=False),
    volumes=[{"name": "runs"}],
)
LATE = fargate(
    container(dependsOn=[{"containerName": "base", "condition": "HEALTHY"}]),
    container("base", startTimeout=2, healthCheck=check("exit 1", startPeriod=300)),
)
DEAF = fargate(container(script="trap '' TERM; while :; do sleep 1; done"))


def logging(name, script, **options):
    """A container that writes and ends, with options of awslogs."""
    given = AWSLOGS | {option.replace("_", "-"): value for option, value in options.items()}
    configuration = {"logDriver": "awslogs", "options": given}
    return container(name, script, essential=False, logConfiguration=configuration)


LOGS = fargate(
    container(),
    logging("made", "echo written", awslogs_group="made", awslogs_create_group="true"),
    logging("lines", "echo 'INFO a'; echo ' b'; echo 'INFO c'", awslogs_multiline_pattern="^INFO"),
    logging(
        "dates",
        "echo '2026-01-01 a'; echo b; echo '2026-01-02 c'",
        awslogs_datetime_format="%Y-%m-%d",
    ),
    logging("modes", "echo written", mode="blocking"),
    logging("sizes", "echo written", mode="non-blocking", max_buffer_size="1m"),
)
FARGATE = {
    "logs": Scene(LOGS),
    "plain": Scene(
        PLAIN,
        {
            "enableExecuteCommand": True,
            "propagateTags": "TASK_DEFINITION",
        },
    ),
    "overridden": Scene(OVERRIDDEN, {"overrides": OVERRIDES, "enableExecuteCommand": True}),
    "health": Scene(HEALTH),
    "shared processes": Scene(fargate(container(), container("side"), pidMode="task")),
    "restarted": Scene(RESTARTED),
    "late": Scene(LATE, until="STOPPED"),
    "deaf": Scene(DEAF, until="STOPPED", stopped_by_user=True),
}

ALL_CAPABILITIES = """
last=$(cat /proc/sys/kernel/cap_last_cap)
all=$(printf %016x $(( (1 << (last + 1)) - 1 )))
busybox grep -q "CapEff:.$all" /proc/self/status && exit 42
exit 1
"""
SHARED = {
    "scope": "shared",
    "autoprovision": True,
    "driver": "local",
    "driverOpts": {"type": "tmpfs", "device": "tmpfs", "o": "size=7m"},
    "labels": {"purpose": "to be seen"},
}
ON_HOST = f"/var/lib/ecst-fields-{NUMBER}"
VOLUME = f"ecst-fields-{NUMBER}-{os.getpid()}"  # a run cut short leaves its own behind
ON_SHARED = [{"sourceVolume": VOLUME, "containerPath": "/shared"}]
GELF_PORT, SYSLOG_PORT = 52200 + NUMBER, 52510 + NUMBER  # where the stage listens


def sending(name, driver, port):
    options = {f"{driver}-address": f"udp://127.0.0.1:{port}", "tag": "seen"}
    return container(
        name,
        "echo written; " + KEEP,
        logConfiguration={"logDriver": driver, "options": options},
    )


INSTANCE = {
    "drivers": Scene(
        instance(sending("app", "gelf", GELF_PORT), sending("side", "syslog", SYSLOG_PORT))
    ),
    "instance": Scene(
        instance(
            container(
                memory=64,
                disableNetworking=True,
                dockerSecurityOptions=["no-new-privileges"],
                mountPoints=[
                    *ON_SHARED,
                    {"sourceVolume": "host", "containerPath": "/host"},
                    {"sourceVolume": "of-task", "containerPath": "/of-task"},
                ],
                linuxParameters={
                    "devices": [
                        {
                            "hostPath": "/dev/fuse",
                            "containerPath": "/dev/mine",
                            "permissions": ["read"],
                        }
                    ],
                    "sharedMemorySize": 32,
                },
                logConfiguration={"logDriver": "json-file", "options": {"max-size": "1m"}},
            ),
            container("side"),
            volumes=[
                {"name": "host", "host": {"sourcePath": ON_HOST}},
                {"name": VOLUME, "dockerVolumeConfiguration": SHARED},
                {"name": "of-task", "dockerVolumeConfiguration": {"scope": "task"}},
            ],
        )
    ),
    "swap": Scene(
        instance(container(memory=64, linuxParameters={"maxSwap": 32})),
        until="STOPPED" if "maxSwap" in LACKS else "RUNNING",
    ),
    "swappiness": Scene(
        instance(container(memory=64, linuxParameters={"maxSwap": 32, "swappiness": 10})),
        until="STOPPED" if LACKS & {"maxSwap", "swappiness"} else "RUNNING",
    ),
    "shared memory": Scene(
        instance(
            container(
                linuxParameters={"sharedMemorySize": 16},
                systemControls=[{"namespace": "kernel.shm_rmid_forced", "value": "1"}],
            ),
            container("side", linuxParameters={"sharedMemorySize": 24}),
            ipcMode="task",
        )
    ),
    "host's own": Scene(instance(container(), pidMode="host", ipcMode="host")),
    "nothing shared": Scene(instance(container(), ipcMode="none")),
    "no network": Scene(instance(container(), networkMode="none")),
    "privileged": Scene(
        instance(container(script=ALL_CAPABILITIES, privileged=True)), until="STOPPED"
    ),
}
