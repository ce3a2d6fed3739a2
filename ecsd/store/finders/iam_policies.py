"""The policies of a user, group or role, compiled and named as IAM's simulator names them.

Views here are of the account's global scope (``view.globally()``).
"""

from ecsd.decisions.iam.evaluation import Source
from ecsd.decisions.iam.statement import compile_policy
from ecsd.records.iam.role import Role
from ecsd.records.iam.user import Group, User
from ecsd.store.finders.iam import find_policy
from ecsd.store.store import View

IDENTITY = "IAM Policy"  # SourcePolicyType as the simulator answers it
RESOURCE = "Resource Policy"


def identity_sources(view: View, entity: Role | User | Group) -> tuple[Source, ...]:
    """Return the inline and attached policies of an entity, a user's groups' included."""
    sources = [
        Source(compile_policy(text), f"{entity.KIND}_{entity.key}_{name}", IDENTITY)
        for name, text in entity.inline_policies.items()
    ]
    sources += [
        source
        for arn in entity.attached_policy_arns
        if (source := managed_source(view, arn)) is not None
    ]
    if isinstance(entity, User):
        for name in entity.groups:
            group = view.get(Group, name)
            if group is not None:
                sources += identity_sources(view, group)
    return tuple(sources)


def boundary_source(view: View, entity: Role | User | Group) -> Source | None:
    """Return the permissions boundary of a user or role, None if it has none."""
    if isinstance(entity, Group) or entity.permissions_boundary is None:
        return None
    return managed_source(view, entity.permissions_boundary)


def managed_source(view: View, policy_arn: str) -> Source | None:
    """Return the version of a managed policy that is in force, None if there is no such policy."""
    policy = find_policy(view, policy_arn)
    if policy is None:
        return None
    document = policy.default_version.document
    return Source(compile_policy(document), policy.policy_name, IDENTITY)
