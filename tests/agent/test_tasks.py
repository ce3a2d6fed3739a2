"""A task's life against an Engine of records, in virtual time."""

import socket

import pytest
from msgspec.structs import replace

from ecsd.agent.containers.log_credentials import ADDRESS, PORT
from ecsd.agent.drivers.engine import EngineAwayError
from ecsd.errors import EngineError
from ecsd.link.messages import HostFaults
from tests.agent.task_world import ARN, PAUSE, World, plan


def test_a_task_goes_through_its_life(live):
    async def scenario(world):
        await world.apply(plan())
        assert world.last().phase == "RUNNING"
        assert world.one().image_digest == "sha256:feed"
        assert world.networks.attached == [(ARN, "/sandbox")]
        await world.apply(plan(desired_status="STOPPED"))
        assert world.last().phase == "STOPPED"
        assert (world.one().exit_code, world.last().stop_code) == (0, None)
        assert world.phases() == ["PENDING", "ACTIVATING", "RUNNING", "STOPPING", "STOPPED"]
        assert PAUSE not in [world.engine._name(key) for key in world.engine.labels]
        await world.tasks.remove(ARN)
        assert await world.tasks.present() == set()

    live(scenario)


def test_a_fault_of_our_own_is_shown_and_the_task_begun_again(live):
    async def scenario(world):
        create = world.engine.create

        async def broken(name, body):
            raise ValueError("a bug")

        def faults():
            return [one.faults for one in world.heard if isinstance(one, HostFaults)][-1]

        world.engine.create = broken
        await world.apply(plan())
        assert "a bug" in faults()[ARN]
        world.engine.create = create
        await world.clock.advance(2)
        assert world.last().phase == "RUNNING"
        await world.clock.advance(10)
        assert ARN not in faults()

    live(scenario)


def test_a_taken_port_for_log_credentials_is_told_and_tried_again(tmp_path, run_virtual):
    async def scenario():
        world = World(tmp_path)
        world.settings = replace(world.settings, instance=3)
        taken = socket.create_server((ADDRESS, PORT + 3))
        async with world.agent():
            assert "address already in use" in world.heard[-1].faults["awslogs"]
            taken.close()
            await world.clock.advance(2)
            assert world.heard[-1] == HostFaults(faults={})

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("storage", "wanted", "words"),
    [
        ("/", 0, None),
        ("/", 10**9, "1000000000 GiB are wanted"),
        ("/no/such/folder", 21, "the Engine's folder cannot be looked at: "),
    ],
)
def test_ephemeral_storage_is_there_when_a_task_starts_or_it_says_why_not(
    live, storage, wanted, words
):
    async def scenario(world):
        world.tasks._host.storage = storage
        await world.apply(plan(ephemeral_storage=wanted))
        last = world.last()
        if words is None:
            assert last.phase == "RUNNING"
            return
        assert (last.phase, last.stop_code) == ("STOPPED", "TaskFailedToStart")
        start = "ResourceInitializationError: failed to provide ephemeral storage: "
        assert last.stopped_reason.startswith(start + words)

    live(scenario)


def test_a_pruned_pause_image_is_made_anew(live):
    async def scenario(world):
        world.engine.images.discard("ecsd/pause:1")
        await world.apply(plan())
        assert world.last().phase == "RUNNING"

    live(scenario)


def test_the_same_plan_twice_changes_nothing(live):
    async def scenario(world):
        await world.apply(plan())
        before = (list(world.engine.calls), list(world.heard))
        await world.apply(plan())
        assert (world.engine.calls, world.heard) == before

    live(scenario)


def test_containers_are_created_while_the_pause_starts(live):
    async def scenario(world):
        await world.apply(plan())
        calls = world.engine.calls
        assert calls.index(("create", "app")) < calls.index(("inspect", "id-ecsd-0123-pause"))

    live(scenario)


def test_an_image_that_is_here_is_not_pulled_and_another_only_once(live):
    async def scenario(world):
        world.engine.registry.add("far:1")
        far = {"image": "far:1"}
        await world.apply(plan({"name": "app"}, {"name": "b", **far}, {"name": "c", **far}), 5)
        assert world.last().phase == "RUNNING"
        assert [call for call in world.engine.calls if call[0] == "pull"] == [("pull", "far:1")]

    live(scenario)


