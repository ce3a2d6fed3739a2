"""Which plans a change may alter, by the names that the agent has for them."""

from collections.abc import Iterable

from ecsd.decisions.services.lifecycle_hook import PAUSE
from ecsd.decisions.services.service_deployment import is_open
from ecsd.records.acm.certificate import Certificate
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.security_group import SecurityGroupRule
from ecsd.records.ec2.volume import Snapshot, Volume
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.ec2.vpc_endpoint import EndpointCertificate, VpcEndpoint
from ecsd.records.ecr.repository import Registry
from ecsd.records.ecs.connect_certificate import ConnectCertificate
from ecsd.records.ecs.exec_session import ExecSession
from ecsd.records.ecs.service_deployment import ServiceDeployment
from ecsd.records.ecs.task import Task
from ecsd.records.efs.file_system import FileSystem
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule
from ecsd.records.elbv2.target_group import Target, TargetGroup
from ecsd.records.elbv2.trust_store import TrustStore, TrustStoreRevocation
from ecsd.records.iam.session import Session
from ecsd.records.record import Record
from ecsd.records.route53.health_check import HealthCheck
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.namespace import Namespace
from ecsd.records.servicediscovery.service import DiscoveryService
from ecsd.store.ebs_volumes import unfinished_images
from ecsd.store.finders.acm import users_of
from ecsd.store.finders.data_plane import vpcs_resting_on
from ecsd.store.finders.elbv2 import balancers_of_group, listeners_of_trust_store
from ecsd.store.finders.route53 import endpoints_named, zones_resting_on
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store, View

Place = tuple[Scope, str]  # a plan's scope, and its name


def plans_of_hosts(store: Store) -> Iterable[Place]:
    """Yield the plans of what one host does for all: which it is may change with the hosts."""
    for scope, attempt in store.everywhere(ServiceDeployment):
        if is_open(attempt):
            yield from ((scope, key) for key in _hooks_of(attempt))
    for scope, one in store.everywhere(Registry):
        yield scope, f"registry/{one.key}"
    for scope, check in store.everywhere(HealthCheck):
        yield scope, f"endpoint-check/{check.key}"
    for scope in {scope for kind in (Volume, Snapshot) for scope, _ in store.everywhere(kind)}:
        for image_id in unfinished_images(store.view(scope)):
            yield scope, f"ebs/{image_id}"


def plans_resting_on(view: View, record: Record) -> Iterable[Place]:
    """Yield the plans that rest on a record, in its scope or in its account's global one."""
    yield from ((view.scope, key) for key in _plans_of(view, record))
    for own in endpoints_named(view, record):
        yield view.scope.globally(), f"endpoint-check/{own}"
    for zone_id in zones_resting_on(view, record):
        yield view.scope.globally(), f"zone/{zone_id}"


def sessions_told(change: Change) -> Iterable[Place]:
    """Yield the plan of a task, or balancer, that has a session, new or ended."""
    for record in (change.after or change.before,):
        if isinstance(record, Session) and record.task_arn is not None:
            yield Scope.of_arn(record.task_arn), f"roles/{record.task_arn}"
        if isinstance(record, Session) and record.load_balancer_arn is not None:
            arn = record.load_balancer_arn
            yield Scope.of_arn(arn), f"balancer/{arn}"


def is_placed(change: Change) -> bool:
    """Tell whether a task's host, or whether it has stopped, has changed."""
    before, after = change.before, change.after
    return (
        not isinstance(before, Task)
        or not isinstance(after, Task)
        or (before.host, before.last_status == "STOPPED")
        != (after.host, after.last_status == "STOPPED")
    )


def _hooks_of(attempt: ServiceDeployment) -> list[str]:
    asked = [one for one in attempt.hooks if one.target_type != PAUSE]
    return [f"hook/{attempt.arn}|{one.hook_id}" for one in asked]


