"""Whether a role's trust policy lets a service of AWS assume it.

Source: IAM User Guide, the confused deputy problem (aws:SourceArn, aws:SourceAccount).
"""

from ecsd.decisions.iam.evaluation import Policies, Request, Source, decide
from ecsd.decisions.iam.principal import Principal, PrincipalKind
from ecsd.decisions.iam.statement import compile_policy
from ecsd.records.iam.role import Role


def trusts_service(role: Role, service: str, account: str, source_arn: str) -> bool:
    """Tell whether a service (``ecs-tasks.amazonaws.com``) may assume a role for a resource."""
    trust = Source(compile_policy(role.assume_role_policy_document), "trust")
    context = {"aws:sourcearn": (source_arn,), "aws:sourceaccount": (account,)}
    principal = Principal(PrincipalKind.SERVICE, service)
    request = Request(principal, "sts:AssumeRole", role.arn, context, account)
    return decide(request, Policies(resource=trust, resource_decides=True)).allowed