def test_an_image_that_no_registry_has(live):
    async def scenario(world):
        await world.apply(plan({"name": "app", "image": "no:1"}), 5)
        assert world.last().phase == "STOPPED"
        assert world.last().stop_code == "TaskFailedToStart"
        assert world.last().stopped_reason == world.one().reason
        assert world.one().reason.startswith("CannotPullContainerError: ")
        assert "RUNNING" not in world.phases()

    live(scenario)


@pytest.mark.parametrize(
    ("platform", "phase"), [("linux/amd64", "RUNNING"), ("linux/arm64", "STOPPED")]
)
def test_an_image_for_another_cpu_is_not_run(live, platform, phase):
    async def scenario(world):
        world.engine.registry |= world.engine.images
        await world.apply(plan(platform=platform), 5)
        assert world.last().phase == phase
        if phase == "STOPPED":
            assert "does not contain descriptor matching platform" in world.last().stopped_reason

    live(scenario)


def test_on_ec2_the_container_carries_the_cause(live):
    async def scenario(world):
        world.engine.refusals["start", "app"] = "no such device"
        await world.apply(plan(launch_type="EC2"))
        assert world.last().stopped_reason == "Task failed to start"
        assert world.one().reason.startswith("CannotStartContainerError: ")
        assert world.one().reason.endswith("no such device")

    live(scenario)


def test_an_interface_that_cannot_be_attached_ends_the_task(live):
    async def scenario(world):
        world.networks.words = "no such VPC"
        await world.apply(plan(), 30)
        assert world.last().stop_code == "TaskFailedToStart"
        assert "no such VPC" in world.last().stopped_reason
        assert world.started() == [PAUSE]

    live(scenario)


def test_a_vpc_that_is_on_its_way_is_waited_for(live):
    async def scenario(world):
        world.networks.words = "no such VPC"
        await world.apply(plan(), 5)
        assert (world.last().phase, world.last().interface_attached) == ("ACTIVATING", False)
        world.networks.words = None
        await world.clock.advance(3)
        assert (world.last().phase, world.last().interface_attached) == ("RUNNING", True)

    live(scenario)


def test_a_stop_while_waiting_for_the_interface_ends_at_once(live):
    async def scenario(world):
        world.networks.words = "no such VPC"
        await world.apply(plan())
        await world.apply(plan(desired_status="STOPPED"), 1)
        assert (world.last().phase, world.last().stop_code) == ("STOPPED", None)

    live(scenario)


def test_a_removal_while_the_engine_is_away_is_refused_to_be_tried_again(live):
    async def scenario(world):
        await world.apply(plan())
        world.engine.hang_up()
        await world.clock.advance(1)
        with pytest.raises(EngineAwayError):
            await world.tasks.remove(ARN)
        world.engine.away = False
        await world.clock.advance(5)
        await world.tasks.remove(ARN)
        assert await world.tasks.present() == set()

    live(scenario)


@pytest.mark.parametrize("call", ["create", "start"])
def test_a_pause_that_cannot_be_had_ends_the_task(live, call):
    async def scenario(world):
        world.engine.refusals[call, PAUSE] = "disk full"
        await world.apply(plan())
        assert world.last().phase == "STOPPED"
        assert world.last().stopped_reason == "CannotStartContainerError: disk full"

    live(scenario)


