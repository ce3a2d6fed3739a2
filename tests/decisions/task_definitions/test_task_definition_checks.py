"""What is wrong with a definition is found, and what is right is let through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.task_definitions.container_port_checks import ports
from ecsd.decisions.task_definitions.fargate_checks import check_fargate
from ecsd.decisions.task_definitions.fargate_size import is_fargate_size
from ecsd.decisions.task_definitions.launch_type_checks import (
    check_external,
    check_managed_instances,
)
from ecsd.decisions.task_definitions.task_definition_checks import check_task


def task(*containers, **members):
    named = [
        {"name": f"c{number}", "image": "i", "memory": 64} | one
        for number, one in enumerate(containers)
    ]
    return {"family": "web", "networkMode": "awsvpc", "containerDefinitions": named} | members


def problems(*containers, **members):
    return list(check_task(task(*containers, **members)))


LINUX = "linuxParameters"
MAPPING = "portMappings"
FS, AP = "fs-0123456789abcdef0", "fsap-0123456789abcdef0"
AUTH, TLS, ROOT = "authorizationConfig", "transitEncryption", "rootDirectory"


LAUNCHED = {"name": "v", "configuredAtLaunch": True}


def efs(configuration):
    return {"volumes": [{"name": "v", "efsVolumeConfiguration": configuration}]}


SHARED = {"scope": "shared", "autoprovision": True}


@pytest.mark.parametrize(
    ("container", "words"),
    [
        ({"memory": 5}, "memory must be at least 6 MiB"),
        ({"memoryReservation": 4}, "memoryReservation must be at least 6 MiB"),
        ({"memoryReservation": 65}, "must be greater than or equal to 'memoryReservation'"),
        ({"memory": None}, "At least one of 'memory' or 'memoryReservation' must be specified."),
        ({"cpu": -1}, "cpu must not be negative"),
        ({"environment": [{"name": "a=b", "value": "c"}]}, "a variable needs a name without '='"),
        ({"environment": [{"value": "c"}]}, "a variable needs a name without '='"),
        ({"user": "-1"}, "user must be USER or USER:GROUP"),
        ({"workingDirectory": "tmp"}, "workingDirectory must be an absolute path"),
        ({"restartPolicy": {"enabled": True, "restartAttemptPeriod": 59}}, "between 60 and 1800"),
        ({"restartPolicy": {"enabled": True, "restartAttemptPeriod": 1801}}, "60 and 1800"),
        ({"restartPolicy": {"enabled": True, "ignoredExitCodes": [1] * 51}}, "at most 50"),
        ({"ulimits": [{"name": "nofile", "softLimit": 2, "hardLimit": 1}]}, "exceeds hardLimit"),
        ({"ulimits": [{"name": "nofile", "softLimit": -1, "hardLimit": 1}]}, "exceeds hardLimit"),
        ({"ulimits": [{"name": "nofile", "softLimit": -2, "hardLimit": -1}]}, "-1 for none"),
        ({"ulimits": [{"name": "core", "softLimit": 1, "hardLimit": 1}] * 2}, "given once"),
        ({"stopTimeout": -1}, "stopTimeout must not be negative"),
        ({"dockerSecurityOptions": ["seccomp:unconfined"]}, "is none of no-new-privileges"),
        ({"dockerSecurityOptions": ["credentialspec:x"]}, "credentialspec is not supported"),
        ({LINUX: {"capabilities": {"add": ["FLY"]}}}, "unknown capability 'FLY'"),
        ({LINUX: {"maxSwap": -1}}, "maxSwap must not be negative"),
        ({LINUX: {"maxSwap": 1}, "memory": None, "memoryReservation": 6}, "maxSwap needs 'memory'"),
        ({LINUX: {"swappiness": 1}}, "swappiness needs maxSwap"),
        ({LINUX: {"swappiness": 101, "maxSwap": 0}}, "between 0 and 100"),
        ({LINUX: {"sharedMemorySize": 0}}, "sharedMemorySize must be positive"),
        ({LINUX: {"tmpfs": [{"containerPath": "t", "size": 1}]}}, "containerPath must be absolute"),
        ({LINUX: {"tmpfs": [{"containerPath": "/t", "size": 0}]}}, "size must be positive"),
        (
            {LINUX: {"tmpfs": [{"containerPath": "/t", "size": 1, "mountOptions": ["x"]}]}},
            "unknown mount option 'x'",
        ),
        ({LINUX: {"devices": [{"hostPath": "dev"}]}}, "hostPath must be absolute"),
        ({"systemControls": [{"namespace": "vm.swappiness", "value": "1"}]}, "no namespaced"),
        ({"systemControls": [{"namespace": "net.core.somaxconn"}]}, "needs namespace and value"),
        ({MAPPING: [{"containerPort": 0}]}, "invalid port number 0"),
        ({MAPPING: [{"containerPort": 65536}]}, "invalid port number 65536"),
        ({MAPPING: [{}]}, "needs containerPort"),
        ({MAPPING: [{"containerPort": 1, "name": "-a"}]}, "invalid port mapping name"),
        ({MAPPING: [{"containerPort": 1, "name": "a" * 65}]}, "invalid port mapping name"),
        (
            {MAPPING: [{"containerPort": n, "name": "a"} for n in (1, 2)]},
            "names of port mappings must be unique",
        ),
        ({MAPPING: [{"containerPort": 80}] * 2}, "port 80 is in more than one port mapping"),
        (
            {MAPPING: [{"containerPortRange": "1-9"}, {"containerPort": 9}]},
            "port 9 is in more than one",
        ),
        ({MAPPING: [{"containerPortRange": "9-9"}]}, "invalid containerPortRange"),
        ({MAPPING: [{"containerPortRange": "0-9"}]}, "invalid containerPortRange"),
        ({MAPPING: [{"containerPortRange": "9-65536"}]}, "invalid containerPortRange"),
        ({MAPPING: [{"containerPortRange": "1-2", "containerPort": 1}]}, "excludes containerPort"),
        (
            {MAPPING: [{"containerPortRange": f"{n * 3 + 1}-{n * 3 + 2}"} for n in range(101)]},
            "at most 100 port ranges",
        ),
        ({"links": ["c1"]}, "links is not supported on container when networkMode=awsvpc"),
        ({"hostname": "h"}, "hostname is not supported on container when networkMode=awsvpc"),
        ({"mountPoints": [{"sourceVolume": "v", "containerPath": "v"}]}, "'v' is not absolute"),
    ],
)
def test_a_wrong_container_is_found(container, words):
    found = problems(container)
    assert any(words in one for one in found), found


AWSLOGS = {"awslogs-group": "g", "awslogs-region": "r"}


@pytest.mark.parametrize(
    ("driver", "options", "words"),
    [
        ("awslogs", {}, "Log driver awslogs requires options: awslogs-region, awslogs-group"),
        ("awslogs", {"awslogs-endpoint": "x"}, "disallows options: awslogs-endpoint"),
        ("awslogs", {"awslogs-create-group": "yes"}, "must be true or false"),
        ("awslogs", {"awslogs-max-buffered-events": "0"}, "must be a positive number"),
        (
            "awslogs",
            {"awslogs-datetime-format": "%d", "awslogs-multiline-pattern": "x"},
            "cannot both be given",
        ),
        ("json-file", {"mode": "fast"}, "mode must be one of blocking, non-blocking"),
        ("json-file", {"max-buffer-size": "big"}, "max-buffer-size is no size"),
        ("json-file", {"mode": "blocking", "max-buffer-size": "1m"}, "non-blocking only"),
    ],
)
def test_wrong_log_options_are_found(driver, options, words):
    given = options if not options else options | (AWSLOGS if driver == "awslogs" else {})
    found = problems({"logConfiguration": {"logDriver": driver, "options": given}})
    assert any(words in one for one in found), found


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"cpu": 127}, "Invalid 'cpu' setting for task."),
        ({"cpu": 196_609}, "Invalid 'cpu' setting for task."),
        ({"memory": 32}, "The 'memory' setting for container 'c0' is greater than for the task."),
        ({"ephemeralStorage": {"sizeInGiB": 20}}, "EphemeralStorage size should be at least 21"),
        ({"ephemeralStorage": {"sizeInGiB": 201}}, "EphemeralStorage size should be at most 200"),
        ({"taskRoleArn": "arn:aws:iam::1:role/x"}, "taskRoleArn must be the ARN or the name"),
        ({"placementConstraints": [{"type": "memberOf"}]}, "has the type memberOf and an expr"),
        (
            {"placementConstraints": [{"type": "memberOf", "expression": "e" * 2001}]},
            "at most 2000 characters",
        ),
        (
            {"placementConstraints": [{"type": "memberOf", "expression": "e"}] * 11},
            "at most 10 are allowed",
        ),
        ({"volumes": [{"name": "a b"}]}, "Invalid volume name"),
        ({"volumes": [{"name": "v"}, {"name": "v"}]}, "Volume names must be unique"),
        ({"volumes": [{"name": "v", "host": {"sourcePath": "x"}}]}, "must be an absolute path"),
        (
            {"volumes": [LAUNCHED, LAUNCHED | {"name": "w"}]},
            "Only one volume can be configured at launch",
        ),
        ({"volumes": [LAUNCHED | {"host": {"sourcePath": "/x"}}]}, "only one of configuredAtL"),
        (efs({"fileSystemId": "x"}), "Invalid fileSystemId: 'x'"),
        (efs({"fileSystemId": FS, "rootDirectory": "x"}), "rootDirectory must be an absolute"),
        (efs({"fileSystemId": FS, "rootDirectory": "/a/../b"}), "without '..'"),
        (efs({"fileSystemId": FS, "transitEncryptionPort": 1}), "needs transitEncryption"),
        (efs({"fileSystemId": FS, AUTH: {"iam": "ENABLED"}}), "transitEncryption must be ENABLED"),
        (efs({"fileSystemId": FS, AUTH: {"accessPointId": AP}}), "transitEncryption must be"),
        (efs({"fileSystemId": FS, TLS: "ENABLED", AUTH: {"accessPointId": "x"}}), "accessPointId"),
        (
            efs({"fileSystemId": FS, TLS: "ENABLED", AUTH: {"accessPointId": AP}} | {ROOT: "/x"}),
            "rootDirectory must be omitted or '/'",
        ),
        (
            {
                "volumes": [
                    {
                        "name": "v",
                        "host": {"sourcePath": "/x"},
                        "dockerVolumeConfiguration": {"scope": "task"},
                    }
                ]
            },
            "only one of dockerVolumeConfiguration, host may be given",
        ),
        (
            {"volumes": [{"name": "v", "dockerVolumeConfiguration": {"autoprovision": True}}]},
            "autoprovision is for the scope 'shared' only",
        ),
    ],
)
def test_a_wrong_whole_is_found(members, words):
    found = problems({}, **members)
    assert any(words in one for one in found), found


@pytest.mark.parametrize(
    ("mode", "container", "words"),
    [
        ("none", {MAPPING: [{"containerPort": 80}]}, "not supported when networkMode=none"),
        ("host", {MAPPING: [{"containerPort": 80, "hostPort": 81}]}, "When networkMode=host, the"),
        ("host", {MAPPING: [{"containerPortRange": "1-2"}]}, "not supported when networkMode=host"),
        ("host", {"links": ["c0"]}, "links are not supported on container when networkMode=host"),
        ("host", {"systemControls": [{"namespace": "net.x", "value": "1"}]}, "networkMode=host"),
        ("bridge", {"links": ["x"]}, "Invalid 'links' setting. Unknown container: 'x'."),
        ("bridge", {"links": ["c0:b c"]}, "invalid link"),
        (None, {"links": ["c0"]}, "cyclic dependency"),
        ("bridge", {"extraHosts": [{"hostname": "h"}]}, "extraHosts need hostname and ipAddress"),
    ],
)
def test_what_a_network_mode_lacks_is_found(mode, container, words):
    found = problems(container, networkMode=mode)
    assert any(words in one for one in found), found


def test_ipc_parameters_need_an_ipc_namespace_of_the_containers():
    control = {"systemControls": [{"namespace": "kernel.shmmax", "value": "1"}]}
    assert any("ipcMode=host" in one for one in problems(control, ipcMode="host"))
    assert problems(control, ipcMode="task") == []
    shared = {LINUX: {"sharedMemorySize": 8}}
    assert any("no effect with ipcMode 'none'" in one for one in problems(shared, ipcMode="none"))


def test_containers_together_stay_within_the_task():
    both = [{"memory": 300, "cpu": 200}, {"memory": 300, "cpu": 200}]
    found = problems(*both, memory=512, cpu=256)
    assert [one.split("'")[1] for one in found] == ["cpu", "memory"]
    soft = {"memory": None, "memoryReservation": 300}
    assert "'memoryReservation' values" in problems(soft, soft, memory=512)[0]


RIGHT = {
    "user": "1000:www-data",
    "workingDirectory": "/w",
    "restartPolicy": {"enabled": True, "restartAttemptPeriod": 60, "ignoredExitCodes": [0]},
    "ulimits": [
        {"name": "nofile", "softLimit": 1, "hardLimit": 1},
        {"name": "core", "softLimit": -1, "hardLimit": -1},
    ],
    "dockerSecurityOptions": ["no-new-privileges", "apparmor:profile", "label:disable"],
    "systemControls": [{"namespace": "net.ipv4.conf.eth0/1.accept_local", "value": "1"}],
    MAPPING: [
        {"containerPort": 53, "protocol": "udp"},
        {"containerPort": 53, "protocol": "tcp", "name": "dns_1-x", "appProtocol": "http"},
        {"containerPortRange": "54-65535"},
    ],
    LINUX: {
        "capabilities": {"add": ["ALL"], "drop": ["SYS_TIME"]},
        "maxSwap": 0,
        "swappiness": 0,
        "tmpfs": [{"containerPath": "/t", "size": 1, "mountOptions": ["noexec", "mode=755"]}],
    },
    "logConfiguration": {"logDriver": "awslogs", "options": AWSLOGS | {"mode": "blocking"}},
}


def test_what_is_right_passes():
    constraint = {"type": "memberOf", "expression": "attribute:x == y"}
    volume = {"name": "v", "dockerVolumeConfiguration": SHARED}
    found = problems(
        RIGHT,
        volumes=[volume, {"name": "w", "host": {}}, {"name": "x", "host": {"sourcePath": "/x"}}],
        placementConstraints=[constraint] * 10,
        taskRoleArn="arn:aws:iam::000000000000:role/path/x",
        executionRoleArn="name",
        ephemeralStorage={"sizeInGiB": 21},
        cpu=196_608,
        memory=64,
    )
    assert found == []


@pytest.mark.parametrize(
    "image",
    [
        "000000000000.dkr.ecr.us-east-1.amazonaws.com/app:1",
        "localhost:4766/000000000000/us-east-1/app:1",
    ],
)
def test_an_image_of_ecr_needs_an_execution_role_on_fargate(image):
    definition = task({"image": image}, cpu=256, memory=512)
    assert list(check_fargate(definition)) == [
        "Fargate requires task definition to have execution role ARN to support ECR images."
    ]
    assert list(check_fargate(definition | {"executionRoleArn": "arn"})) == []
    plain = task({"image": "localhost:5000/app:1"}, cpu=256, memory=512)
    assert list(check_fargate(plain)) == []


def test_seventy_four_sizes_fit_fargate():
    sizes = [
        (cpu, memory)
        for cpu in range(64, 40_000, 64)
        for memory in range(512, 300_000, 512)
        if is_fargate_size(cpu, memory)
    ]
    assert len(sizes) == 74
    for cpu, memory in sizes:
        assert list(check_fargate(task({}, cpu=cpu, memory=memory))) == []


@pytest.mark.parametrize(
    ("container", "members", "external", "managed"),
    [
        ({}, {"networkMode": "awsvpc"}, False, True),
        ({}, {"networkMode": "host"}, True, True),
        ({}, {"networkMode": None}, True, False),
        ({"dockerLabels": {"a": "b"}}, {}, False, False),
        ({LINUX: {"tmpfs": [{"containerPath": "/t", "size": 1}]}}, {}, False, False),
        ({"logConfiguration": {"logDriver": "json-file"}}, {}, False, True),
        ({"logConfiguration": {"logDriver": "syslog"}}, {}, False, False),
        ({}, {"volumes": [{"name": "v", "host": {"sourcePath": "/x"}}]}, False, False),
        ({}, {"ipcMode": "task", "networkMode": "host"}, True, False),
        ({}, {"volumes": [LAUNCHED], "networkMode": "host"}, False, True),
    ],
)
def test_other_launch_types_refuse_what_they_lack(container, members, external, managed):
    given = task(container, **members)
    assert (not list(check_external(given))) == external
    assert (not list(check_managed_instances(given))) == managed


spans = st.tuples(st.integers(1, 60), st.integers(0, 20)).map(lambda one: (one[0], sum(one)))


@given(st.lists(st.tuples(st.sampled_from(["tcp", "udp"]), spans), max_size=6))
def test_overlapping_ports_are_found_exactly(given_spans):
    mappings = [
        {"protocol": protocol, "containerPort": first}
        if first == last
        else {"protocol": protocol, "containerPortRange": f"{first}-{last}"}
        for protocol, (first, last) in given_spans
    ]
    taken = [
        (one["protocol"], port)
        for one in mappings
        for port in range(ports(one)[0], ports(one)[1] + 1)
    ]
    found = problems({MAPPING: mappings})
    assert any("more than one" in one for one in found) == (len(set(taken)) < len(taken))


names = ["c0", "c1", "c2", "c3"]
edges = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from("dvl")))


@given(edges)
def test_a_cycle_is_found_whatever_it_goes_through(drawn):
    containers = [{"dependsOn": [], "volumesFrom": [], "links": []} for _ in names]
    for start, end, kind in drawn:
        member, value = {
            "d": ("dependsOn", {"containerName": names[end], "condition": "START"}),
            "v": ("volumesFrom", {"sourceContainer": names[end]}),
            "l": ("links", names[end]),
        }[kind]
        containers[start][member].append(value)
    reached = {(start, end) for start, end, _ in drawn}
    for middle in range(4):
        for start in range(4):
            reached |= {
                (start, end)
                for end in range(4)
                if (start, middle) in reached and (middle, end) in reached
            }
    found = problems(*containers, networkMode="bridge")
    assert any("cyclic" in one for one in found) == any((one, one) in reached for one in range(4))


@pytest.mark.parametrize("root", [{}, {ROOT: "/"}])
def test_a_volume_of_efs_that_is_right(root):
    through = {TLS: "ENABLED", AUTH: {"accessPointId": AP, "iam": "ENABLED"}} | root
    for more in (through, {ROOT: "/deep/down"}, {}):
        assert problems({}, **efs({"fileSystemId": FS} | more)) == []
