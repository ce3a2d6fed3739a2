"""Plans for hosts: what is stored, compiled and published when it is durable.

A plan is not stored: it follows from records, and is compiled again after a restart.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from msgspec.structs import replace

from ecsd.certificates.authority import Authority
from ecsd.certificates.user_secrets import user_secrets
from ecsd.clock import Clock
from ecsd.controllers.controller import Place
from ecsd.decisions.balancers.balancer_plan import compile_balancer
from ecsd.decisions.connect.service_connect_plan import Logs, awaits_certificate, compile_proxy
from ecsd.decisions.dns.health_check import compile_endpoint_check, is_only_seen
from ecsd.decisions.dns.zone_plan import compile_hosted_zone, compile_namespace
from ecsd.decisions.haproxy.observation import is_logged
from ecsd.decisions.services.hook_plan import compile_hook
from ecsd.decisions.tasks.task import STARTING
from ecsd.decisions.tasks.task_plan import Network, Surroundings, compile_task
from ecsd.decisions.tasks.task_roles import roles_of
from ecsd.decisions.vpc.endpoint_plan import compile_endpoint
from ecsd.decisions.vpc.vpc_plan import compile_vpc
from ecsd.records.acm.certificate import Certificate
from ecsd.records.ec2.flow_log import FlowLog
from ecsd.records.ec2.network_acl import NetworkAcl
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.prefix_list import ManagedPrefixList
from ecsd.records.ec2.security_group import SecurityGroup, SecurityGroupRule
from ecsd.records.ec2.volume import Snapshot, Volume
from ecsd.records.ec2.vpc import (
    InternetGateway,
    NatGateway,
    RouteTable,
    Subnet,
    Vpc,
)
from ecsd.records.ec2.vpc_endpoint import EndpointCertificate, VpcEndpoint
from ecsd.records.ec2.vpc_peering import VpcPeeringConnection
from ecsd.records.ecr.repository import Registry
from ecsd.records.ecs.connect_certificate import ConnectCertificate
from ecsd.records.ecs.exec_session import ExecSession
from ecsd.records.ecs.service_deployment import ServiceDeployment
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.efs.file_system import DELETING, FileSystem
from ecsd.records.efs.mount_target import MountTarget
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule
from ecsd.records.elbv2.target_group import Target, TargetGroup
from ecsd.records.elbv2.trust_store import TrustStore, TrustStoreRevocation
from ecsd.records.host import Host
from ecsd.records.iam.session import Session
from ecsd.records.plan import Plan, RegistryPlan, RoleCredentials, RolesPlan, SessionPlan
from ecsd.records.plan_files import FileSystemPlan
from ecsd.records.record import Record
from ecsd.records.route53.health_check import HealthCheck
from ecsd.records.route53.hosted_zone import HostedZone
from ecsd.records.route53.record_set import RecordSet
from ecsd.records.route53.zone_change import INSYNC, ZoneChange
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.namespace import Namespace
from ecsd.records.servicediscovery.service import DiscoveryService
from ecsd.settings import Settings
from ecsd.store.ebs_volumes import ebs_mounts, image_plan
from ecsd.store.efs_mounts import Asking, efs_mounts
from ecsd.store.finders.data_plane import (
    balancer_parts,
    proxy_parts,
    vpc_parts,
)
from ecsd.store.finders.ecr import ecr_images
from ecsd.store.finders.route53 import (
    balancer_called,
    hosted_zone_parts,
)
from ecsd.store.finders.servicediscovery import namespace_parts
from ecsd.store.finders.vpc_endpoint import interfaces_of
from ecsd.store.plan_keys import (
    is_placed,
    plans_of_hosts,
    plans_resting_on,
    sessions_told,
)
from ecsd.store.scope import HOSTS, Scope
from ecsd.store.store import Change, Store, View
from ecsd.store.task_roles import Rules


class Publisher(Protocol):
    """Where plans go: the link's hub."""

    def publish(self, key: str, plan: Plan, host: str | None = None) -> None:
        """Put a plan in force on a host, or on all."""
        ...

    def withdraw(self, key: str) -> None:
        """Take a plan out of force everywhere."""
        ...


