"""Resource policies: which services may write to this account's log groups."""

from typing import Any

from ecsd.decisions.iam.policy_document import PolicyKind, fault_in
from ecsd.decisions.logs.retention import milliseconds
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.logs.requests import invalid, page, refuse_unsupported
from ecsd.records.logs.resource_policy import LogResourcePolicy

MOST = 10  # policies of an account in a region
PAGE = 50
BY_RESOURCE = ("resourceArn", "expectedRevisionId")


@operation("logs", "PutResourcePolicy")
async def put_resource_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set a policy of the account by name."""
    refuse_unsupported(request, *BY_RESOURCE)
    for name in ("policyName", "policyDocument"):
        if name not in request:
            raise invalid(f"{name} is required.")
    fault = fault_in(request["policyDocument"], PolicyKind.RESOURCE)
    if fault is not None:
        raise invalid(f"Invalid policyDocument: {fault}")
    policy = LogResourcePolicy(
        policy_name=request["policyName"],
        policy_document=request["policyDocument"],
        updated_at=call.clock.now(),
    )
    async with call.transaction() as change:
        known = {one.policy_name for one in change.select(LogResourcePolicy)}
        if policy.policy_name not in known and len(known) >= MOST:
            raise AwsError("LimitExceededException", "Resource limit exceeded.")
        change.put(policy)
    return {"resourcePolicy": _described(policy)}


@operation("logs", "DescribeResourcePolicies")
async def describe_resource_policies(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the account's policies; there are none on single resources."""
    if request.get("policyScope") == "RESOURCE" or "resourceArn" in request:
        return {"resourcePolicies": []}
    named = [(one.policy_name, one) for one in call.view.select(LogResourcePolicy)]
    shown, rest = page(request, named, PAGE)
    return {"resourcePolicies": [_described(one) for one in shown], **rest}


@operation("logs", "DeleteResourcePolicy")
async def delete_resource_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a policy of the account."""
    refuse_unsupported(request, *BY_RESOURCE)
    async with call.transaction() as change:
        policy = change.get(LogResourcePolicy, request.get("policyName", ""))
        if policy is None:
            raise AwsError(
                "ResourceNotFoundException",
                f"Policy with name [{request.get('policyName', '')}] does not exist",
            )
        change.remove(policy)
    return {}


def _described(policy: LogResourcePolicy) -> dict[str, Any]:
    return {
        "policyName": policy.policy_name,
        "policyDocument": policy.policy_document,
        "lastUpdatedTime": milliseconds(policy.updated_at),
        "policyScope": "ACCOUNT",
    }
