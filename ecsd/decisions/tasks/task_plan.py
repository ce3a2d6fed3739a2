"""What a host is told of a task: record and definition made into a plan."""

from collections.abc import Mapping
from ipaddress import IPv4Network
from types import MappingProxyType
from typing import NamedTuple

from msgspec.structs import replace

from ecsd.decisions.connect.service_connect_plan import addresses
from ecsd.decisions.tasks.task import RANK
from ecsd.decisions.tasks.task_overrides import with_overrides
from ecsd.decisions.tasks.task_roles import EXECUTION, TASK, roles_of
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.vpc import Subnet, Vpc
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.plan import NON_BLOCKING, TaskMetadata, TaskPlan

PLATFORMS = {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}  # as the Engine names them


class Network(NamedTuple):
    """Where an awsvpc task's interface lies."""

    vpc: Vpc
    subnet: Subnet
    interface: NetworkInterface


class Surroundings(NamedTuple):
    """Where a task belongs, and where the API is. api_port: for its containers; 0: not told.

    ecr_images: container → its image at ECR's registry here.
    """

    account: str
    region: str
    endpoint: str
    api_port: int = 0
    ecr_images: Mapping[str, str] = MappingProxyType({})


def compile_task(
    task: Task,
    definition: TaskDefinition,
    network: Network | None,
    surroundings: Surroundings,
) -> TaskPlan:
    """Return the plan; a task may be signalled only once it has reached STOPPING."""
    account, region = surroundings.account, surroundings.region
    roles = roles_of(definition, task.overrides, account) if task.endpoint_key else ()
    purposes = {one.purpose for one in roles}
    plan = TaskPlan(
        task_arn=task.task_arn,
        task_id=task.task_id,
        cluster=task.cluster,
        account=account,
        region=region,
        family=definition.family,
        revision=definition.revision,
        desired_status="STOPPED" if RANK[task.last_status] >= RANK["STOPPING"] else "RUNNING",
        started=RANK[task.last_status] >= RANK["RUNNING"],
        launch_type=task.launch_type or "FARGATE",
        containers=tuple(with_overrides(definition, task.overrides)),
        image_references=task.image_references,
        volumes=definition.volumes,
        fault_injection=bool(definition.enable_fault_injection),
        cpu=int(task.cpu) if task.cpu else None,
        memory=int(task.memory) if task.memory else None,
        ephemeral_storage=task.ephemeral_storage,
        log_driver_mode=task.log_driver_mode or NON_BLOCKING,
        platform=PLATFORMS.get((definition.runtime_platform or {}).get("cpuArchitecture", "")),
        network_mode=definition.network_mode or "bridge",
        pid_mode=definition.pid_mode,
        ipc_mode=definition.ipc_mode,
        logs_endpoint=surroundings.endpoint,
        ecr_images=dict(surroundings.ecr_images),
        connect_hosts=addresses(task.connect_names),
        proxied=task.is_connected,
        api_port=surroundings.api_port,
        endpoint_key=task.endpoint_key,
        task_role=TASK in purposes,
        execution_role=EXECUTION in purposes,
        metadata=TaskMetadata(
            cluster_arn=task.cluster_arn,
            availability_zone=task.availability_zone,
            service_name=_service_name(task),
            container_arns={one.name: one.container_arn for one in task.containers},
            tags={one.key: one.value for one in task.tags},
        ),
    )
    return plan if network is None else _in_network(plan, network, region)


def _service_name(task: Task) -> str | None:
    return task.service_arn.rpartition("/")[2] if task.service_arn else None


def _in_network(plan: TaskPlan, network: Network, region: str) -> TaskPlan:
    vpc, subnet, interface = network
    cidr = IPv4Network(subnet.cidr_block)
    address = interface.private_ip_address
    domain = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    changes = {
        "vpc_id": vpc.vpc_id,
        "network_interface_id": interface.network_interface_id,
        "address": address,
        "prefix_length": cidr.prefixlen,
        "subnet_router": str(cidr.network_address + 1),
        "mac_address": interface.mac_address,
        "resolver": str(IPv4Network(vpc.cidr_block).network_address + 2),
        "name_servers": interface.name_servers,
        "search_domains": interface.domain_names,
        "hostname": f"ip-{address.replace('.', '-')}.{domain}",
    }
    return replace(plan, **changes)
