"""Key policies: who may use and change a key. Source: AWS KMS Developer Guide, Key policies."""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.iam.evaluation import Policies, Request, Source, decide
from ecsd.decisions.iam.policy_document import PolicyKind, fault_in
from ecsd.decisions.iam.principal import Principal, PrincipalKind
from ecsd.decisions.iam.statement import compile_policy
from ecsd.decisions.kms.key_policy import NAME
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.kms.requests import customer_key
from ecsd.store.finders.iam_caller import context_of, identify
from ecsd.store.finders.iam_policies import RESOURCE
from ecsd.store.finders.kms import kms_arn, require_named_key

MOST = 32_768  # bytes of a key policy


@operation("kms", "GetKeyPolicy")
async def get_key_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return a key's policy."""
    key = require_named_key(call.view, request["KeyId"])
    _check_name(request)
    return {"Policy": key.policy, "PolicyName": NAME}


@operation("kms", "PutKeyPolicy")
async def put_key_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Replace a key's policy; one that locks its writer out is refused."""
    _check_name(request)
    check_policy(
        call, request["Policy"], bypass=bool(request.get("BypassPolicyLockoutSafetyCheck"))
    )
    async with call.transaction() as change:
        key = customer_key(call, change, request["KeyId"], "PutKeyPolicy")
        change.put(replace(key, policy=request["Policy"]))
    return {}


@operation("kms", "ListKeyPolicies")
async def list_key_policies(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the name of a key's one policy."""
    require_named_key(call.view, request["KeyId"])
    return {"PolicyNames": [NAME], "Truncated": False}


def check_policy(call: Call, document: str, *, bypass: bool) -> None:
    """Refuse a document that is no key policy, or that would lock its writer out."""
    if len(document.encode()) > MOST:
        raise AwsError("LimitExceededException", f"A key policy may have at most {MOST} bytes.")
    fault = fault_in(document, PolicyKind.RESOURCE)
    if fault is not None:
        raise AwsError("MalformedPolicyDocumentException", fault)
    if not bypass and not _may_change_it_again(call, document):
        raise AwsError(
            "MalformedPolicyDocumentException",
            "The new key policy will not allow you to update the key policy in the future.",
        )


def _may_change_it_again(call: Call, document: str) -> bool:
    """Where callers are not judged, everybody is the account's root."""
    account = call.scope.account
    source = Source(compile_policy(document), "key policy", RESOURCE)
    principal = Principal(PrincipalKind.ROOT, f"arn:aws:iam::{account}:root", account, account)
    policies, context = Policies(), {}
    if call.judged:
        identity = identify(call.store, account, call.caller.arn, call.caller.access_key_id)
        principal, policies = identity.principal, identity.policies
        context = context_of(identity, call.clock.now(), call.scope.region)
    context["kms:calleraccount"] = (account,)
    arn = kms_arn(call.view, "key/*")
    asked = Request(principal, "kms:PutKeyPolicy", arn, context)
    return decide(asked, policies._replace(resource=source, resource_decides=True)).allowed


def _check_name(request: dict[str, Any]) -> None:
    name = request.get("PolicyName") or NAME
    if name != NAME:
        raise AwsError("NotFoundException", f"No such policy exists: {name}")
