"""Fields of a container: what runs, as whom, with what."""

from tests.integration.fields.looks import (
    container_cgroup,
    cpu_weight,
    engine,
    inside,
    limit,
    mount_option,
    namespace,
    shown,
    standard_input,
    status,
    variable,
    words_of_command,
)
from tests.integration.fields.rows import Effective, Elsewhere, Row, each
from tests.integration.fields.scenes import GELF_PORT, IMAGE, KEEP, SYSLOG_PORT

C = "containerDefinitions[]."
MIB = 1 << 20
LOGS = f"{C}logConfiguration"


def written(there):
    return there.log("fields", f"shown/init/{there.task_id}")


def logged(container, group="fields"):
    return lambda there: there.log(group, f"shown/{container}/{there.task_id}")


def heard(port):
    return lambda there: there.heard(port)


def log_mode(container):
    def look(there):
        found = engine("HostConfig", "LogConfig", "Config", container=container)(there)
        return found["mode"], found.get("max-buffer-size")

    return look


def own_network(there):
    return namespace("net", "app")(there) != namespace("net", "side")(there)


def log_driver(there):
    return engine("HostConfig", "LogConfig", "Type")(there)


def log_options(there):
    return engine("HostConfig", "LogConfig", "Config")(there)


def all_capabilities_or_the_reason(there):
    """An Engine that lacks a capability itself cannot give it: then the container does not run."""
    app = there.container("app")
    return app["exitCode"] == 42 or "unable to apply caps" in (app["reason"] or "")


