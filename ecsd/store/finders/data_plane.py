"""Gathering the records that a host's plan is compiled from."""

from collections.abc import Iterator

from ecsd.decisions.balancers.balancer_plan import BalancerParts
from ecsd.decisions.connect.service_connect_plan import ProxyParts
from ecsd.decisions.vpc.vpc_plan import PeeringParts, VpcParts
from ecsd.records.acm.certificate import Certificate
from ecsd.records.ec2.flow_log import FlowLog
from ecsd.records.ec2.network_acl import NetworkAcl
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.prefix_list import ManagedPrefixList
from ecsd.records.ec2.security_group import SecurityGroup, SecurityGroupRule
from ecsd.records.ec2.vpc import InternetGateway, NatGateway, RouteTable, Subnet, Vpc
from ecsd.records.ec2.vpc_endpoint import VpcEndpoint
from ecsd.records.ec2.vpc_peering import VpcPeeringConnection
from ecsd.records.ecs.connect_certificate import ConnectCertificate
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.efs.mount_target import MountTarget
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule
from ecsd.records.elbv2.target_group import Target, TargetGroup
from ecsd.records.elbv2.trust_store import TrustStore
from ecsd.records.record import Record
from ecsd.records.servicediscovery.namespace import Namespace
from ecsd.store.finders.ec2 import find_prefix_list, users_of_prefix_list
from ecsd.store.finders.elbv2 import groups_of_balancer, revocations_of
from ecsd.store.finders.servicediscovery import find_service, instances_of
from ecsd.store.store import View


def balancer_parts(view: View, arn: str) -> BalancerParts | None:
    """Return a load balancer with everything that is its own, or None."""
    balancer = view.get(LoadBalancer, arn)
    vpc = view.get(Vpc, balancer.vpc_id) if balancer else None
    if balancer is None or vpc is None:
        return None
    listeners = view.select(Listener, load_balancer_arn=arn)
    groups = groups_of_balancer(view, arn)
    return BalancerParts(
        balancer=balancer,
        vpc=vpc,
        listeners=listeners,
        rules=[
            rule
            for listener in listeners
            for rule in view.select(Rule, listener_arn=listener.listener_arn)
        ],
        groups=groups,
        targets=[
            target
            for group in groups
            for target in view.select(Target, target_group_arn=group.target_group_arn)
        ],
        security_group_rules=[
            rule
            for group_id in balancer.security_groups
            for rule in view.select(SecurityGroupRule, group_id=group_id)
        ],
        certificates=[
            certificate
            for certificate_arn in sorted(
                {arn for one in listeners for arn in one.certificate_arns}
            )
            if (certificate := view.get(Certificate, certificate_arn)) is not None
        ],
        trust_stores=[
            store
            for store_arn in sorted({one.trust_store_arn or "" for one in listeners})
            if (store := view.get(TrustStore, store_arn)) is not None
        ],
        revocations=[
            revocation
            for store_arn in sorted({one.trust_store_arn or "" for one in listeners})
            for revocation in revocations_of(view, store_arn)
        ],
    )


def vpc_parts(view: View, vpc_id: str) -> VpcParts | None:
    """Return a VPC with everything in it, or None."""
    vpc = view.get(Vpc, vpc_id)
    if vpc is None:
        return None
    groups = view.select(SecurityGroup, vpc_id=vpc_id)
    balancers = view.select(LoadBalancer, vpc_id=vpc_id)
    flows = [one.load_balancer_arn for one in balancers if one.type == "network"]
    tables = view.select(RouteTable, vpc_id=vpc_id)
    rules = [
        rule for group in groups for rule in view.select(SecurityGroupRule, group_id=group.group_id)
    ]
    return VpcParts(
        vpc=vpc,
        subnets=view.select(Subnet, vpc_id=vpc_id),
        route_tables=tables,
        internet_gateways=view.select(InternetGateway, vpc_id=vpc_id),
        nat_gateways=view.select(NatGateway, vpc_id=vpc_id),
        security_groups=groups,
        security_group_rules=rules,
        interfaces=view.select(NetworkInterface, vpc_id=vpc_id),
        load_balancers=balancers,
        network=[own for arn in flows if (own := balancer_parts(view, arn))],
        account=view.scope.account,
        mount_targets=view.select(MountTarget, vpc_id=vpc_id),
        prefix_lists=_prefix_lists(view, rules, tables),
        network_acls=view.select(NetworkAcl, vpc_id=vpc_id),
        peerings=list(_peerings(view, vpc_id, rules)),
        endpoints=view.select(VpcEndpoint, vpc_id=vpc_id),
        flow_logs=view.select(FlowLog, vpc_id=vpc_id),
        region=view.scope.region,
    )


