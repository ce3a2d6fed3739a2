"""Every member of a container definition has its effect in what the Engine is asked for."""

import pytest

from ecsd.decisions.containers import container_config
from ecsd.decisions.containers.container_config import HostFacts
from ecsd.records.plan import TaskPlan

HOST = HostFacts(owner="/data", pause_image="ecsd/pause:1", credentials_endpoint="@127.0.0.1:1/x")
MIB = 1 << 20


def plan(*containers, **members):
    members = {"launch_type": "FARGATE", "family": "web", "revision": 3} | members
    return TaskPlan(
        task_arn="arn:aws:ecs:us-east-1:000000000000:task/c/ab",
        task_id="ab",
        cluster="c",
        account="000000000000",
        region="eu-west-1",
        desired_status="RUNNING",
        containers=tuple({"name": "app", "image": "i"} | one for one in containers),
        **members,
    )


def body(member=None, host=HOST, **members):
    wanted = plan(member or {}, **members)
    return container_config.container_body(wanted, wanted.containers[0], "pause-id", host)


@pytest.mark.parametrize(
    ("given", "key", "expected"),
    [
        ({"command": ["a", "b"]}, "Cmd", ["a", "b"]),
        ({"entryPoint": ["e"]}, "Entrypoint", ["e"]),
        ({"workingDirectory": "/w"}, "WorkingDir", "/w"),
        ({"user": "1000:1000"}, "User", "1000:1000"),
        ({"pseudoTerminal": True}, "Tty", True),
        ({"interactive": True}, "OpenStdin", True),
        ({"disableNetworking": True}, "NetworkDisabled", True),
        ({"stopTimeout": 7}, "StopTimeout", 7),
        ({}, "StopTimeout", 30),
        ({}, "Healthcheck", {"Test": ["NONE"]}),
    ],
)
def test_members_of_the_container(given, key, expected):
    assert body(given)[key] == expected


LINUX = [
    ({"initProcessEnabled": True}, "Init", True),
    ({"capabilities": {"add": ["SYS_PTRACE"], "drop": ["ALL"]}}, "CapAdd", ["SYS_PTRACE"]),
    ({"capabilities": {"add": ["SYS_PTRACE"], "drop": ["ALL"]}}, "CapDrop", ["ALL"]),
    ({"sharedMemorySize": 64}, "ShmSize", 64 * MIB),
    (
        {"tmpfs": [{"containerPath": "/t", "size": 8, "mountOptions": ["noexec"]}]},
        "Tmpfs",
        {"/t": "size=8m,noexec"},
    ),
    (
        {"devices": [{"hostPath": "/dev/fuse", "permissions": ["read", "write"]}]},
        "Devices",
        [{"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": "rw"}],
    ),
]


@pytest.mark.parametrize(
    ("given", "key", "expected"),
    [
        *(({"linuxParameters": given}, key, expected) for given, key, expected in LINUX),
        ({"readonlyRootFilesystem": True}, "ReadonlyRootfs", True),
        ({"privileged": True}, "Privileged", True),
        ({"cpu": 0}, "CpuShares", 2),
        ({"cpu": 1}, "CpuShares", 2),
        ({"cpu": 256}, "CpuShares", 256),
        ({"cpu": 999_999}, "CpuShares", 262_144),
        ({"memory": 64}, "Memory", 64 * MIB),
        ({"memoryReservation": 32}, "MemoryReservation", 32 * MIB),
        ({"dockerSecurityOptions": ["no-new-privileges"]}, "SecurityOpt", ["no-new-privileges"]),
        (
            {"systemControls": [{"namespace": "net.core.somaxconn", "value": "9"}]},
            "Sysctls",
            {"net.core.somaxconn": "9"},
        ),
        ({}, "NetworkMode", "container:pause-id"),
        ({}, "CgroupParent", "/ecsd/ab"),
    ],
)
def test_members_of_the_hosts_side(given, key, expected):
    assert body(given, launch_type="EC2")["HostConfig"][key] == expected