class DataPlaneController:
    """Keeps every host's plans equal to what is stored."""

    name = "data_plane"
    watches: Sequence[type[Record]] = (
        Vpc,
        Subnet,
        RouteTable,
        InternetGateway,
        NatGateway,
        SecurityGroup,
        SecurityGroupRule,
        ManagedPrefixList,
        NetworkAcl,
        VpcPeeringConnection,
        FlowLog,
        VpcEndpoint,
        EndpointCertificate,
        NetworkInterface,
        LoadBalancer,
        Listener,
        Rule,
        Certificate,
        TrustStore,
        TrustStoreRevocation,
        TargetGroup,
        Target,
        Namespace,
        DiscoveryService,
        Instance,
        HostedZone,
        RecordSet,
        ZoneChange,
        HealthCheck,
        ConnectCertificate,
        Task,
        ServiceDeployment,
        ExecSession,
        Session,
        Registry,
        FileSystem,
        MountTarget,
        Volume,
        Snapshot,
        Host,
    )

    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        settings: Settings,
        authority: Authority,
        clock: Clock,
    ) -> None:
        self._store = store
        self._clock = clock
        self._rules = Rules.of(settings)
        self._seal = authority.seal
        self._token_key = authority.token_key
        self._registry_name = settings.registry_name
        self._publisher = publisher
        self._logs_endpoint = f"http://{settings.host}:{settings.port}"
        self._api_port = settings.port if settings.inject_endpoint == "on" else 0
        self._lambda_endpoint = settings.lambda_endpoint

    def keys(self, change: Change) -> Iterable[Place]:
        """Return the plans that a change may alter, as the agent names them."""
        if Host in {type(change.before), type(change.after)}:
            yield from plans_of_hosts(self._store)
            return
        if isinstance(change.after, Registry):
            yield change.scope, f"registry/{change.key}"
            return
        if is_only_seen(change.before, change.after):
            return
        if Session in {type(change.before), type(change.after)}:
            yield from sessions_told(change)
            return
        if isinstance(change.after, Task) and is_placed(change):
            yield change.scope, f"roles/{change.after.task_arn}"
        for record in (change.before, change.after):
            if record is not None:
                yield from plans_resting_on(self._store.view(change.scope), record)

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Compile one plan and publish it once all it rests on is durable."""
        view = self._store.view(scope)
        kind, _, name = key.partition("/")
        of_one_host = {
            "task": self._task,
            "connect": self._proxy,
            "roles": self._roles,
            "hook": self._hook,
            "session": self._session,
            "registry": self._registry,
            "endpoint-check": self._endpoint_check,
            "ebs": self._image,
        }
        of_all = {
            "vpc": self._vpc,
            "zone": self._zone,
            "balancer": self._balancer,
            "efs": _file_system,
            "endpoint": self._endpoint,
        }
        if kind in of_one_host:
            plan, host = of_one_host[kind](view, name)
        else:
            plan, host = of_all[kind](view, name), None
        told = view.select(ZoneChange, waiting_zone=name) if kind == "zone" else ()
        await self._store.durable()
        if plan is None:
            self._publisher.withdraw(key)
        else:
            self._publisher.publish(key, plan, host)
        if told:
            async with self._store.transaction(scope) as change:
                change.put(*(replace(one, status=INSYNC) for one in told))
        return None

    def _vpc(self, view: View, vpc_id: str) -> Plan | None:
        parts = vpc_parts(view, vpc_id)
        return None if parts is None else compile_vpc(parts)

    def _endpoint(self, view: View, endpoint_id: str) -> Plan | None:
        """A VPC endpoint, once it has its certificate."""
        endpoint = view.get(VpcEndpoint, endpoint_id)
        certificate = view.get(EndpointCertificate, endpoint_id)
        if endpoint is None or certificate is None:
            return None
        key = self._seal.unseal(certificate.sealed_key, endpoint_id)
        own = interfaces_of(view, endpoint)
        return compile_endpoint(endpoint, view.scope.account, own, certificate, key)

    def _zone(self, view: View, own: str) -> Plan | None:
        """A zone of Route 53 (in the account's own scope), or a namespace of Cloud Map."""
        zone = hosted_zone_parts(view, own)
        if zone is not None:
            return compile_hosted_zone(zone)
        namespace = namespace_parts(view, own)
        return None if namespace is None else compile_namespace(namespace)

    def _balancer(self, view: View, arn: str) -> Plan | None:
        parts = balancer_parts(view, arn)
        if parts is None:
            return None
        keys = {
            one.certificate_arn: self._seal.unseal(one.sealed_key, one.certificate_arn)
            for one in parts.certificates
        }
        users = user_secrets(parts, self._seal)
        plan = compile_balancer(parts, keys, self._lambda_endpoint, users)
        sessions = self._store.view(view.scope.globally()).select(Session, load_balancer_arn=arn)
        if not sessions or not is_logged(plan.attributes):
            return plan
        newest = max(sessions, key=lambda one: one.created_at)
        return replace(plan, log_credentials=self._credentials(newest.arn, newest))

    def _task(self, view: View, arn: str) -> tuple[Plan | None, str | None]:
        task = view.get(Task, arn)
        if task is None or task.last_status == "STOPPED" or task.host is None:
            return None, None
        definition = view.get(TaskDefinition, task.task_definition)
        if definition is None:
            return None, None
        network = _network(view, task)
        if network is None and task.network_interface_id:
            return None, None
        surroundings = Surroundings(*view.scope, self._logs_endpoint, self._api_port)
        images = ecr_images(view, definition.container_definitions, self._registry_name)
        plan = compile_task(task, definition, network, surroundings._replace(ecr_images=images))
        if task.last_status in STARTING:
            home = self._store.view(view.scope.globally())
            asking = Asking(home, self._rules, self._clock.now())
            plan = replace(
                plan,
                efs_mounts=efs_mounts(view, task, definition, asking),
                ebs_mounts=ebs_mounts(view, task, definition, asking),
            )
        return plan, task.host

    def _roles(self, view: View, task_arn: str) -> tuple[Plan | None, str | None]:
        """Once every role that the task names has a session."""
        task = view.get(Task, task_arn)
        if task is None or task.host is None or task.last_status == "STOPPED":
            return None, None
        definition = view.get(TaskDefinition, task.task_definition)
        home = self._store.view(view.scope.globally())
        sessions = sorted(home.select(Session, task_arn=task_arn), key=lambda one: one.created_at)
        newest = {one.purpose: one for one in sessions}
        roles = roles_of(definition, task.overrides, view.scope.account) if definition else ()
        if not roles or {one.purpose for one in roles} - newest.keys():
            return None, None
        given = {one.purpose: self._credentials(one.arn, newest[one.purpose]) for one in roles}
        plan = RolesPlan(task_arn=task_arn, endpoint_key=task.endpoint_key, **given)
        return plan, task.host

    def _credentials(self, arn: str, session: Session) -> RoleCredentials:
        key = session.access_key_id
        return RoleCredentials(
            role_arn=arn,
            access_key_id=key,
            secret_access_key=self._seal.unseal(session.sealed_secret, key),
            token=self._seal.unseal(session.sealed_token or "", key),
            expires_at=session.expires_at,
        )

    def _proxy(self, view: View, task_arn: str) -> tuple[Plan | None, str | None]:
        parts = proxy_parts(view, task_arn)
        if parts is None or parts.task.host is None or parts.task.last_status == "STOPPED":
            return None, None
        if awaits_certificate(parts):
            return None, None
        keys = {
            one.discovery_arn: self._seal.unseal(
                parts.certificates[one.discovery_arn].sealed_key, one.discovery_arn
            )
            for one in parts.task.connect_ports
            if one.tls
        }
        logs = Logs(self._logs_endpoint, view.scope.account, view.scope.region)
        return compile_proxy(parts, keys, logs), parts.task.host

    def _hook(self, view: View, name: str) -> tuple[Plan | None, str | None]:
        """A function is asked by one host, whichever is the first by name."""
        arn, _, hook_id = name.rpartition("|")
        attempt = view.get(ServiceDeployment, arn)
        host = self._first_host()
        if attempt is None or host is None:
            return None, None
        return compile_hook(attempt, hook_id, self._lambda_endpoint), host

    def _session(self, view: View, session_id: str) -> tuple[Plan | None, str | None]:
        session = view.get(ExecSession, session_id)
        if session is None:
            return None, None
        plan = SessionPlan(
            session_id=session_id,
            token=session.token,
            task_arn=session.task_arn,
            runtime_id=session.runtime_id,
            command=session.command,
            account=view.scope.account,
            region=view.scope.region,
            logs_endpoint=self._logs_endpoint,
            log_group=session.log_group,
        )
        return plan, session.host

    def _registry(self, view: View, name: str) -> tuple[Plan | None, str | None]:
        """The registry runs on one host, whichever is the first by name."""
        registry = view.get(Registry, name)
        host = self._first_host()
        if registry is None or host is None:
            return None, None
        plan = RegistryPlan(
            certificate=self._token_key.certificate(),
            secret=self._seal.mark("registry"),
            collection=registry.collection,
        )
        return plan, host

    def _endpoint_check(self, view: View, own: str) -> tuple[Plan | None, str | None]:
        """An endpoint is asked by one host, whichever is the first by name."""
        check = view.get(HealthCheck, own)
        host = self._first_host()
        if check is None or host is None:
            return None, None
        name = check.named_endpoint
        balancer = balancer_called(view, name) if name else None
        entrance = balancer.entrance if balancer else None
        return compile_endpoint_check(check, view.scope.account, entrance), host

    def _first_host(self) -> str | None:
        return min((one.name for one in self._store.view(HOSTS).select(Host)), default=None)

    def _image(self, view: View, image_id: str) -> tuple[Plan | None, str | None]:
        """What no host has yet is made by one of them, whichever is the first by name."""
        plan, host = image_plan(view, image_id)
        host = host or self._first_host()
        return (None, None) if plan is None or host is None else (plan, host)


def _file_system(view: View, own: str) -> Plan | None:
    found = view.get(FileSystem, own)
    if found is None:
        return None
    return FileSystemPlan(
        file_system_arn=found.arn, file_system_id=own, erased=found.state == DELETING
    )


def _network(view: View, task: Task) -> Network | None:
    interface = view.get(NetworkInterface, task.network_interface_id or "")
    vpc = view.get(Vpc, interface.vpc_id) if interface else None
    subnet = view.get(Subnet, interface.subnet_id) if interface else None
    if interface is None or vpc is None or subnet is None:
        return None
    return Network(vpc, subnet, interface)
