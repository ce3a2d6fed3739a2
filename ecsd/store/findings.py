"""The invariant checker over a whole store: tests, the crash test and ``ecsd doctor`` call it."""

from collections.abc import Iterator, Mapping

from ecsd.decisions.invariants.balancing import Balancing, check_balancing, check_entrances
from ecsd.decisions.invariants.discovery import Discovery, check_discovery
from ecsd.decisions.invariants.ecs import Containers, check_ecs
from ecsd.decisions.invariants.files import Files, check_disks, check_files
from ecsd.decisions.invariants.finding import Finding
from ecsd.decisions.invariants.images import Repositories, check_images
from ecsd.decisions.invariants.logs import Logging, check_log_disk, check_logs
from ecsd.decisions.invariants.network import check_network, check_vpc_numbers
from ecsd.decisions.invariants.objects import Objects, check_objects
from ecsd.decisions.invariants.stored_values import StoredValues, check_stored_values
from ecsd.decisions.invariants.zones import Zones, check_zones
from ecsd.records.acm.certificate import Certificate
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.volume import Volume
from ecsd.records.ec2.vpc import (
    Vpc,
)
from ecsd.records.ecr.image import Image
from ecsd.records.ecr.repository import Repository
from ecsd.records.ecs.cluster import Cluster
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.service_deployment import ServiceDeployment, ServiceRevision
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition, TaskDefinitionFamily
from ecsd.records.efs.access_point import AccessPoint
from ecsd.records.efs.file_system import FileSystem
from ecsd.records.efs.mount_target import MountTarget
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule
from ecsd.records.elbv2.target_group import Target, TargetGroup
from ecsd.records.elbv2.trust_store import TrustStore, TrustStoreRevocation
from ecsd.records.kms.key import Alias, Key
from ecsd.records.logs.log_filter import MetricFilter, SubscriptionFilter, SubscriptionProgress
from ecsd.records.logs.log_group import LogGroup, LogStream
from ecsd.records.logs.logs_shed import LogsShed
from ecsd.records.logs.storage_to_free import StorageToFree
from ecsd.records.route53.hosted_zone import HostedZone
from ecsd.records.route53.record_set import RecordSet
from ecsd.records.s3.bucket import Bucket
from ecsd.records.s3.stored_object import MultipartUpload, StoredObject, UploadPart
from ecsd.records.secretsmanager.secret import Secret, SecretVersion
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.namespace import Namespace
from ecsd.records.servicediscovery.service import DiscoveryService
from ecsd.records.ssm.parameter import Parameter, ParameterVersion
from ecsd.store.finders.ec2 import network_of
from ecsd.store.store import Store, View


def all_findings(store: Store, damaged: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Yield everything that contradicts itself, in every account and region.

    damaged: blob → what is wrong with it, of the blob store.
    """
    yield from check_vpc_numbers([vpc for _, vpc in store.everywhere(Vpc)])
    yield from check_entrances([one for _, one in store.everywhere(LoadBalancer)])
    yield from check_log_disk([one for _, one in store.everywhere(LogsShed)])
    for scope in store.scopes():
        view = store.view(scope)
        yield from check_network(network_of(view))
        yield from check_ecs(_containers(view))
        yield from check_balancing(_balancing(view))
        yield from check_discovery(
            Discovery(
                view.select(Namespace),
                view.select(DiscoveryService),
                view.select(Instance),
                view.select(Task),
                view.select(Service),
            )
        )
        yield from check_images(Repositories(view.select(Repository), view.select(Image)))
        yield from check_zones(Zones(view.select(HostedZone), view.select(RecordSet)))
        yield from check_objects(
            Objects(
                view.select(Bucket),
                view.select(StoredObject),
                view.select(MultipartUpload),
                view.select(UploadPart),
                damaged or {},
            )
        )
        yield from check_files(
            Files(
                view.select(FileSystem),
                view.select(MountTarget),
                view.select(AccessPoint),
                view.select(NetworkInterface),
            )
        )
        yield from check_disks(view.select(Volume), view.select(Task))
        yield from check_logs(
            Logging(
                view.select(LogGroup),
                view.select(LogStream),
                view.select(StorageToFree),
                [*view.select(MetricFilter), *view.select(SubscriptionFilter)],
                view.select(SubscriptionProgress),
            )
        )
        yield from check_stored_values(
            StoredValues(
                view.select(Key),
                view.select(Alias),
                view.select(Parameter),
                view.select(ParameterVersion),
                view.select(Secret),
                view.select(SecretVersion),
            )
        )


def _containers(view: View) -> Containers:
    return Containers(
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


def _balancing(view: View) -> Balancing:
    return Balancing(
        load_balancers=view.select(LoadBalancer),
        listeners=view.select(Listener),
        rules=view.select(Rule),
        target_groups=view.select(TargetGroup),
        targets=view.select(Target),
        interfaces=view.select(NetworkInterface),
        certificates=view.select(Certificate),
        trust_stores=view.select(TrustStore),
        revocations=view.select(TrustStoreRevocation),
    )
