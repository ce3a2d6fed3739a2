"""A world for controllers: a real store in memory, virtual time, and an agent that obeys.

The agent here is the observations' door and nothing else: it reports for each task what a host
would, after the time that a test gives it, and can be told to misbehave.
"""

import asyncio
from datetime import timedelta

import pytest

from ecsd.clock import VirtualClock, VirtualLoop
from ecsd.controllers.controller import Controllers
from ecsd.controllers.discovery_instance import InstanceController
from ecsd.controllers.observations import Observations
from ecsd.controllers.reaper import ReaperController
from ecsd.controllers.service.controller import ServiceController
from ecsd.controllers.target_group import TargetGroupController
from ecsd.controllers.task import TaskController
from ecsd.decisions.balancers.balancer_plan import compile_balancer, traffic_digest
from ecsd.decisions.connect.connect_traffic import digest
from ecsd.decisions.invariants.discovery import Discovery, check_discovery
from ecsd.decisions.invariants.ecs import Containers, check_ecs
from ecsd.decisions.services.service_load_balancers import resolve
from ecsd.ids import SeededIds
from ecsd.link.messages import PlanApplied
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.security_group import SecurityGroup
from ecsd.records.ec2.vpc import Subnet, Vpc
from ecsd.records.ecs.cluster import Cluster
from ecsd.records.ecs.service import DeploymentConfiguration, Service
from ecsd.records.ecs.service_deployment import ServiceDeployment, ServiceRevision
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition, TaskDefinitionFamily
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer
from ecsd.records.elbv2.target_group import Target
from ecsd.records.observed import (
    ContainerObserved,
    HookObserved,
    TargetGroupObserved,
    TargetObserved,
    TaskObserved,
)
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.namespace import Namespace
from ecsd.records.servicediscovery.service import DiscoveryService, DnsRecord
from ecsd.store import service_events
from ecsd.store.connect_traffic import shares_reached
from ecsd.store.deploy import deploy
from ecsd.store.finders.data_plane import balancer_parts
from ecsd.store.finders.ecs import revision_of
from ecsd.store.scope import Scope
from ecsd.store.store import Store
from tests.controllers.balancing import (
    BALANCER,
    GROUP,
    LISTENER,
    OTHER_GROUP,
    RULE,
    TEST_LISTENER,
    TEST_RULE,
    listener,
    load_balancer,
    target_group,
)

SCOPE = Scope("000000000000", "us-east-1")
CLUSTER = "arn:aws:ecs:us-east-1:000000000000:cluster/prod"
SERVICE = "arn:aws:ecs:us-east-1:000000000000:service/prod/web"
REGISTRY = "arn:aws:servicediscovery:us-east-1:000000000000:service/srv-1"
REVISIONS = "arn:aws:ecs:us-east-1:000000000000:service-revision/prod/web"
SHOWN = timedelta(hours=1)  # what has ended stays visible so long


async def no_flow_logs(window):
    """Have nobody to tell of flows."""
    raise AssertionError(window)


