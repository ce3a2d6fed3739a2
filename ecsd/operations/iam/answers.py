"""How IAM shows its records, and how it pages lists."""

import base64
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from ecsd.errors import AwsError
from ecsd.records.iam.role import InstanceProfile, Policy, PolicyVersion, Role
from ecsd.records.iam.user import Group, User
from ecsd.records.tag import Tag
from ecsd.store.store import View

Item = TypeVar("Item")
PAGE = 100  # items when MaxItems is not given


def encoded(document: str) -> str:
    """Return a document as IAM sends it: percent-encoded. Source: RFC 3986."""
    return quote(document, safe="")


def without_none(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the members that have a value."""
    return {name: value for name, value in answer.items() if value is not None}


def tags_of(tags: Sequence[Tag]) -> list[dict[str, str]]:
    """Return tags in IAM's members."""
    return [{"Key": tag.key, "Value": tag.value} for tag in tags]


def listed_role(role: Role) -> dict[str, Any]:
    """Return a role as lists show it: without tags, boundary and last use."""
    return without_none(
        {
            "Path": role.path,
            "RoleName": role.role_name,
            "RoleId": role.role_id,
            "Arn": role.arn,
            "CreateDate": role.created_at,
            "AssumeRolePolicyDocument": encoded(role.assume_role_policy_document),
            "Description": role.description,
            "MaxSessionDuration": role.max_session_duration,
        }
    )


def listed_user(user: User) -> dict[str, Any]:
    """Return a user as lists show it: without tags and boundary."""
    return {
        "Path": user.path,
        "UserName": user.user_name,
        "UserId": user.user_id,
        "Arn": user.arn,
        "CreateDate": user.created_at,
    }


def full_user(user: User) -> dict[str, Any]:
    """Return a user as GetUser shows it."""
    answer = listed_user(user) | boundary_of(user)
    if user.tags:
        answer["Tags"] = tags_of(user.tags)
    return answer


def shown_group(group: Group) -> dict[str, Any]:
    """Return a group."""
    return {
        "Path": group.path,
        "GroupName": group.group_name,
        "GroupId": group.group_id,
        "Arn": group.arn,
        "CreateDate": group.created_at,
    }


def boundary_of(entity: Role | User) -> dict[str, Any]:
    """Return the member that shows a permissions boundary, if there is one."""
    if entity.permissions_boundary is None:
        return {}
    return {
        "PermissionsBoundary": {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": entity.permissions_boundary,
        }
    }


def full_role(role: Role) -> dict[str, Any]:
    """Return a role as GetRole shows it."""
    answer = listed_role(role) | boundary_of(role)
    if role.tags:
        answer["Tags"] = tags_of(role.tags)
    answer["RoleLastUsed"] = without_none(
        {"LastUsedDate": role.last_used_at, "Region": role.last_used_region}
    )
    return answer


def attachments(view: View, policy_arn: str) -> int:
    """Return to how many users, groups and roles a managed policy is attached."""
    return sum(view.count(kind, "attached_policy_arns", policy_arn) for kind in (User, Group, Role))


def boundary_uses(view: View, policy_arn: str) -> int:
    """Return how many users and roles a managed policy bounds."""
    return sum(view.count(kind, "permissions_boundary", policy_arn) for kind in (User, Role))


def listed_policy(view: View, policy: Policy) -> dict[str, Any]:
    """Return a managed policy as lists show it: without description and tags."""
    return {
        "PolicyName": policy.policy_name,
        "PolicyId": policy.policy_id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": policy.default_version.version_id,
        "AttachmentCount": attachments(view, policy.arn),
        "PermissionsBoundaryUsageCount": boundary_uses(view, policy.arn),
        "IsAttachable": True,
        "CreateDate": policy.created_at,
        "UpdateDate": policy.updated_at,
    }


def full_policy(view: View, policy: Policy) -> dict[str, Any]:
    """Return a managed policy as GetPolicy shows it."""
    answer = listed_policy(view, policy)
    if policy.description:
        answer["Description"] = policy.description
    answer["Tags"] = tags_of(policy.tags)
    return answer


def policy_version(version: PolicyVersion, *, with_document: bool) -> dict[str, Any]:
    """Return a version; lists leave the document out."""
    answer = {
        "VersionId": version.version_id,
        "IsDefaultVersion": version.is_default,
        "CreateDate": version.created_at,
    }
    return {"Document": encoded(version.document), **answer} if with_document else answer


def instance_profile(view: View, profile: InstanceProfile, *, listed: bool) -> dict[str, Any]:
    """Return an instance profile with its role; lists leave the tags out."""
    roles = [view.get(Role, name) for name in profile.roles]
    answer: dict[str, Any] = {
        "Path": profile.path,
        "InstanceProfileName": profile.instance_profile_name,
        "InstanceProfileId": profile.instance_profile_id,
        "Arn": profile.arn,
        "CreateDate": profile.created_at,
        "Roles": [listed_role(role) for role in roles if role is not None],
    }
    if profile.tags and not listed:
        answer["Tags"] = tags_of(profile.tags)
    return answer


def page(
    request: dict[str, Any], items: Iterable[Item], name: Callable[[Item], str]
) -> tuple[list[Item], dict[str, Any]]:
    """Return one page in order of name, and the members that lead to the next.

    A marker holds the last name shown, so what comes and goes meanwhile skips nothing else.
    """
    ordered = sorted(items, key=name)
    if "Marker" in request:
        last = _decoded(request["Marker"])
        ordered = [item for item in ordered if name(item) > last]
    shown = ordered[: request.get("MaxItems", PAGE)]
    if len(shown) == len(ordered):
        return shown, {"IsTruncated": False}
    marker = base64.urlsafe_b64encode(name(shown[-1]).encode()).decode()
    return shown, {"IsTruncated": True, "Marker": marker}


def _decoded(marker: str) -> str:
    try:
        return base64.b64decode(marker, altchars=b"-_", validate=True).decode()
    except ValueError as error:  # not base64, or not UTF-8 inside
        raise AwsError("ValidationError", "Invalid Marker.") from error
