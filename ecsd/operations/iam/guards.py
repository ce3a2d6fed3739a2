"""What IAM refuses before it changes anything."""

from ecsd.decisions.iam.policy_document import PolicyKind, fault_in
from ecsd.errors import AwsError
from ecsd.records.iam.role import Role
from ecsd.records.iam.user import Group, User
from ecsd.store.finders.iam import is_aws_managed, require_policy
from ecsd.store.store import View


def check_document(document: str, kind: PolicyKind) -> None:
    """Refuse a policy document that breaks the grammar: MalformedPolicyDocument."""
    fault = fault_in(document, kind)
    if fault is not None:
        raise AwsError("MalformedPolicyDocument", fault)


def check_changeable(role: Role) -> None:
    """Refuse to change a service-linked role: UnmodifiableEntity."""
    if role.is_service_linked:
        raise AwsError(
            "UnmodifiableEntity",
            f"Cannot perform the operation on the protected role '{role.role_name}' - "
            "this role is only modifiable by AWS",
        )


def check_owned(policy_arn: str, action: str) -> None:
    """Refuse to change one of AWS's own policies: AccessDenied."""
    if is_aws_managed(policy_arn):
        raise AwsError(
            "AccessDenied",
            f"You are not authorized to perform iam:{action} on {policy_arn}: "
            "the policy is managed by AWS.",
            status=403,
        )


def check_boundary(view: View, policy_arn: str | None) -> None:
    """Refuse a permissions boundary that does not exist: NoSuchEntity."""
    if policy_arn is not None:
        require_policy(view, policy_arn)


def check_no_policies(entity: Role | User | Group) -> None:
    """Refuse to delete what still has policies: DeleteConflict."""
    if entity.attached_policy_arns:
        raise in_use("Cannot delete entity, must detach all policies first.")
    if entity.inline_policies:
        raise in_use("Cannot delete entity, must delete policies first.")


def exists_already(message: str) -> AwsError:
    """Return the error for a name that is taken."""
    return AwsError("EntityAlreadyExists", message, status=409)


def in_use(message: str) -> AwsError:
    """Return the error for what something else still needs."""
    return AwsError("DeleteConflict", message, status=409)


def over_limit(message: str) -> AwsError:
    """Return the error for one more than the quota."""
    return AwsError("LimitExceeded", message, status=409)