def test_a_volume_that_is_not_there_ends_the_task(live):
    async def scenario(world):
        volume = {"name": "v", "dockerVolumeConfiguration": {"scope": "shared"}}
        mounted = {"name": "app", "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]}
        await world.apply(plan(mounted, volumes=(volume,)))
        assert world.last().stopped_reason.startswith("CannotCreateVolumeError: ")
        assert world.started() in ([], [PAUSE])

    live(scenario)


def test_volumes_of_efs_are_there_before_containers_and_go_after_them(live):
    async def scenario(world):
        volume = {"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}
        mounted = {"name": "app", "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]}
        await world.apply(plan(mounted, volumes=(volume,)))
        assert world.last().phase == "RUNNING"
        assert world.volumes.calls == [("provide", ARN)]
        body = next(one for one in world.engine.bodies.values() if one["Image"] == "app:1")
        assert body["HostConfig"]["Binds"] == ["/efs/0123/v:/v:rw,rslave"]
        await world.apply(plan(mounted, volumes=(volume,), desired_status="STOPPED"))
        assert world.last().phase == "STOPPED"
        assert world.volumes.calls == [("provide", ARN), ("release", ARN)]

    live(scenario)


def test_a_volume_of_efs_that_cannot_be_mounted_ends_the_task(live):
    async def scenario(world):
        world.volumes.words = "ResourceInitializationError: failed to invoke EFS utils"
        volume = {"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}
        await world.apply(plan(volumes=(volume,)))
        assert world.last().stopped_reason == world.volumes.words
        assert world.started() in ([], [PAUSE])
        assert ("release", ARN) in world.volumes.calls

    live(scenario)


def test_what_this_host_cannot_do_is_told(live):
    async def scenario(world):
        await world.apply(plan(network_mode="bridge"))
        assert world.last().stop_code == "TaskFailedToStart"
        assert "network mode bridge" in world.last().stopped_reason

    live(scenario)


def test_on_ec2_the_containers_say_why_a_task_cannot_start(live):
    async def scenario(world):
        await world.apply(plan(network_mode="bridge", launch_type="EC2"))
        last = world.last()
        assert (last.phase, last.stopped_reason) == ("STOPPED", "Task failed to start")
        assert "network mode bridge" in world.one().reason

    live(scenario)


def test_an_essential_exit_stops_the_others_dependents_first(live):
    async def scenario(world):
        after = [{"containerName": "db", "condition": "START"}]
        trio = ({"name": "web", "dependsOn": after}, {"name": "db"}, {"name": "dying"})
        await world.apply(plan(*trio))
        world.engine.exit("dying", 9)
        await world.clock.advance(2)
        assert world.last().phase == "STOPPED"
        assert world.last().stop_code == "EssentialContainerExited"
        assert world.stopped() == ["web", "db"]
        assert world.one("dying").exit_code == 9

    live(scenario)


def test_what_a_failed_container_said_last_is_told_with_its_end(live):
    async def scenario(world):
        await world.apply(plan({"name": "app"}, {"name": "side", "essential": False}))
        world.engine.said = {"app": [f"line {number}" for number in range(30)], "side": ["ok"]}
        world.engine.said["app"][-1] = "x" * 10_000
        await world.clock.advance(5)
        world.engine.exit("side", 0)
        world.engine.exit("app", 3)
        await world.clock.advance(10)
        app, side = world.last().containers
        assert world.last().phase == "STOPPED"
        assert app.last_lines[0] == "line 20"
        assert len(app.last_lines) == 10
        assert len(app.last_lines[-1]) == 400
        assert app.ran_seconds == pytest.approx(6, abs=1)
        assert side.last_lines == ()

    live(scenario)


def test_out_of_memory_is_told_from_a_kill(live):
    async def scenario(world):
        await world.apply(plan({"name": "app"}, {"name": "b"}))
        world.engine.exit("app", 137, oom=True)
        await world.clock.advance(2)
        assert world.one().reason == "OutOfMemoryError: Container killed due to memory usage"
        assert world.one("b").reason is None

    live(scenario)


def test_health_gates_dependents_and_is_reported(live):
    async def scenario(world):
        after = [{"containerName": "db", "condition": "HEALTHY"}]
        await world.apply(plan({"name": "app", "dependsOn": after}, {"name": "db"}))
        assert world.last().phase == "ACTIVATING"
        assert "app" not in world.started()
        world.engine.become("db", "HEALTHY")
        await world.clock.advance(2)
        assert world.last().phase == "RUNNING"
        world.engine.become("db", "UNHEALTHY")
        await world.clock.advance(1)
        assert (world.last().phase, world.one("db").health) == ("RUNNING", "UNHEALTHY")

    live(scenario)


def test_the_dependencys_start_timeout_bounds_the_wait(live):
    async def scenario(world):
        after = [{"containerName": "db", "condition": "HEALTHY"}]
        slow = {"name": "db", "startTimeout": 60}
        await world.apply(plan({"name": "app", "dependsOn": after}, slow), 58)
        assert world.last().phase == "ACTIVATING"
        await world.clock.advance(5)
        assert world.last().phase == "STOPPED"
        assert world.one().reason.endswith("[db] has timed out: HEALTHY")
        assert world.last().stop_code == "TaskFailedToStart"

    live(scenario)


def test_a_policy_restarts_a_container_that_ran_long_enough(live):
    async def scenario(world):
        policy = {"enabled": True, "restartAttemptPeriod": 60, "ignoredExitCodes": [5]}
        await world.apply(plan({"name": "app", "restartPolicy": policy}))
        await world.clock.advance(60)
        world.engine.exit("app", 1)
        await world.clock.advance(1)
        assert (world.last().phase, world.one().status) == ("RUNNING", "RUNNING")
        world.engine.exit("app", 1)  # too soon
        await world.clock.advance(1)
        assert world.last().stop_code == "EssentialContainerExited"
        assert world.started().count("app") == 2

    live(scenario)


def test_an_engine_that_hangs_is_told_and_later_forgotten(live):
    async def scenario(world):
        await world.apply(plan())
        world.engine.hangs = True
        other = ARN[:-1] + "4"
        await world.apply(plan(task_arn=other), 70)
        assert "no answer" in world.last(other).stopped_reason
        faults = [one.faults for one in world.heard if isinstance(one, HostFaults)]
        assert "deadlocked" in faults[-1]["engine networks"]
        world.engine.hangs = False
        await world.clock.advance(80)
        faults = [one.faults for one in world.heard if isinstance(one, HostFaults)]
        assert "engine networks" not in faults[-1]
        assert world.last(other).phase == "STOPPED"
        assert world.last().phase == "RUNNING"

    live(scenario)


def test_a_container_that_never_starts_times_out_in_awss_words(live):
    async def scenario(world):
        after = [{"containerName": "db", "condition": "HEALTHY"}]
        await world.apply(plan({"name": "app", "dependsOn": after}, {"name": "db"}))
        world.engine.hangs = True
        world.engine.become("db", "HEALTHY")
        await world.clock.advance(65)
        assert world.one().reason == (
            "ContainerRuntimeTimeoutError: Could not transition to running; "
            "timed out after waiting 1m0s"
        )

    live(scenario)


def test_a_stop_while_pulling_ends_at_once(live):
    async def scenario(world):
        world.engine.registry.add("far:1")
        world.engine.seconds = 30
        await world.apply(plan({"name": "app", "image": "far:1"}), 100)
        world.engine.seconds = 0.1
        await world.apply(plan({"name": "app", "image": "far:1"}, desired_status="STOPPED"), 35)
        assert world.last().phase == "STOPPED"
        assert world.started() == [PAUSE]

    live(scenario)


def test_stop_timeout_is_honoured(live):
    async def scenario(world):
        await world.apply(plan({"name": "app", "stopTimeout": 20}))
        world.engine.deaf.add("app")
        await world.apply(plan({"name": "app", "stopTimeout": 20}, desired_status="STOPPED"), 19)
        assert world.last().phase == "STOPPING"
        await world.clock.advance(3)
        assert (world.last().phase, world.one().exit_code) == ("STOPPED", 137)
        assert world.one().reason is None

    live(scenario)


def test_remove_everything_leaves_nothing(live):
    async def scenario(world):
        volume = {"name": "v"}
        mounted = {"name": "app", "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]}
        await world.apply(plan(mounted, volumes=(volume,)))
        assert world.engine.volumes_made
        await world.tasks.remove_everything()
        assert (world.engine.labels, world.engine.volumes_made) == ({}, {})
        assert "ecsd/pause:1" not in world.engine.images

    live(scenario)


def test_what_the_engine_refuses_to_remove_is_told_and_the_rest_goes(live):
    async def scenario(world):
        other = ARN[:-1] + "4"
        await world.apply(plan({"name": "stuck"}))
        await world.apply(plan({"name": "loose"}, task_arn=other))
        world.engine.refusals["remove", "stuck"] = "device is busy"
        with pytest.raises(EngineError, match=r"0123: device is busy"):
            await world.tasks.remove_everything()
        names = {world.engine._name(key) for key in world.engine.labels}
        assert names == {"stuck", PAUSE}

    live(scenario)


def test_one_tasks_fault_does_not_end_the_others(live):
    async def scenario(world):
        other = ARN[:-1] + "4"
        await world.apply(plan({"name": "app", "healthCheck": {"command": None}}, task_arn=other))
        await world.apply(plan())
        assert world.last().phase == "RUNNING"

    live(scenario)


def test_replaced_plans_keep_the_first_cause(live):
    async def scenario(world):
        await world.apply(plan({"name": "app"}, {"name": "b", "stopTimeout": 10}))
        world.engine.deaf.add("b")
        world.engine.exit("app", 1)
        await world.clock.advance(1)
        await world.apply(
            replace(plan({"name": "app"}, {"name": "b"}), desired_status="STOPPED"), 15
        )
        assert world.last().stop_code == "EssentialContainerExited"

    live(scenario)