def test_swap_is_as_max_swap_says_and_none_on_fargate():
    swap = {"memory": 64, "linuxParameters": {"maxSwap": 32, "swappiness": 10}}
    config = body(swap, launch_type="EC2")["HostConfig"]
    assert (config["MemorySwap"], config["MemorySwappiness"]) == (96 * MIB, 10)
    none = {"memory": 64, "linuxParameters": {"maxSwap": 0, "swappiness": 10}}
    config = body(none, launch_type="EC2")["HostConfig"]
    assert config["MemorySwap"] == 64 * MIB
    assert "MemorySwappiness" not in config
    assert "MemorySwap" not in body({"memory": 64}, launch_type="EC2")["HostConfig"]
    assert body({"memory": 64})["HostConfig"]["MemorySwap"] == 64 * MIB


def test_open_files_on_fargate_are_65535_or_what_the_engine_may_give():
    assert body()["HostConfig"]["Ulimits"] == [{"Name": "nofile", "Soft": 65535, "Hard": 65535}]
    small = HostFacts(owner="o", pause_image="p", open_files=20_000)
    assert body(host=small)["HostConfig"]["Ulimits"][0]["Hard"] == 20_000
    own = {"ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 2}]}
    assert body(own)["HostConfig"]["Ulimits"] == [{"Name": "nofile", "Soft": 1, "Hard": 2}]
    assert body(launch_type="EC2")["HostConfig"]["Ulimits"] == []


def test_environment_is_awss_own_then_the_containers():
    given = [{"name": "A", "value": "1"}, {"name": "AWS_REGION", "value": "x"}]
    assert body({"environment": given})["Env"] == [
        "AWS_EXECUTION_ENV=AWS_ECS_FARGATE",
        "AWS_REGION=x",
        "AWS_DEFAULT_REGION=eu-west-1",
        "A=1",
    ]


def test_labels_are_the_users_and_awss_and_ours():
    labels = body({"dockerLabels": {"a": "b", "dev.ecsd.owner": "someone"}})["Labels"]
    assert labels["a"] == "b"
    assert labels["dev.ecsd.owner"] == "/data"
    assert labels["com.amazonaws.ecs.task-definition-family"] == "web"
    assert labels["com.amazonaws.ecs.task-definition-version"] == "3"
    assert labels["com.amazonaws.ecs.container-name"] == "app"


def test_health_check_in_nanoseconds_with_awss_defaults():
    check = {"command": ["CMD-SHELL", "curl -f http://localhost/"], "startPeriod": 10}
    assert body({"healthCheck": check})["Healthcheck"] == {
        "Test": ["CMD-SHELL", "curl -f http://localhost/"],
        "Interval": 30 * 10**9,
        "Timeout": 5 * 10**9,
        "Retries": 3,
        "StartPeriod": 10 * 10**9,
    }


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"pid_mode": "task"}, ("container:pause-id", None)),
        ({"pid_mode": "host", "ipc_mode": "host"}, ("host", "host")),
        ({"ipc_mode": "task"}, (None, "container:pause-id")),
        ({"ipc_mode": "none"}, (None, "none")),
        ({}, (None, None)),
    ],
)
def test_shared_namespaces(members, expected):
    config = body(**members)["HostConfig"]
    assert (config.get("PidMode"), config.get("IpcMode")) == expected


def test_the_pause_carries_names_and_nothing_else():
    wanted = plan({}, resolver="10.0.0.2", hostname="ip-10-0-0-5.ec2.internal", ipc_mode="task")
    found = container_config.pause_body(wanted, HOST)
    assert found["Hostname"] == "ip-10-0-0-5.ec2.internal"
    assert found["HostConfig"]["Dns"] == ["10.0.0.2"]
    assert found["HostConfig"]["NetworkMode"] == "none"
    assert found["HostConfig"]["IpcMode"] == "shareable"
    assert found["HostConfig"]["CapDrop"] == ["ALL"]


