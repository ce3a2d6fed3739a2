"""The policies of a user, group or role, compiled and named as IAM's simulator names them.

Views here are of the account's global scope (``view.globally()``).
"""

from ecsd.decisions.iam.evaluation import Source
from ecsd.decisions.iam.statement import compile_policy
from ecsd.records.iam.role import Policy, Role
from ecsd.records.iam.user import Group, User
from ecsd.store.finders.iam import find_policy
from ecsd.store.store import View

IDENTITY = "IAM Policy"  # SourcePolicyType as the simulator answers it
RESOURCE = "Resource Policy"
KEPT = 4096  # managed policies that are remembered with what they compile to
_SOURCES: dict[str, tuple[Policy, Source]] = {}  # good as long as the record is the same one


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
    known = _SOURCES.get(policy_arn)
    if known is not None and known[0] is policy:
        return known[1]
    source = Source(compile_policy(policy.default_version.document), policy.policy_name, IDENTITY)
    if len(_SOURCES) >= KEPT:
        _SOURCES.clear()
    _SOURCES[policy_arn] = (policy, source)
    return source