def _peerings(view: View, vpc_id: str, rules: list[SecurityGroupRule]) -> Iterator[PeeringParts]:
    for one in view.select(VpcPeeringConnection, vpc_ids=vpc_id, status="active"):
        named = {
            rule.referenced_group_id
            for rule in rules
            if rule.vpc_peering_connection_id == one.vpc_peering_connection_id
        }
        (peer_id,) = set(one.vpc_ids) - {vpc_id}
        peer = view.get(Vpc, peer_id)
        if peer is not None:
            groups = {each: view.select(NetworkInterface, group_ids=each) for each in named if each}
            yield PeeringParts(one.vpc_peering_connection_id, peer, groups)


def vpcs_resting_on(view: View, record: Record) -> set[str]:
    """Return the ids of the VPCs whose plans a record has a part in."""
    match record:
        case Task() | TargetGroup() | Namespace():
            return set()
        case SecurityGroupRule():
            group = view.get(SecurityGroup, record.group_id)
            return {group.vpc_id} if group else set()
        case ManagedPrefixList():
            users = users_of_prefix_list(view, record.prefix_list_id)
            owners = (view.get(SecurityGroup, one) or view.get(RouteTable, one) for one in users)
            return {one.vpc_id for one in owners if one is not None}
        case VpcPeeringConnection():
            return set(record.vpc_ids)
        case Vpc():
            peerings = view.select(VpcPeeringConnection, vpc_ids=record.vpc_id, status="active")
            return {record.vpc_id, *(one for each in peerings for one in each.vpc_ids)}
        case NetworkInterface():
            rules = (
                rule
                for group_id in record.group_ids
                for rule in view.select(SecurityGroupRule, referenced_group_id=group_id)
                if rule.vpc_peering_connection_id
            )
            groups = (view.get(SecurityGroup, one.group_id) for one in rules)
            return {record.vpc_id, *(one.vpc_id for one in groups if one is not None)}
        case _:
            vpc_id = getattr(record, "vpc_id", None)
            return {vpc_id} if vpc_id else set()


def _prefix_lists(
    view: View, rules: list[SecurityGroupRule], tables: list[RouteTable]
) -> list[ManagedPrefixList]:
    """Return the lists that rules and routes name."""
    named = {one.prefix_list_id for one in rules}
    named |= {route.destination_prefix_list_id for table in tables for route in table.routes}
    found = (find_prefix_list(view, one) for one in named if one)
    return [one for one in found if one is not None]


def proxy_parts(view: View, task_arn: str) -> ProxyParts | None:
    """Return a task with all that its proxy leads to, or None where it has no proxy."""
    task = view.get(Task, task_arn)
    definition = view.get(TaskDefinition, task.task_definition) if task else None
    if task is None or definition is None or not task.is_connected:
        return None
    found_services = [find_service(view, arn) for arn in task.reached_services]
    services = {one.arn: one for one in found_services if one is not None}
    instances = {arn: instances_of(view, one) for arn, one in services.items()}
    found = {
        one.task_arn: view.get(Task, one.task_arn or "")
        for some in instances.values()
        for one in some
    }
    return ProxyParts(
        task=task,
        definition=definition,
        instances=instances,
        tasks={arn: one for arn, one in found.items() if arn is not None and one is not None},
        certificates={
            arn: one
            for arn in sorted({*task.reached_services, *task.offered_services})
            if (one := view.get(ConnectCertificate, arn)) is not None
        },
        services=services,
    )