def test_a_tasks_names_are_asked_where_its_vpcs_options_said():
    told = {"name_servers": ("10.0.0.9", "10.0.0.2"), "search_domains": ("corp.local",)}
    config = container_config.pause_body(plan({}, resolver="10.0.0.2", **told), HOST)["HostConfig"]
    assert config["Dns"] == ["10.0.0.9", "10.0.0.2"]
    assert config["DnsSearch"] == ["corp.local"]


def test_without_a_network_the_containers_names_are_the_tasks():
    names = {
        "hostname": "box",
        "dnsServers": ["1.1.1.1"],
        "dnsSearchDomains": ["corp"],
        "extraHosts": [{"hostname": "db", "ipAddress": "10.0.0.9"}],
    }
    wanted = plan(names, names | {"name": "b"}, network_mode="none", launch_type="EC2")
    found = container_config.pause_body(wanted, HOST)
    assert (found["Hostname"], found["HostConfig"]["Dns"]) == ("box", ["1.1.1.1"])
    assert found["HostConfig"]["DnsSearch"] == ["corp"]
    assert found["HostConfig"]["ExtraHosts"] == ["db:10.0.0.9"]


def test_task_limits():
    limits = container_config.task_limits(plan({}, cpu=256, memory=512))
    assert (limits.cpu_quota, limits.cpu_shares, limits.memory) == (25_000, 256, 512 * MIB)
    limits = container_config.task_limits(plan({"cpu": 100}, {"cpu": 50}, {}, launch_type="EC2"))
    assert (limits.cpu_quota, limits.cpu_shares, limits.memory) == (None, 152, None)


def test_a_slice_under_systemd():
    systemd = HostFacts(owner="o", pause_image="p", cgroup_driver="systemd")
    assert body(host=systemd)["HostConfig"]["CgroupParent"] == "ecsd-ab.slice"


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, None),
        ({"network_mode": "none"}, None),
        ({"network_mode": "bridge"}, "network mode bridge"),
        (
            {"volumes": ({"name": "v", "s3filesVolumeConfiguration": {"rootDirectory": "/"}},)},
            "volume v",
        ),
        (
            {"volumes": ({"name": "v", "efsVolumeConfiguration": {"fileSystemId": "f"}},)},
            None,
        ),
        ({"volumes": ({"name": "v", "host": {}},)}, None),
    ],
)
def test_what_a_host_refuses(members, words):
    found = container_config.refusal(plan({}, **members), HOST)
    assert (found is None) if words is None else (words in found)


@pytest.mark.parametrize(
    ("container", "needed"),
    [
        ({"dockerSecurityOptions": ["no-new-privileges", "apparmor:x"]}, "apparmor"),
        ({"dockerSecurityOptions": ["label:x"]}, "selinux"),
        ({"linuxParameters": {"maxSwap": 0}}, "maxSwap"),
        ({"linuxParameters": {"maxSwap": 1, "swappiness": 0}}, "swappiness"),
    ],
)
def test_what_the_engine_would_pass_over_is_refused(container, needed):
    lacking = HostFacts(owner="o", pause_image="p", lacks=frozenset({needed}))
    words = f"container app: {needed} is not available on this host"
    assert container_config.refusal(plan(container), lacking) == words
    assert container_config.refusal(plan(container), HOST) is None


def test_memory_that_a_task_shares_is_as_large_as_the_largest_wanted():
    sizes = [{"name": f"c{size}", "linuxParameters": {"sharedMemorySize": size}} for size in (8, 9)]
    body = container_config.pause_body(plan(*sizes, ipc_mode="task"), HOST)
    assert body["HostConfig"]["ShmSize"] == 9 * MIB
    assert "ShmSize" not in container_config.pause_body(plan(*sizes), HOST)["HostConfig"]