ROWS: list[Row] = [
    Effective(
        f"{C}name",
        "names the container; a label of it",
        "plain",
        engine("Config", "Labels", "com.amazonaws.ecs.container-name"),
        "app",
    ),
    Effective(f"{C}image", "what is run", "plain", engine("Config", "Image"), IMAGE),
    Effective(
        f"{C}entryPoint[]",
        "begins the command",
        "plain",
        lambda t: words_of_command()(t)[:2],
        ["sh", "-c"],
    ),
    Effective(
        f"{C}command[]",
        "the first process's words",
        "plain",
        lambda there: words_of_command()(there)[2],
        "test -e /given/made && " + KEEP,
    ),
    Effective(
        f"{C}cpu",
        "a weight among the task's containers",
        "plain",
        container_cgroup("cpu", "cpu.shares", "cpu.weight"),
        cpu_weight(128),
    ),
    Effective(
        f"{C}memory",
        "a hard limit of the container's cgroup",
        "plain",
        container_cgroup("memory", "memory.limit_in_bytes", "memory.max"),
        str(128 * MIB),
    ),
    Effective(
        f"{C}memoryReservation",
        "a soft limit of the container's cgroup",
        "plain",
        container_cgroup("memory", "memory.soft_limit_in_bytes", "memory.low"),
        str(64 * MIB),
    ),
    *each(
        f"{C}environment[]",
        f"{C}environment[].name",
        f"{C}environment[].value",
        effect="the first process has it",
        scene="plain",
        look=variable("WORD"),
        equals="a b",
    ),
    Effective(
        f"{C}user", "user and group of the process", "plain", status("Gid"), "99\t99\t99\t99"
    ),
    Effective(
        f"{C}user",
        "user and group of the process",
        "plain",
        status("Uid"),
        "1234\t1234\t1234\t1234",
    ),
    Effective(f"{C}workingDirectory", "where the process begins", "plain", inside("pwd"), "/given"),
    Effective(
        f"{C}dockerLabels",
        "labels of the container",
        "plain",
        engine("Config", "Labels", "purpose"),
        "to be seen",
    ),
    Effective(
        f"{C}readonlyRootFilesystem",
        "nothing is written outside of volumes",
        "plain",
        mount_option("ro", "/"),
        True,
    ),
    Effective(
        f"{C}interactive",
        "standard input is open",
        "plain",
        standard_input("side"),
        lambda seen: seen.startswith("pipe:"),
    ),
    Effective(
        f"{C}pseudoTerminal",
        "standard input is a terminal",
        "plain",
        standard_input("terminal"),
        lambda seen: seen.startswith("/dev/pts/") or seen == "/0",
    ),
    *each(
        f"{C}ulimits[]",
        f"{C}ulimits[].name",
        f"{C}ulimits[].softLimit",
        f"{C}ulimits[].hardLimit",
        effect="limits of the process; on Fargate 65535 open files without one, or what the "
        "Engine may give",
        scene="plain",
        look=limit("Max open files"),
        equals=["1000", "2000"],
    ),
    Effective(
        f"{C}essential",
        "the task goes on without it",
        "plain",
        shown("exitCode", "init"),
        0,
    ),
    *each(
        f"{C}systemControls[]",
        f"{C}systemControls[].namespace",
        f"{C}systemControls[].value",
        effect="parameters of the task's network, or of IPC",
        scene="plain",
        look=inside("cat /proc/sys/net/core/somaxconn"),
        equals="77",
    ),
    Effective(
        f"{C}systemControls[].namespace",
        "of IPC for all containers with ipcMode task",
        "shared memory",
        inside("cat /proc/sys/kernel/shm_rmid_forced", "side"),
        "1",
    ),
    *each(
        LOGS,
        f"{LOGS}.logDriver",
        f"{LOGS}.options",
        effect="awslogs: in CloudWatch Logs, in the stream PREFIX/CONTAINER/TASK; others as the "
        "Engine has them, and a task whose driver cannot begin stops with the reason",
        scene="plain",
        look=written,
        equals=["made"],
    ),
    Effective(
        f"{LOGS}.options",
        "awslogs-create-group makes the group",
        "logs",
        logged("made", "made"),
        ["written"],
    ),
    Effective(
        f"{LOGS}.options",
        "awslogs-multiline-pattern begins events",
        "logs",
        logged("lines"),
        ["INFO a\n b\n", "INFO c\n"],
    ),
    Effective(
        f"{LOGS}.options",
        "so does awslogs-datetime-format",
        "logs",
        logged("dates"),
        ["2026-01-01 a\nb\n", "2026-01-02 c\n"],
    ),
    Effective(
        f"{LOGS}.options",
        "mode blocking or non-blocking",
        "logs",
        log_mode("modes"),
        ("blocking", None),
    ),
    Effective(
        f"{LOGS}.options",
        "max-buffer-size of the latter",
        "logs",
        log_mode("sizes"),
        ("non-blocking", "1m"),
    ),
    Effective(
        f"{LOGS}.logDriver",
        "gelf and",
        "drivers",
        heard(GELF_PORT),
        lambda seen: '"short_message":"written"' in seen,
    ),
    Effective(
        f"{LOGS}.logDriver",
        "syslog send where their options say",
        "drivers",
        heard(SYSLOG_PORT),
        lambda seen: seen.rstrip().endswith("written"),
    ),
    Effective(f"{LOGS}.logDriver", "json-file and others", "instance", log_driver, "json-file"),
    Effective(
        f"{LOGS}.options",
        "mode is the account's default where it is not given",
        "instance",
        log_options,
        {"max-size": "1m", "mode": "non-blocking", "max-buffer-size": "10m"},
    ),
    Effective(
        f"{C}disableNetworking",
        "a network namespace of its own with nothing but lo",
        "instance",
        own_network,
        True,
    ),
    Effective(
        f"{C}dockerSecurityOptions[]",
        "no-new-privileges; apparmor and label where the "
        "host has them, else the task stops with the reason",
        "instance",
        status("NoNewPrivs"),
        "1",
    ),
    Effective(
        f"{C}privileged",
        "every capability and device",
        "privileged",
        all_capabilities_or_the_reason,
        True,
    ),
    Elsewhere(
        f"{C}versionConsistency",
        "a service deployment's tasks run what its first one runs",
        "integration/test_service.py::test_a_tag_that_moves_changes_nothing_within_a_deployment",
    ),
    *(
        Elsewhere(
            path,
            "where a load balancer sends requests, in awsvpc the task's own port",
            "integration/test_service.py::test_both_tasks_answer_through_the_load_balancer",
        )
        for path in (f"{C}portMappings[]", f"{C}portMappings[].containerPort")
    ),
]
