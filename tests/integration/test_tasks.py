"""Tasks on a real Engine: every way to end, order, memory, health, members."""

import asyncio
import platform
from pathlib import Path

import pytest
from msgspec.structs import replace

from ecsd.records.observed import TaskObserved
from tests.agent.fake_logs import FakeLogs
from tests.integration.instance import ALONE
from tests.integration.task_world import (
    DEAF,
    STEADY,
    World,
    cgroups,
    exists,
    one,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


@pytest.fixture
async def world(tmp_path, image):
    world = World(tmp_path, instance=ALONE)
    yield world
    await world.clean()


async def test_a_task_passes_every_phase_and_leaves_nothing(world):
    plan = world.plan({"name": "app", "command": STEADY}, hostname="ip-10-0-0-5.ec2.internal")
    async with world.agent() as tasks:
        await tasks.apply(plan)
        running = await world.ear.phase(plan, "RUNNING")
        assert one(running).status == "RUNNING"
        assert running.pull_started_at <= running.pull_stopped_at <= running.started_at
        assert await tasks.present() == {plan.task_arn}
        app = await world.container(plan)
        assert app["Config"]["Labels"]["com.amazonaws.ecs.task-arn"] == plan.task_arn

        await tasks.apply(replace(plan, desired_status="STOPPED"))
        stopped = await world.ear.phase(plan, "STOPPED")
        assert (one(stopped).exit_code, stopped.stop_code) == (0, None)
        assert stopped.execution_stopped_at is not None
        await tasks.remove(plan.task_arn)
        assert await tasks.present() == set()
    phases = ["PENDING", "ACTIVATING", "RUNNING", "STOPPING", "STOPPED"]
    assert world.ear.phases(plan) == phases
    assert not cgroups(plan)


async def test_an_essential_container_that_exits_ends_the_task(world):
    plan = world.plan(
        {"name": "app", "command": ["sh", "-c", "sleep 0.3; exit 7"]},
        {"name": "side", "command": STEADY},
    )
    async with world.agent() as tasks:
        await tasks.apply(plan)
        seen = await world.ear.phase(plan, "STOPPED")
    assert seen.stop_code == "EssentialContainerExited"
    assert seen.stopped_reason == "Essential container in task exited"
    assert (one(seen).exit_code, one(seen, "side").exit_code) == (7, 0)


async def test_a_container_that_is_not_essential_may_exit(world):
    plan = world.plan(
        {"name": "app", "command": STEADY},
        {"name": "side", "command": ["sh", "-c", "exit 3"], "essential": False},
    )
    async with world.agent() as tasks:
        await tasks.apply(plan)
        seen = await world.ear.until(
            lambda message: (
                isinstance(message, TaskObserved)
                and message.phase == "RUNNING"
                and one(message, "side").exit_code == 3
            )
        )
    assert one(seen).status == "RUNNING"


async def test_an_image_that_cannot_be_had_is_told_as_a_pull_error(world):
    plan = world.plan({"name": "app", "image": "127.0.0.1:9/no/such:1"})
    async with world.agent() as tasks:
        await tasks.apply(plan)
        seen = await world.ear.phase(plan, "STOPPED")
    assert seen.stop_code == "TaskFailedToStart"
    assert seen.stopped_reason.startswith("CannotPullContainerError: pull image manifest has been")
    assert "connection refused" in seen.stopped_reason
    assert one(seen).reason == seen.stopped_reason


@pytest.mark.parametrize("machine", ["own", "other"])
async def test_an_image_for_another_cpu_is_not_run(world, machine):
    here = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[platform.machine()]
    [other] = {"linux/amd64", "linux/arm64"} - {here}
    plan = world.plan(
        {"name": "app", "command": STEADY}, platform=here if machine == "own" else other
    )
    async with world.agent() as tasks:
        await tasks.apply(plan)
        seen = await world.ear.phase(plan, "RUNNING" if machine == "own" else "STOPPED")
    assert machine == "own" or seen.stopped_reason.startswith("CannotPullContainerError: ")


async def test_a_command_that_does_not_exist_is_told_as_a_start_error(world):
    plan = world.plan({"name": "app", "command": ["/no/such"]})
    async with world.agent() as tasks:
        await tasks.apply(plan)
        seen = await world.ear.phase(plan, "STOPPED")
    assert seen.stop_code == "TaskFailedToStart"
    assert seen.stopped_reason.startswith("CannotStartContainerError: Error response from daemon:")
    assert one(seen).exit_code is None


async def test_a_log_group_that_cannot_be_reached_is_told_as_a_resource_error(world):
    options = {"awslogs-group": "g", "awslogs-stream-prefix": "p", "awslogs-region": "us-east-1"}
    plan = world.plan(
        {
            "name": "app",
            "command": STEADY,
            "logConfiguration": {"logDriver": "awslogs", "options": options},
        },
        logs_endpoint="http://127.0.0.1:9",
    )
    async with world.agent() as tasks:
        await tasks.apply(plan)
        seen = await world.ear.phase(plan, "STOPPED")
    assert seen.stopped_reason.startswith("ResourceInitializationError: ")
    assert "failed to create Cloudwatch log stream" in seen.stopped_reason


async def test_logs_are_delivered_in_the_accounts_name(world):
    options = {"awslogs-group": "g", "awslogs-stream-prefix": "p", "awslogs-region": "us-east-1"}
    async with FakeLogs("g").listening() as logs, world.agent() as tasks:
        plan = world.plan(
            {
                "name": "app",
                "command": ["sh", "-c", "echo hello; exit 0"],
                "logConfiguration": {"logDriver": "awslogs", "options": options},
            },
            logs_endpoint=logs.endpoint,
        )
        await tasks.apply(plan)
        await world.ear.phase(plan, "STOPPED")
        async with asyncio.timeout(20):
            while not logs.events():
                logs.said.clear()
                await logs.said.wait()
    assert logs.events() == ["hello"]
    assert logs.asked[0] == (
        "CreateLogStream",
        {"logGroupName": "g", "logStreamName": f"p/app/{plan.task_id}"},
        "000000000000",
    )
    assert {key for _, _, key in logs.asked} == {"000000000000"}


HOG = ["sh", "-c", "sleep 0.3; dd if=/dev/zero of=/dev/null bs=200M count=9"]
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"


async def test_a_container_over_its_memory_is_told_from_a_kill(world):
    plan = world.plan({"name": "app", "command": HOG, "memory": 32})
    async with world.agent() as tasks:
        await tasks.apply(plan)
        seen = await world.ear.phase(plan, "STOPPED")
    assert (one(seen).exit_code, one(seen).reason) == (137, OUT_OF_MEMORY)


async def test_a_container_over_its_tasks_memory_is_told_from_a_kill(world):
    plan = world.plan(
        {"name": "app", "command": HOG}, {"name": "side", "command": STEADY}, memory=64
    )
    async with world.agent() as tasks:
        await tasks.apply(plan)
        seen = await world.ear.phase(plan, "STOPPED")
    assert (one(seen).exit_code, one(seen).reason) == (137, OUT_OF_MEMORY)
    assert one(seen, "side").reason is None


async def test_a_kill_has_no_reason(world):
    plan = world.plan({"name": "app", "command": STEADY})
    async with world.agent() as tasks:
        await tasks.apply(plan)
        await world.ear.phase(plan, "RUNNING")
        await (await world.container(plan)).kill()
        seen = await world.ear.phase(plan, "STOPPED")
    assert (one(seen).exit_code, one(seen).reason) == (137, None)
    assert seen.stop_code == "EssentialContainerExited"


async def test_a_container_deaf_to_its_signal_is_killed_after_stop_timeout(world):
    plan = world.plan({"name": "app", "command": DEAF, "stopTimeout": 1})
    async with world.agent() as tasks:
        await tasks.apply(plan)
        await world.ear.phase(plan, "RUNNING")
        await tasks.apply(replace(plan, desired_status="STOPPED"))
        seen = await world.ear.phase(plan, "STOPPED")
    assert (one(seen).exit_code, one(seen).reason) == (137, None)


async def test_containers_start_in_order_and_stop_in_reverse(world):
    volume = {"mountPoints": [{"sourceVolume": "shared", "containerPath": "/shared"}]}
    goodbye = "trap 'echo NAME >> /shared/end; exit 0' TERM; while :; do sleep 0.05; done"
    plan = world.plan(
        {
            "name": "app",
            "command": ["sh", "-c", "test -e /shared/made && " + goodbye.replace("NAME", "app")],
            "dependsOn": [
                {"containerName": "init", "condition": "SUCCESS"},
                {"containerName": "base", "condition": "HEALTHY"},
            ],
            **volume,
        },
        {
            "name": "base",
            "command": ["sh", "-c", goodbye.replace("NAME", "base")],
            "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 1},
            **volume,
        },
        {
            "name": "init",
            "essential": False,
            "command": ["sh", "-c", "sleep 0.2; touch /shared/made"],
            **volume,
        },
        volumes=({"name": "shared", "host": {}},),
    )
    async with world.agent() as tasks:
        await tasks.apply(plan)
        running = await world.ear.phase(plan, "RUNNING")
        assert one(running, "base").health == "HEALTHY"
        assert one(running, "init").exit_code == 0
        volumes = await world.docker.volumes.get(f"ecsd-{plan.task_id}-shared")
        mountpoint = Path((await volumes.show())["Mountpoint"])
        await tasks.apply(replace(plan, desired_status="STOPPED"))
        await world.ear.phase(plan, "STOPPED")
        assert (mountpoint / "end").read_text().split() == ["app", "base"]
        await tasks.remove(plan.task_arn)
        assert not exists(mountpoint)


async def test_a_failed_dependency_ends_a_task_that_never_started(world):
    plan = world.plan(
        {
            "name": "app",
            "command": STEADY,
            "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}],
        },
        {"name": "init", "essential": False, "command": ["sh", "-c", "exit 4"]},
    )
    async with world.agent() as tasks:
        await tasks.apply(plan)
        seen = await world.ear.phase(plan, "STOPPED")
    assert seen.stop_code == "TaskFailedToStart"
    assert "[init] did not exit successfully" in one(seen).reason
    assert one(seen, "init").exit_code == 4


async def test_a_health_check_that_begins_to_fail_is_seen(world):
    check = {"command": ["CMD-SHELL", "test ! -e /tmp/ill"], "interval": 1, "retries": 1}
    plan = world.plan({"name": "app", "command": STEADY, "healthCheck": check})

    def health(words):
        return lambda message: isinstance(message, TaskObserved) and one(message).health == words

    async with world.agent() as tasks:
        await tasks.apply(plan)
        await world.ear.until(health("HEALTHY"))
        app = await world.container(plan)
        execution = await app.exec(
            ["sh", "-c", "test -d /tmp || busybox mkdir /tmp; touch /tmp/ill"]
        )
        await execution.start(detach=True)
        seen = await world.ear.until(health("UNHEALTHY"))
    assert seen.phase == "RUNNING"


async def test_the_death_of_the_pause_ends_the_task(world):
    plan = world.plan({"name": "app", "command": STEADY})
    async with world.agent() as tasks:
        await tasks.apply(plan)
        await world.ear.phase(plan, "RUNNING")
        await (await world.container(plan, "pause")).kill()
        seen = await world.ear.phase(plan, "STOPPED")
    assert seen.stop_code == "EssentialContainerExited"
    assert one(seen).exit_code == 0


async def test_limits_of_the_task_and_of_its_containers_are_in_force(world):
    plan = world.plan({"name": "app", "command": STEADY, "memory": 64, "cpu": 128}, cpu=256)
    async with world.agent() as tasks:
        await tasks.apply(plan)
        await world.ear.phase(plan, "RUNNING")
        app = await world.container(plan)
    assert (app["HostConfig"]["Memory"], app["HostConfig"]["CpuShares"]) == (64 << 20, 128)
    parent = Path("/sys/fs/cgroup/cpu/ecsd") / plan.task_id
    if not parent.exists():
        parent = Path("/sys/fs/cgroup/ecsd") / plan.task_id
        assert (parent / "cpu.max").read_text().split() == ["25000", "100000"]
        assert int((parent / "memory.max").read_text()) == 512 << 20
    else:
        assert int((parent / "cpu.cfs_quota_us").read_text()) == 25000
        memory = Path("/sys/fs/cgroup/memory/ecsd") / plan.task_id / "memory.limit_in_bytes"
        assert int(memory.read_text()) == 512 << 20


FACTS = """
id -u
pwd
echo $WORD $AWS_EXECUTION_ENV
ulimit -n
cat /proc/sys/net/ipv4/ip_unprivileged_port_start
cat /proc/1/comm
hostname
cat /etc/resolv.conf | busybox head -1
busybox df -m /dev/shm | busybox tail -1 | busybox awk '{print $2}'
busybox df -m /scratch | busybox tail -1 | busybox awk '{print $2}'
touch /nowhere 2>/dev/null || echo readonly
cat /shared/word
busybox grep CapEff /proc/self/status
"""


async def test_a_containers_members_have_their_effect(world, tmp_path):
    shared = {"mountPoints": [{"sourceVolume": "out", "containerPath": "/out"}]}
    owner = {
        "name": "owner",
        "command": ["sh", "-c", "echo given > /shared/word; exec busybox sleep 1000"],
        "mountPoints": [{"sourceVolume": "mine", "containerPath": "/shared"}],
        "stopTimeout": 2,
    }
    app = {
        "name": "app",
        "entryPoint": ["sh", "-c"],
        "command": [
            FACTS.replace("\n", " > /dev/null; ", 0) and f"( {FACTS} ) > /out/facts; exit 0"
        ],
        "environment": [{"name": "WORD", "value": "a b"}],
        "workingDirectory": "/bin",
        "user": "1234",
        "ulimits": [{"name": "nofile", "softLimit": 1000, "hardLimit": 2000}],
        "systemControls": [{"namespace": "net.ipv4.ip_unprivileged_port_start", "value": "77"}],
        "readonlyRootFilesystem": True,
        "volumesFrom": [{"sourceContainer": "owner", "readOnly": True}],
        "dependsOn": [{"containerName": "owner", "condition": "START"}],
        "linuxParameters": {
            "initProcessEnabled": True,
            "sharedMemorySize": 32,
            "tmpfs": [{"containerPath": "/scratch", "size": 16}],
            "capabilities": {"drop": ["ALL"]},
        },
        **shared,
    }
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o777)
    plan = world.plan(
        app,
        owner,
        launch_type="EC2",
        hostname="ip-10-0-0-5.ec2.internal",
        resolver="10.0.0.2",
        volumes=({"name": "out", "host": {"sourcePath": str(tmp_path / "out")}}, {"name": "mine"}),
    )
    async with world.agent() as tasks:
        await tasks.apply(plan)
        seen = await world.ear.phase(plan, "STOPPED")
    assert one(seen).exit_code == 0, seen
    assert (tmp_path / "out" / "facts").read_text().splitlines() == [
        "1234",
        "/bin",
        "a b AWS_ECS_EC2",
        "1000",
        "77",
        "docker-init",
        "ip-10-0-0-5.ec2.internal",
        "nameserver 10.0.0.2",
        "32",
        "16",
        "readonly",
        "given",
        "CapEff:\t0000000000000000",
    ]