def _plans_of(view: View, record: Record) -> Iterable[str]:
    """Yield the plans that rest on a record."""
    match record:
        case Task():
            yield from _of_task(record)
        case NetworkInterface(interface_type="vpc_endpoint"):
            yield f"endpoint/{record.owner}"
        case VpcEndpoint() | EndpointCertificate():
            yield f"endpoint/{record.vpc_endpoint_id}"
        case SecurityGroupRule():
            for balancer in view.select(LoadBalancer, security_groups=record.group_id):
                yield f"balancer/{balancer.load_balancer_arn}"
        case LoadBalancer() | Listener() | Rule() | TargetGroup() | Target():
            yield from _with_vpcs(view, _balancers_of(view, record))
        case Certificate() | TrustStore() | TrustStoreRevocation():
            yield from _with_vpcs(view, _balancers_trusting(view, record))
        case Namespace() | DiscoveryService() | Vpc() | Instance() | ConnectCertificate():
            yield from (f"zone/{one}" for one in _namespaces_of(view, record))
            yield from (f"connect/{one.task_arn}" for one in _tasks_to_tell(view, record))
        case _:
            yield from _own_plans(record)
    yield from (f"vpc/{one}" for one in vpcs_resting_on(view, record))


def _own_plans(record: Record) -> Iterable[str]:
    """Return the plans that are one record's; what lies in a VPC has none."""
    match record:
        case ServiceDeployment():
            return _hooks_of(record)
        case ExecSession():
            return (f"session/{record.session_id}",)
        case FileSystem():
            return (f"efs/{record.file_system_id}",)
        case HealthCheck():
            return (f"endpoint-check/{record.health_check_id}",)
        case Volume():
            return (f"ebs/{record.volume_id}",)
        case Snapshot():
            return (f"ebs/{record.snapshot_id}", f"ebs/{record.volume_id}")
        case _:
            return ()


def _of_task(task: Task) -> Iterable[str]:
    yield f"task/{task.task_arn}"
    if task.is_connected:
        yield f"connect/{task.task_arn}"


def _tasks_to_tell(view: View, record: Record) -> list[Task]:
    """Return the tasks whose proxies lead to a service's instances, or handle a certificate."""
    match record:
        case DiscoveryService(ecs_service_arn=str()):
            return view.select(Task, reached_services=record.arn)
        case Instance():
            service = view.get(DiscoveryService, record.service_id)
            if service is None or service.ecs_service_arn is None:
                return []
            return view.select(Task, reached_services=service.arn)
        case ConnectCertificate():
            arn = record.discovery_arn
            offering = view.select(Task, offered_services=arn)
            return [*view.select(Task, reached_services=arn), *offering]
        case _:
            return []


def _with_vpcs(view: View, arns: Iterable[str]) -> Iterable[str]:
    """Yield load balancers' plans, and VPCs in which a network one's name depends on targets."""
    for arn in arns:
        yield f"balancer/{arn}"
        balancer = view.get(LoadBalancer, arn)
        if balancer is not None and balancer.type == "network":
            yield f"vpc/{balancer.vpc_id}"


def _balancers_of(
    view: View, record: LoadBalancer | Listener | Rule | TargetGroup | Target
) -> Iterable[str]:
    """Return the ARNs of the load balancers that a part belongs to."""
    match record:
        case LoadBalancer() | Listener():
            return (record.load_balancer_arn,)
        case Rule():
            listener = view.get(Listener, record.listener_arn)
            return (listener.load_balancer_arn,) if listener else ()
        case TargetGroup() | Target():
            return balancers_of_group(view, record.target_group_arn)


def _balancers_trusting(
    view: View, record: Certificate | TrustStore | TrustStoreRevocation
) -> Iterable[str]:
    """Return the ARNs of the load balancers that show a certificate, or verify clients'."""
    if isinstance(record, Certificate):
        return users_of(view, record.certificate_arn)
    listeners = listeners_of_trust_store(view, record.trust_store_arn)
    return sorted({one.load_balancer_arn for one in listeners})


def _namespaces_of(view: View, record: Record) -> Iterable[str]:
    """Return the ids of the namespaces that a record has a part in."""
    match record:
        case Namespace() | DiscoveryService():
            return (record.namespace_id,)
        case Instance():
            service = view.get(DiscoveryService, record.service_id)
            return (service.namespace_id,) if service else ()
        case Vpc():
            return [one.namespace_id for one in view.select(Namespace, vpc_id=record.vpc_id)]
        case _:
            return ()
