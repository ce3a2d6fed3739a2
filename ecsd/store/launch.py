"""Launching a task inside a transaction: a subnet, an interface, a record.

RunTask and the service controller launch alike; which host runs it is decided afterwards.
"""

from datetime import datetime
from typing import Any, NamedTuple

from msgspec.structs import replace

from ecsd.decisions.network.addresses import resolver
from ecsd.decisions.network.network_interface import new_interface
from ecsd.decisions.tasks.new_task import Names, Origin, Place, new_task
from ecsd.ids import IdSource
from ecsd.records.ec2.dhcp_options import OWN_RESOLVER, DhcpOptions
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.vpc import Subnet, Vpc
from ecsd.records.ecs.cluster import Cluster
from ecsd.records.ecs.task import Task, spread_key
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.store.ebs_volumes import attach_to_new
from ecsd.store.finders.ec2 import (
    default_security_group,
    free_address,
    free_public_address,
)
from ecsd.store.finders.ecs import LOG_DRIVER_MODE, account_setting
from ecsd.store.registrations import deregister_task
from ecsd.store.store import Transaction, View


class Refusal(NamedTuple):
    """Why no task could be launched, in words for an event or a failure."""

    reason: str


def launch(
    change: Transaction,
    cluster: Cluster,
    definition: TaskDefinition,
    origin: Origin,
    ids: IdSource,
    now: datetime,
) -> Task | Refusal:
    """Enter a task in PROVISIONING with its interface reserved."""
    task_id = ids.task_id()
    prefix = f"arn:aws:ecs:{change.scope.region}:{change.scope.account}"
    place = Place()
    attachment_id = ids.uuid()
    if definition.network_mode == "awsvpc":
        interface = _interface(
            change, cluster, origin, f"{prefix}:task/{cluster.name}/{task_id}", ids
        )
        if isinstance(interface, Refusal):
            return interface
        attached = f"{prefix}:attachment/{attachment_id}"
        interface = replace(interface, description=attached, attached_at=now)
        change.put(_told_of_names(change, interface))
        place = Place(
            vpc_id=interface.vpc_id,
            network_interface_id=interface.network_interface_id,
            attachment_id=attachment_id,
            availability_zone=interface.availability_zone,
            connect_attachment_id=ids.uuid() if origin.service_connect else None,
        )
    if origin.log_driver_mode is None:
        origin = replace(origin, log_driver_mode=account_setting(change, LOG_DRIVER_MODE))
    container_ids = tuple(ids.uuid() for _ in definition.container_definitions)
    names = Names(
        arn_prefix=prefix,
        task_id=task_id,
        container_ids=container_ids,
        endpoint_key=ids.hexadecimal(32),
    )
    task = new_task(cluster, definition, origin, place, names, now)
    task = attach_to_new(change, task, definition, ids, service_task=origin.service_arn is not None)
    change.put(task)
    return task


def _told_of_names(view: View, interface: NetworkInterface) -> NetworkInterface:
    """Return an interface as its VPC's DHCP options tell it; they count as they are now."""
    vpc = view.get(Vpc, interface.vpc_id)
    options = view.get(DhcpOptions, vpc.dhcp_options_id) if vpc else None
    if vpc is None or options is None:
        return interface
    own = resolver(vpc.cidr_block)
    servers = (own if one == OWN_RESOLVER else one for one in options.domain_name_servers)
    return replace(
        interface,
        domain_names=tuple((options.domain_name or "").split()),
        name_servers=tuple(servers),
    )


def release_interface(change: Transaction, task: Task) -> None:
    """Give the task's address back; no name leads to it any more."""
    deregister_task(change, task)
    if task.network_interface_id:
        interface = change.get(NetworkInterface, task.network_interface_id)
        if interface is not None:
            change.remove(interface)


def _interface(
    change: Transaction, cluster: Cluster, origin: Origin, task_arn: str, ids: IdSource
) -> NetworkInterface | Refusal:
    network = origin.network_configuration or {}
    full: list[str] = []
    for subnet in _subnets(change, cluster, origin, network):
        address = free_address(change, subnet)
        if address is None:
            full.append(subnet.subnet_id)
            continue
        network_interface_id = ids.resource_id("eni")
        groups = network.get("securityGroups") or [
            default_security_group(change, subnet.vpc_id).group_id
        ]
        public = network.get("assignPublicIp") == "ENABLED"
        return new_interface(
            subnet,
            network_interface_id=network_interface_id,
            address=address,
            mac_address=ids.mac_address(),
            group_ids=tuple(groups),
            owner=task_arn,
            requester_id="amazon-ecs",
            public_ip=free_public_address(change, network_interface_id) if public else None,
        )
    where = ", ".join(f"'{one}'" for one in full) or "(none exists)"
    return Refusal(
        "Unexpected EC2 error while attempting to Create Network Interface in subnet "
        f"{where}: InsufficientFreeAddressesInSubnet"
    )


def _subnets(view: View, cluster: Cluster, origin: Origin, network: dict[str, Any]) -> list[Subnet]:
    """Return the subnets to try: first where the fewest tasks of the group live (spread by AZ)."""
    subnets = [view.get(Subnet, name) for name in network.get("subnets", ())]

    def tasks_beside(subnet: Subnet) -> int:
        key = spread_key(cluster.name, origin.group, subnet.availability_zone)
        return view.count(Task, "spread_keys", key)

    return sorted((one for one in subnets if one is not None), key=tasks_beside)
