"""Who else may use a repository: its resource policy."""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.ecr.repository_policy import completed, policy_fault
from ecsd.decisions.iam.evaluation import Outcome, Policies, Request, Source, decide
from ecsd.decisions.iam.statement import compile_policy
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecr.refusal import invalid
from ecsd.records.ecr.repository import Repository
from ecsd.store.finders.ecr import require_repository, scope_of
from ecsd.store.finders.iam_caller import context_of, identify

SET = "ecr:SetRepositoryPolicy"


@operation("ecr", "SetRepositoryPolicy")
async def set_repository_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set the policy; one that would lock its writer out only by force."""
    text = request["policyText"]
    if policy_fault(text) is not None:
        raise invalid("PolicyText", f"Invalid repository policy provided: {policy_fault(text)}")
    scope = scope_of(call.scope, request)
    async with call.store.transaction(scope) as change:
        repository = require_repository(change, request["repositoryName"])
        if not request.get("force") and _locks_out(call, repository.arn, text):
            raise invalid(
                "PolicyText", "it would not let you set another policy; force sets it all the same"
            )
        changed = replace(repository, policy=text)
        change.put(changed)
    return _shown(changed, scope.account)


@operation("ecr", "GetRepositoryPolicy")
async def get_repository_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the policy."""
    scope = scope_of(call.scope, request)
    repository = require_repository(call.store.view(scope), request["repositoryName"])
    return _shown(_with_policy(repository, scope.account), scope.account)


@operation("ecr", "DeleteRepositoryPolicy")
async def delete_repository_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove the policy; returns what it was."""
    scope = scope_of(call.scope, request)
    async with call.store.transaction(scope) as change:
        repository = _with_policy(
            require_repository(change, request["repositoryName"]), scope.account
        )
        change.put(replace(repository, policy=None))
    return _shown(repository, scope.account)


def _with_policy(repository: Repository, account: str) -> Repository:
    if repository.policy is None:
        raise AwsError(
            "RepositoryPolicyNotFoundException",
            "Repository policy does not exist for the repository with name "
            f"'{repository.repository_name}' in the registry with id '{account}'",
        )
    return repository


def _locks_out(call: Call, arn: str, text: str) -> bool:
    caller = call.caller
    identity = identify(call.store, call.scope.account, caller.arn, caller.access_key_id)
    source = Source(compile_policy(completed(text)), "repository", "Resource Policy")
    context = context_of(identity, call.clock.now(), call.scope.region)
    asked = Request(identity.principal, SET, arn, context)
    return decide(asked, Policies(resource=source)).outcome is Outcome.EXPLICIT_DENY


def _shown(repository: Repository, account: str) -> dict[str, Any]:
    return {
        "registryId": account,
        "repositoryName": repository.repository_name,
        "policyText": repository.policy,
    }
