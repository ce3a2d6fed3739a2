"""The role in which ECS makes and attaches a task's volume: its trust and what it needs.

Source: Amazon ECS Developer Guide, Amazon ECS infrastructure IAM role; AWS managed policy
AmazonECSInfrastructureRolePolicyForVolumes (the conditions that it sets are the keys here).
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ecsd.decisions.iam.evaluation import Policies, Request, Source, decide
from ecsd.decisions.iam.principal import Principal, PrincipalKind
from ecsd.decisions.iam.statement import compile_policy
from ecsd.records.iam.role import Role
from ecsd.records.tag import Tag

SERVICE = "ecs.amazonaws.com"
SESSION_NAME = "ECSTaskVolumesForEBS"
CREATED, MANAGED = "AmazonECSCreated", "AmazonECSManaged"
Keys = Mapping[str, tuple[str, ...]]


class Need(NamedTuple):
    """A permission, with the condition keys that the call has."""

    action: str
    resource: str
    keys: Keys


class Asked(NamedTuple):
    """The volume that is wanted. snapshot_id: empty where it is made of none."""

    account: str
    region: str
    volume_id: str
    tags: tuple[Tag, ...]
    snapshot_id: str = ""


def own_tags(task_arn: str) -> tuple[Tag, ...]:
    """Return the tags that ECS puts on a volume of its own."""
    return (Tag(key=CREATED, value=task_arn), Tag(key=MANAGED, value="true"))


def trusts_ecs(role: Role, account: str, task_arn: str) -> bool:
    """Tell whether a role's trust policy lets ECS assume it."""
    trust = Source(compile_policy(role.assume_role_policy_document), "trust")
    context = {"aws:sourcearn": (task_arn,), "aws:sourceaccount": (account,)}
    principal = Principal(PrincipalKind.SERVICE, SERVICE)
    request = Request(principal, "sts:AssumeRole", role.arn, context, account)
    return decide(request, Policies(resource=trust, resource_decides=True)).allowed


def needs(asked: Asked) -> Iterator[Need]:
    """Yield what ECS does in the role's name before a task has its volume."""
    place = f"arn:aws:ec2:{asked.region}:{asked.account}"
    requested: dict[str, tuple[str, ...]] = {
        **{f"aws:requesttag/{one.key.lower()}": (one.value,) for one in asked.tags},
        "aws:tagkeys": tuple(one.key for one in asked.tags),
    }
    yield Need("ec2:CreateVolume", f"{place}:volume/*", requested)
    if asked.snapshot_id:
        yield Need(
            "ec2:CreateVolume", f"arn:aws:ec2:{asked.region}::snapshot/{asked.snapshot_id}", {}
        )
    yield Need(
        "ec2:CreateTags", f"{place}:volume/*", requested | {"ec2:createaction": ("CreateVolume",)}
    )
    yield Need("ec2:DescribeVolumes", "*", {})
    has = {f"aws:resourcetag/{one.key.lower()}": (one.value,) for one in asked.tags}
    yield Need("ec2:AttachVolume", f"{place}:volume/{asked.volume_id}", has)


def lacking(principal: Principal, policies: Policies, context: Keys, asked: Asked) -> Need | None:
    """Return the first permission that the role lacks; None: it has all."""
    for need in needs(asked):
        request = Request(
            principal, need.action, need.resource, {**context, **need.keys}, asked.account
        )
        if not decide(request, policies).allowed:
            return need
    return None
