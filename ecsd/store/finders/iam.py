"""Look-ups in IAM: ``find`` → None when absent, ``require`` → IAM's own error.

Views here are of the account's global scope (``view.globally()``).
"""

from typing import TypeVar

from ecsd.errors import AwsError
from ecsd.records.iam.oidc_provider import OidcProvider
from ecsd.records.iam.role import InstanceProfile, Policy, Role
from ecsd.records.iam.session import Session
from ecsd.records.iam.user import AccessKey, Group, User
from ecsd.store.finders.aws_managed_policies import ARN_PREFIX, aws_managed_policies
from ecsd.store.scope import GLOBAL, Scope
from ecsd.store.store import Store, View

Credentials = TypeVar("Credentials", AccessKey, Session)


def no_such_entity(message: str) -> AwsError:
    """Return the error that says something is not there."""
    return AwsError("NoSuchEntity", message, status=404)


def require_role(view: View, name: str) -> Role:
    """Return the role, or refuse with NoSuchEntity."""
    role = view.get(Role, name)
    if role is None:
        raise no_such_entity(f"The role with name {name} cannot be found.")
    return role


def require_user(view: View, name: str) -> User:
    """Return the user, or refuse with NoSuchEntity."""
    user = view.get(User, name)
    if user is None:
        raise no_such_entity(f"The user with name {name} cannot be found.")
    return user


def require_group(view: View, name: str) -> Group:
    """Return the group, or refuse with NoSuchEntity."""
    group = view.get(Group, name)
    if group is None:
        raise no_such_entity(f"The group with name {name} cannot be found.")
    return group


def require_oidc_provider(view: View, arn: str) -> OidcProvider:
    """Return the OpenID Connect provider, or refuse with NoSuchEntity."""
    provider = view.get(OidcProvider, arn)
    if provider is None:
        raise no_such_entity(f"OpenIDConnect Provider not found for arn {arn}")
    return provider


def find_role_by_arn(view: View, arn: str) -> Role | None:
    """Return the role that has this ARN (the path is part of it), or None."""
    role = view.get(Role, arn.rsplit("/", 1)[-1])
    return role if role is not None and role.arn == arn else None


def find_user_by_arn(view: View, arn: str) -> User | None:
    """Return the user that has this ARN (the path is part of it), or None."""
    user = view.get(User, arn.rsplit("/", 1)[-1])
    return user if user is not None and user.arn == arn else None


def is_aws_managed(arn: str) -> bool:
    """Say whether AWS, not the account, owns the policy."""
    return arn.startswith(f"{ARN_PREFIX}/")


def find_policy(view: View, arn: str) -> Policy | None:
    """Return a managed policy, the account's or AWS's."""
    if is_aws_managed(arn):
        return aws_managed_policies().get(arn)
    return view.get(Policy, arn)


def require_policy(view: View, arn: str) -> Policy:
    """Return a managed policy, or refuse with NoSuchEntity."""
    policy = find_policy(view, arn)
    if policy is None:
        raise no_such_entity(f"Policy {arn} was not found.")
    return policy


def require_instance_profile(view: View, name: str) -> InstanceProfile:
    """Return the instance profile, or refuse with NoSuchEntity."""
    profile = view.get(InstanceProfile, name)
    if profile is None:
        raise no_such_entity(f"Instance Profile {name} cannot be found.")
    return profile


def find_key_of(
    store: Store, kind: type[Credentials], access_key_id: str, likely: Scope | None = None
) -> tuple[Scope, Credentials] | None:
    """Return a user's access key, or a session by its key, and the account it belongs to.

    Expired sessions are found until they are pruned: compare ``expires_at``.
    likely: where to look first.
    """
    if likely is not None and (found := store.view(likely).get(kind, access_key_id)) is not None:
        return likely, found
    for scope in store.scopes():
        if scope.region == GLOBAL:
            found = store.view(scope).get(kind, access_key_id)
            if found is not None:
                return scope, found
    return None