class World:
    """Everything there is, and verbs for what tests do to it."""

    def __init__(self):
        self.store = Store.in_memory()
        self.clock = VirtualClock()
        self.ids = SeededIds(3)
        self.observations = Observations(self.store, self.clock, self.ids, no_flow_logs)
        self.controllers = Controllers(
            self.store,
            self.clock,
            [
                ServiceController(self.store, self.clock, self.ids),
                TaskController(self.store, self.clock, self.ids, SHOWN),
                TargetGroupController(self.store, self.clock),
                InstanceController(self.store, self.clock, self.ids),
                ReaperController(self.store, self.clock, SHOWN),
            ],
        )
        self.obedient = True  # tasks start, stop and pass their checks as soon as they may
        self.fails_to_start = set()  # task definitions whose tasks never start
        self.crashes = set()  # task definitions whose tasks exit right after their start
        self.digest = "sha256:1"  # what the tag of the image stands for now
        self.deaf_balancer = False  # its host brings nothing into force any more
        self.deaf_proxies = False  # those of tasks lead where they led
        self.unhealthy_targets = set()  # task definitions whose targets fail
        self.watched = []
        self.registries = ()  # of the service's next revisions
        self.connect = None  # their serviceConnectConfiguration

    # ---------------------------------------------------------------- making things

    async def found(self, *, delay=30, health_check=False):
        """A cluster, a VPC, a target group behind a listener, definitions web:1 and web:2."""
        now = self.clock.now()
        container = {
            "name": "app",
            "image": "app:1",
            "essential": True,
            "portMappings": [
                {"name": "http", "containerPort": 80, "hostPort": 80, "protocol": "tcp"}
            ],
        }
        if health_check:
            container["healthCheck"] = {"command": ["CMD", "true"]}
        async with self.store.transaction(SCOPE) as change:
            change.put(
                Vpc(vpc_id="vpc-1", cidr_block="10.0.0.0/16", number=1),
                SecurityGroup(
                    group_id="sg-1", group_name="default", description="", vpc_id="vpc-1"
                ),
                Cluster(name="prod", arn=CLUSTER, created_at=now),
                TaskDefinitionFamily(family="web", last_revision=3),
                load_balancer(now),
                *(target_group(arn, delay) for arn in (GROUP, OTHER_GROUP)),
                *(listener(arn, port) for arn, port in ((LISTENER, 80), (TEST_LISTENER, 81))),
            )
            for number, zone in enumerate("ab"):
                change.put(
                    Subnet(
                        subnet_id=f"subnet-{zone}",
                        vpc_id="vpc-1",
                        cidr_block=f"10.0.{number}.0/24",
                        availability_zone=f"us-east-1{zone}",
                        availability_zone_id=f"use1-az{number + 1}",
                    )
                )
            for revision in (1, 2, 3):
                change.put(
                    TaskDefinition(
                        name=f"web:{revision}",
                        arn=f"arn:aws:ecs:us-east-1:000000000000:task-definition/web:{revision}",
                        family="web",
                        revision=revision,
                        container_definitions=(container,),
                        network_mode="awsvpc",
                        cpu="256",
                        memory="512",
                        registered_at=now,
                        registered_by="me",
                    )
                )
        await self.observations.host_came("host-1", "boot-1")

    async def found_registry(self, *, checked=True, record="A"):
        """A namespace and a Cloud Map service in which the ECS service's tasks register."""
        now = self.clock.now()
        async with self.store.transaction(SCOPE) as change:
            change.put(
                Namespace(
                    namespace_id="ns-1",
                    arn="arn:aws:servicediscovery:us-east-1:000000000000:namespace/ns-1",
                    name="prod.local",
                    http_name="prod.local",
                    type="DNS_PRIVATE",
                    vpc_id="vpc-1",
                    operation_id="o",
                    created_at=now,
                ),
                DiscoveryService(
                    service_id="srv-1",
                    arn=REGISTRY,
                    name="web",
                    namespace_id="ns-1",
                    dns_records=(DnsRecord(type=record, ttl=10),),
                    has_custom_health_check=checked,
                    created_at=now,
                ),
            )
        self.registries = ({"registryArn": REGISTRY, "port": 8080},)

    @property
    def instances(self):
        """What is registered, by task id."""
        return {one.instance_id: one for one in self.view.select(Instance)}

    def new_revision(self, number, balanced, service):
        now = self.clock.now()
        balancer = {"targetGroupArn": GROUP, "containerName": "app", "containerPort": 80}
        shifts = service.deployment_configuration.strategy != "ROLLING"
        if shifts:
            balancer["advancedConfiguration"] = {
                "alternateTargetGroupArn": OTHER_GROUP,
                "productionListenerRule": RULE,
                "testListenerRule": TEST_RULE,
            }
        balancers = (balancer,) if balanced else ()
        serving = service.last_completed
        source = revision_of(self.view, serving).resolved_load_balancers if serving else ()
        return ServiceRevision(
            arn=f"{REVISIONS}/{self.ids.revision_number()}",
            service_arn=SERVICE,
            cluster_arn=CLUSTER,
            task_definition=f"web:{number}",
            task_definition_arn=f"arn:aws:ecs:us-east-1:000000000000:task-definition/web:{number}",
            launch_type="FARGATE",
            network_configuration={
                "subnets": ["subnet-a", "subnet-b"],
                "securityGroups": ["sg-1"],
            },
            load_balancers=balancers,
            resolved_load_balancers=resolve(balancers, source, alternates=shifts),
            service_registries=self.registries,
            service_connect_configuration=self.connect,
            created_at=now,
        )

    async def create_service(self, desired_count, *, balanced=True, **members):
        """A service; ``configuration`` holds members of its DeploymentConfiguration."""
        configuration = DeploymentConfiguration(**members.pop("configuration", {}))
        service = Service(
            arn=SERVICE,
            name="web",
            cluster="prod",
            cluster_arn=CLUSTER,
            desired_count=desired_count,
            deployments=(),
            launch_type="FARGATE",
            deployment_configuration=configuration,
            created_by="me",
            created_at=self.clock.now(),
            **members,
        )
        async with self.store.transaction(SCOPE) as change:
            change.put(self._deployed(change, service, 1, balanced))

    async def deploy(self, number, *, balanced=True):
        """Begin a deployment, as UpdateService does."""
        async with self.store.transaction(SCOPE) as change:
            service = change.get(Service, SERVICE)
            change.put(self._deployed(change, service, number, balanced))

    def _deployed(self, change, service, number, balanced):
        revision = self.new_revision(number, balanced, service)
        return deploy(change, service, revision, self.ids, self.clock.now())

    async def change_service(self, change_one):
        async with self.store.transaction(SCOPE) as change:
            change.put(change_one(change.get(Service, SERVICE)))

    # ---------------------------------------------------------------- looking

    @property
    def view(self):
        return self.store.view(SCOPE)

    @property
    def service(self):
        return self.view.get(Service, SERVICE)

    @property
    def revision(self):
        """What the service is to be."""
        return self.view.get(ServiceRevision, self.service.revision_arn)

    @property
    def attempts(self):
        """Service deployments, oldest first."""
        found = self.view.select(ServiceDeployment)
        return sorted(found, key=lambda one: (one.created_at, one.started_at or one.created_at))

    def weights(self, arn=LISTENER):
        """Return the shares of both groups on a listener, production's if none is named."""
        (action,) = self.view.get(Listener, arn).default_actions
        return [one["Weight"] for one in action["ForwardConfig"]["TargetGroups"]]

    async def answer_hook(self, status, **more):
        """Answer the function that is being asked, as a host would."""
        attempt = self.attempts[-1]
        run = next(one for one in attempt.hooks if one.status == "IN_PROGRESS")
        self.observations.receive(
            "host-1",
            HookObserved(
                deployment_arn=attempt.arn,
                hook_id=run.hook_id,
                call=run.call,
                answer={"hookStatus": status, **more},
            ),
        )
        await self.settle()

    @property
    def tasks(self):
        return self.view.select(Task)

    def live(self, revision=None):
        return [
            one
            for one in self.tasks
            if one.last_status != "STOPPED"
            and one.desired_status == "RUNNING"
            and revision in {None, int(one.task_definition.rpartition(":")[2])}
        ]

    @property
    def events(self):
        return [one.message for one in reversed(service_events.newest_first(self.view, SERVICE))]

    def check(self):
        """Fail on any broken invariant."""
        view = self.view
        findings = list(
            check_ecs(
                Containers(
                    clusters=view.select(Cluster),
                    services=view.select(Service),
                    revisions=view.select(ServiceRevision),
                    service_deployments=view.select(ServiceDeployment),
                    tasks=view.select(Task),
                    task_definitions=view.select(TaskDefinition),
                    families=view.select(TaskDefinitionFamily),
                    interfaces=view.select(NetworkInterface),
                    targets=view.select(Target),
                )
            )
        )
        findings += check_discovery(
            Discovery(
                view.select(Namespace),
                view.select(DiscoveryService),
                view.select(Instance),
                view.select(Task),
                view.select(Service),
            )
        )
        fatal = [one for one in findings if one.severity == "fatal"]
        assert fatal == []

    # ---------------------------------------------------------------- the agent

    def report(self, task, phase, *, health="UNKNOWN", exit_code=None, **more):
        statuses = {"RUNNING": "RUNNING", "STOPPING": "STOPPED", "STOPPED": "STOPPED"}
        self.observations.receive(
            "host-1",
            TaskObserved(
                task_arn=task.task_arn,
                phase=phase,
                interface_attached=phase != "PENDING",
                containers=(
                    ContainerObserved(
                        name="app",
                        status=statuses.get(phase, "PENDING"),
                        health=health,
                        exit_code=exit_code,
                        image_digest=self.digest,
                        image_reference=f"app@{self.digest}",
                    ),
                ),
                **more,
            ),
        )

    def report_target(self, target, state, description=None):
        self.observations.receive(
            "host-1",
            TargetGroupObserved(
                load_balancer_arn=BALANCER,
                target_group_arn=target.target_group_arn,
                targets=(
                    TargetObserved(
                        target_id=target.target_id,
                        port=target.port,
                        state=state,
                        reason=None if state == "healthy" else "Target.ResponseCodeMismatch",
                        description=description,
                    ),
                ),
            ),
        )

    def act(self):
        """Do on the host what plans ask for; return whether there was anything to do."""
        busy = self._apply_traffic() | self._apply_shares()
        for task in self.tasks:
            busy |= self._act_on(task)
        for target in self.view.select(Target):
            task = self.view.get(Task, target.task_arn or "")
            if task and target.state == "initial" and target.draining_since is None:
                failing = task.task_definition in self.unhealthy_targets
                self.report_target(
                    target,
                    "unhealthy" if failing else "healthy",
                    "Health checks failed with these codes: [503]" if failing else None,
                )
                busy = True
        return busy

    def _apply_traffic(self):
        wanted = traffic_digest(compile_balancer(balancer_parts(self.view, BALANCER)))
        if self.view.get(LoadBalancer, BALANCER).traffic == wanted or self.deaf_balancer:
            return False
        self.observations.receive("host-1", PlanApplied(key=f"balancer/{BALANCER}", traffic=wanted))
        return True

    def _apply_shares(self):
        """Let the proxies of running tasks keep to what is stored, and say so."""
        behind = [
            (one, wanted)
            for one in self.tasks
            if one.last_status == "RUNNING"
            and (wanted := digest(shares_reached(self.view, one))) != one.connect_traffic
            and not self.deaf_proxies
        ]
        for task, wanted in behind:
            key = f"connect/{task.task_arn}"
            self.observations.receive("host-1", PlanApplied(key=key, traffic=wanted))
        return bool(behind)

    def _act_on(self, task):
        if task.host is None or task.last_status == "STOPPED":
            return False
        if task.last_status == "STOPPING":
            self.report(task, "STOPPED", exit_code=143)
            return True
        if task.desired_status == "STOPPED":
            return False
        if task.last_status in {"PROVISIONING", "PENDING", "ACTIVATING"}:
            if task.task_definition in self.fails_to_start:
                reason = "CannotPullContainerError: pull image manifest has been retried: not found"
                self.report(task, "STOPPED", stop_code="TaskFailedToStart", stopped_reason=reason)
            else:
                self.report(task, "RUNNING")
            return True
        if task.last_status == "RUNNING" and task.task_definition in self.crashes:
            self.report(
                task,
                "STOPPED",
                exit_code=1,
                stop_code="EssentialContainerExited",
                stopped_reason="Essential container in task exited",
            )
            return True
        return False

    # ---------------------------------------------------------------- time

    async def settle(self):
        """Let everything happen that needs no time; every state in between is watched."""
        while True:
            await self.controllers.settle()
            await self.observations.idle()
            for watch in self.watched:
                watch(self)
            if not (self.obedient and self.act()):
                await self.controllers.settle()
                return
            await self.observations.idle()

    async def pass_time(self, seconds, step=1.0):
        """Let time pass, settling all the while."""
        end = self.clock.now() + timedelta(seconds=seconds)
        while self.clock.now() < end:
            await self.clock.sleep(step)
            await self.settle()


@pytest.fixture
def in_world():
    """Run ``scenario(world)`` in virtual time and check the invariants at its end."""

    def run(scenario):
        async def main():
            world = World()
            async with asyncio.TaskGroup() as group:
                running = [
                    group.create_task(world.controllers.run()),
                    group.create_task(world.observations.run()),
                ]
                await asyncio.sleep(0)
                await scenario(world)
                world.check()
                for task in running:
                    task.cancel()

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(main())

    return run
