"""Service Connect through a service's life: names taken, tasks found, names given up."""

from msgspec.structs import replace

from ecsd.decisions.connect.service_connect_plan import Logs, compile_proxy
from ecsd.decisions.tasks.task_view import show_task
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.task import Task
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.service import DiscoveryService
from ecsd.store.finders.data_plane import proxy_parts
from tests.controllers.conftest import SCOPE, SERVICE

LOGS = Logs("http://logs", "0", "us-east-1")


def offer(alias="web", port=80, **more):
    service = {"portName": "http", "clientAliases": [{"dnsName": alias, "port": port}]} | more
    return {"enabled": True, "namespace": "prod.local", "services": [service]}


async def begin(world, desired=1, **found):
    await world.found(**found)
    await world.found_registry()
    world.registries = ()
    world.connect = offer(discoveryName="front")
    await world.create_service(desired, balanced=False)
    await world.settle()


def owned(world):
    return {one.name: one for one in world.view.select(DiscoveryService, ecs_service_arn=SERVICE)}


def test_a_running_task_is_found_by_its_discovery_name_and_by_its_own_proxy(in_world):
    async def scenario(world):
        await begin(world, 2)
        service = owned(world)["front"]
        assert {one.service_id for one in world.instances.values()} == {service.service_id}
        first, second = world.live()
        plan = compile_proxy(proxy_parts(world.view, first.task_arn), {}, LOGS)
        (name,) = plan.names
        assert (name.name, name.port, name.protocol) == ("web", 80, "tcp")
        assert {one.instance_id for one in name.endpoints} == {first.task_id, second.task_id}
        assert {one.port for one in name.endpoints} == {80}

    in_world(scenario)


def test_a_task_shows_its_proxy_as_an_attachment_and_others_show_none(in_world):
    async def scenario(world):
        await begin(world)
        (task,) = world.live()
        shown = show_task(task, None, None, tags=False)["attachments"][-1]
        assert (shown["type"], shown["status"]) == ("Service Connect", "ATTACHED")
        assert {one["name"]: one["value"] for one in shown["details"]} == {
            "portName": "http",
            "discoveryName": "front",
            "clientAliases": "web:80",
        }
        plain = replace(task, connect_ports=(), connect_names=())
        assert len(show_task(plain, None, None, tags=False)["attachments"]) == 1

    in_world(scenario)


def test_a_task_is_found_once_its_checks_have_passed_and_not_while_they_fail(in_world):
    async def scenario(world):
        world.obedient = False
        await begin(world, health_check=True)
        (task,) = world.live()
        for health, found in (("UNKNOWN", False), ("HEALTHY", True), ("UNHEALTHY", False)):
            world.report(task, "RUNNING", health=health)
            await world.settle()
            assert (task.task_id in world.instances) is found, health

    in_world(scenario)


def test_a_task_is_taken_out_in_a_change_before_its_host_may_signal_it(in_world):
    async def scenario(world):
        await begin(world)
        batches = []

        def watch(changes):
            told = {one.kind for one in changes if one.kind is Instance and one.after is None}
            stopping = [one.after for one in changes if isinstance(one.after, Task)]
            told |= {"STOPPING" for one in stopping if one.last_status == "STOPPING"}
            batches.append(told)

        world.store.watch((Task, Instance), watch)
        await world.change_service(lambda one: replace(one, desired_count=0))
        await world.settle()
        assert batches.index({Instance}) < batches.index({"STOPPING"})

    in_world(scenario)


def test_a_name_that_is_given_up_stays_until_no_task_is_found_by_it(in_world):
    async def scenario(world):
        await begin(world)
        await world.pass_time(60)
        world.connect = offer(discoveryName="back")
        world.obedient = False
        await world.deploy(2, balanced=False)
        await world.settle()
        assert set(owned(world)) == {"front", "back"}
        assert len(world.instances) == 1
        world.obedient = True
        for task in world.live():
            world.report(task, "RUNNING")
        await world.pass_time(120)
        assert set(owned(world)) == {"back"}
        assert len(world.instances) == 1

    in_world(scenario)


def test_a_deleted_service_leaves_nothing_in_the_namespace(in_world):
    async def scenario(world):
        await begin(world, 2)
        await world.change_service(lambda one: replace(one, status="DRAINING", desired_count=0))
        await world.settle()
        assert world.view.get(Service, SERVICE).status == "INACTIVE"
        assert owned(world) == {}
        assert world.instances == {}
        assert world.view.get(DiscoveryService, "srv-1") is not None  # it is the user's

    in_world(scenario)


def test_tasks_know_the_names_of_when_their_deployment_began(in_world):
    async def scenario(world):
        await begin(world)
        revision = world.revision
        other = f"{SERVICE}-other"
        async with world.store.transaction(SCOPE) as change:
            mine = owned(world)["front"]
            made = replace(mine, service_id="srv-9", arn="arn:9", name="other")
            change.put(replace(made, ecs_service_arn=other))
            port = replace(
                revision.service_connect.ports[0], discovery_arn="arn:9", alias_name="other"
            )
            connect = replace(revision.service_connect, ports=(port,))
            change.put(replace(revision, arn="arn:r", service_arn=other, service_connect=connect))
            change.put(
                replace(
                    world.service,
                    arn=other,
                    name="other",
                    revision_arn="arn:r",
                    status="ACTIVE",
                    desired_count=0,
                    deployments=(),
                    deployment_controller="EXTERNAL",
                )
            )
        await world.change_service(lambda one: replace(one, desired_count=2))
        await world.settle()
        assert {one.name for task in world.live() for one in task.connect_names} == {"web"}
        await world.deploy(2, balanced=False)
        await world.settle()
        newest = [one for one in world.live() if one.deployment_id.endswith(_number(world))]
        assert {one.name for task in newest for one in task.connect_names} == {"other", "web"}

    in_world(scenario)


def _number(world):
    return world.service.revision_arn.rpartition("/")[2]
