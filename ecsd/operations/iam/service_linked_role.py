"""Service-linked roles: made for one AWS service, changed by it alone.

Source: IAM User Guide, service-linked roles; names and policies as the services document them.
"""

import json
from typing import Any, NamedTuple

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.iam.answers import full_role, without_none
from ecsd.operations.iam.guards import in_use
from ecsd.records.ecs.cluster import Cluster
from ecsd.records.elbv2.load_balancer import LoadBalancer
from ecsd.records.iam.role import SERVICE_LINKED_PATH, Role
from ecsd.records.iam.service_linked_role import RoleUsage, ServiceLinkedRoleDeletion
from ecsd.store.finders.aws_managed_policies import ARN_PREFIX
from ecsd.store.finders.iam import no_such_entity, require_role


class _Linked(NamedTuple):
    role_name: str
    policy: str
    description: str
    takes_suffix: bool = False


SERVICES = {
    "ecs.amazonaws.com": _Linked(
        "AWSServiceRoleForECS",
        "AmazonECSServiceRolePolicy",
        "Role to enable Amazon ECS to manage your cluster.",
    ),
    "elasticloadbalancing.amazonaws.com": _Linked(
        "AWSServiceRoleForElasticLoadBalancing",
        "AWSElasticLoadBalancingServiceRolePolicy",
        "Allows ELB to call AWS services on your behalf.",
    ),
    "autoscaling.amazonaws.com": _Linked(
        "AWSServiceRoleForAutoScaling",
        "AutoScalingServiceRolePolicy",
        "Default Service-Linked Role enables access to AWS Services and Resources used or "
        "managed by Auto Scaling",
        takes_suffix=True,
    ),
    "ecs.application-autoscaling.amazonaws.com": _Linked(
        "AWSServiceRoleForApplicationAutoScaling_ECSService",
        "AWSApplicationAutoscalingECSServicePolicy",
        "Allows Application Auto Scaling to manage ECS services on your behalf.",
    ),
    "spot.amazonaws.com": _Linked(
        "AWSServiceRoleForEC2Spot",
        "AWSEC2SpotServiceRolePolicy",
        "Default EC2 Spot Service Linked Role",
    ),
}


@operation("iam", "CreateServiceLinkedRole")
async def create_service_linked_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make the role of a service, with its policy attached."""
    service, suffix = request["AWSServiceName"], request.get("CustomSuffix")
    linked = SERVICES.get(service)
    if linked is None:
        raise AwsError("InvalidInput", f"Service {service} has no service-linked role here.")
    if suffix and not linked.takes_suffix:
        raise AwsError("InvalidInput", f"Custom suffix is not allowed for {service}")
    name = f"{linked.role_name}_{suffix}" if suffix else linked.role_name
    path = f"{SERVICE_LINKED_PATH}{service}/"
    role = Role(
        role_name=name,
        role_id=call.ids.unique_id("AROA"),
        path=path,
        arn=f"arn:aws:iam::{call.scope.account}:role{path}{name}",
        assume_role_policy_document=_trust(service),
        created_at=call.clock.now(),
        description=request.get("Description", linked.description),
        attached_policy_arns=(f"{ARN_PREFIX}{SERVICE_LINKED_PATH}{linked.policy}",),
    )
    async with call.store.transaction(call.scope.globally()) as change:
        if change.count(Role, "folded_name", role.folded_name):
            raise AwsError(
                "InvalidInput",
                f"Service role name {name} has been taken in this account, "
                "please try a different suffix.",
            )
        change.put(role)
    answer = full_role(role)
    del answer["RoleLastUsed"]
    return {"Role": answer}


@operation("iam", "DeleteServiceLinkedRole")
async def delete_service_linked_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove the role if its service needs it no more; the status tells."""
    async with call.store.transaction(call.scope.globally()) as change:
        role = require_role(change, request["RoleName"])
        if not role.is_service_linked:
            raise in_use(f"Role {role.role_name} is not a service-linked role: use DeleteRole.")
        deletion = ServiceLinkedRoleDeletion(
            deletion_task_id=f"task{role.path}{role.role_name}/{call.ids.uuid()}",
            created_at=call.clock.now(),
            used_by=_users(call, role),
        )
        if not deletion.used_by:
            change.remove(role)
        change.put(deletion)
    return {"DeletionTaskId": deletion.deletion_task_id}


@operation("iam", "GetServiceLinkedRoleDeletionStatus")
async def get_service_linked_role_deletion_status(
    call: Call, request: dict[str, Any]
) -> dict[str, Any]:
    """Return how a deletion ended."""
    view, task_id = call.view.globally(), request["DeletionTaskId"]
    deletion = view.get(ServiceLinkedRoleDeletion, task_id)
    if deletion is None:
        raise no_such_entity(f"Deletion task {task_id} was not found.")
    if not deletion.used_by:
        return {"Status": "SUCCEEDED"}
    usage = [
        without_none({"Region": one.region, "Resources": list(one.resources)})
        for one in deletion.used_by
    ]
    reason = "A service-linked role is required for one or more of your resources."
    return {"Status": "FAILED", "Reason": {"Reason": reason, "RoleUsageList": usage}}


def _trust(service: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))


def _users(call: Call, role: Role) -> tuple[RoleUsage, ...]:
    """Return what the role's service holds in this account, by region."""
    service = role.path.removeprefix(SERVICE_LINKED_PATH).rstrip("/")
    found: dict[str, list[str]] = {}
    if service == "ecs.amazonaws.com":
        for scope, cluster in call.store.everywhere(Cluster):
            if scope.account == call.scope.account and cluster.status == "ACTIVE":
                found.setdefault(scope.region, []).append(cluster.arn)
    if service == "elasticloadbalancing.amazonaws.com":
        for scope, balancer in call.store.everywhere(LoadBalancer):
            if scope.account == call.scope.account:
                found.setdefault(scope.region, []).append(balancer.load_balancer_arn)
    return tuple(RoleUsage(region=name, resources=tuple(arns)) for name, arns in found.items())
