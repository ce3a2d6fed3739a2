"""The policy simulator: what policies would decide, and which condition keys they ask for.

Source: IAM API Reference, SimulatePrincipalPolicy and EvaluationResult; answers as captured from
the service: ``SourcePolicyType`` is "IAM Policy" or "Resource Policy".
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ecsd.decisions.iam.evaluation import (
    Decision,
    Match,
    Outcome,
    Policies,
    Request,
    Side,
    Source,
    decide,
    matches,
    missing_keys,
    side_allows,
)
from ecsd.decisions.iam.policy_document import PolicyKind, fault_in
from ecsd.decisions.iam.principal import Principal, PrincipalKind
from ecsd.decisions.iam.statement import compile_policy
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.iam.answers import page
from ecsd.operations.iam.entity_policy import Entity
from ecsd.records.iam.role import Role
from ecsd.records.iam.user import Group, User
from ecsd.store.finders.iam import no_such_entity
from ecsd.store.finders.iam_policies import (
    IDENTITY,
    RESOURCE,
    boundary_source,
    identity_sources,
)
from ecsd.store.scope import Scope
from ecsd.store.store import View

EVERYTHING = "*"
ACTION = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
ARN = re.compile(r"arn:aws[a-z-]*:iam::(?P<account>\d{12}):(?P<kind>user|group|role)/(?P<rest>.+)")
UNSUPPORTED = (
    "ResourceHandlingOption",
    "PolicyExclusionList",
    "OrderedOrganizationPolicyInputList",
)
KINDS: dict[str, type[Role | User | Group]] = {"user": User, "group": Group, "role": Role}


class _Simulation(NamedTuple):
    """What every simulated request has in common."""

    policies: Policies
    principal: Principal
    context: dict[str, tuple[str, ...]]
    owner: str
    listed: bool  # resources were named: results tell what is missing resource by resource


@operation("iam", "SimulateCustomPolicy")
async def simulate_custom_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return what given policies decide."""
    identity = tuple(_given(request, "PolicyInputList"))
    if "ResourcePolicy" in request and "CallerArn" not in request:
        raise AwsError("InvalidInput", "CallerArn is required with ResourcePolicy.")
    caller = f"arn:aws:iam::{call.scope.account}:user/simulated"
    return _simulated(request, identity, _given_boundary(request), caller)


@operation("iam", "SimulatePrincipalPolicy")
async def simulate_principal_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return what the policies of a user, group or role, and further ones, decide."""
    view, entity = _entity(call, request["PolicySourceArn"])
    identity = (*identity_sources(view, entity), *_given(request, "PolicyInputList"))
    boundary = _given_boundary(request) or boundary_source(view, entity)
    if "ResourcePolicy" in request and "CallerArn" not in request and not isinstance(entity, User):
        raise AwsError("InvalidInput", "CallerArn is required with ResourcePolicy.")
    return _simulated(request, identity, boundary, entity.arn)


@operation("iam", "GetContextKeysForCustomPolicy")
async def get_context_keys_for_custom_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the condition keys that given policies ask for."""
    return _keys(_given(request, "PolicyInputList"))


@operation("iam", "GetContextKeysForPrincipalPolicy")
async def get_context_keys_for_principal_policy(
    call: Call, request: dict[str, Any]
) -> dict[str, Any]:
    """Return the condition keys that the policies of an entity, and further ones, ask for."""
    view, entity = _entity(call, request["PolicySourceArn"])
    return _keys((*identity_sources(view, entity), *_given(request, "PolicyInputList")))


def _keys(sources: Iterable[Source]) -> dict[str, Any]:
    names: dict[str, str] = {}
    for source in sources:
        names |= source.policy.names
    return {"ContextKeyNames": sorted(names.values())}


def _entity(call: Call, arn: str) -> tuple[View, Entity]:
    found = ARN.fullmatch(arn)
    if found is None:
        raise AwsError(
            "InvalidInput",
            f"Invalid Entity Arn: {arn} does not clearly define entity type and name.",
        )
    view = call.store.view(Scope(found["account"], "").globally())
    entity = view.get(KINDS[found["kind"]], found["rest"].rsplit("/", 1)[-1])
    if found["account"] != call.scope.account or entity is None or entity.arn != arn:
        raise no_such_entity(f"The entity {arn} cannot be found.")
    return view, entity


def _given(request: dict[str, Any], member: str) -> Iterator[Source]:
    for number, document in enumerate(request.get(member, []), 1):
        _check(document, PolicyKind.IDENTITY)
        yield Source(compile_policy(document), f"{member}.{number}", IDENTITY)


def _given_boundary(request: dict[str, Any]) -> Source | None:
    given = list(_given(request, "PermissionsBoundaryPolicyInputList"))
    if len(given) > 1:
        raise AwsError(
            "InvalidInput", "The list of Permissions Boundary policies cannot exceed 1 items."
        )
    return given[0] if given else None


def _resource_policy(request: dict[str, Any]) -> Source | None:
    document = request.get("ResourcePolicy")
    if document is None:
        return None
    _check(document, PolicyKind.RESOURCE)
    return Source(compile_policy(document), "ResourcePolicy", RESOURCE)


def _check(document: str, kind: PolicyKind) -> None:
    fault = fault_in(document, kind)
    if fault is not None:
        raise AwsError("InvalidInput", f"Invalid Policy: {fault}")


def _simulated(
    request: dict[str, Any], identity: tuple[Source, ...], boundary: Source | None, caller: str
) -> dict[str, Any]:
    for name in UNSUPPORTED:
        if name in request:
            raise AwsError("InvalidInput", f"{name} is not supported.")
    wrong = [name for name in request["ActionNames"] if not ACTION.fullmatch(name)]
    if wrong:
        raise AwsError("InvalidInput", f"Invalid Action Names: [{', '.join(wrong)}]")
    arn = request.get("CallerArn", caller)
    account = arn.split(":")[4] if arn.count(":") >= 5 else ""  # noqa: PLR2004 - an ARN's parts
    simulation = _Simulation(
        policies=Policies(identity, boundary, None, _resource_policy(request)),
        principal=Principal(PrincipalKind.USER, arn, account),
        context={
            one["ContextKeyName"].lower(): tuple(one.get("ContextKeyValues", []))
            for one in request.get("ContextEntries", [])
        },
        owner=_account_of(request.get("ResourceOwner", "")),
        listed="ResourceArns" in request,
    )
    questions = [
        (f"{number:09d}", action, resource)
        for number, (action, resource) in enumerate(
            (action, resource)
            for action in request["ActionNames"]
            for resource in request.get("ResourceArns") or [EVERYTHING]
        )
    ]
    shown, rest = page(request, questions, lambda question: question[0])
    results = [_result(simulation, action, resource) for _, action, resource in shown]
    return {"EvaluationResults": results, **rest}


def _account_of(owner: str) -> str:
    parts = owner.split(":")
    return parts[4] if len(parts) > 4 else owner  # noqa: PLR2004 - an ARN's account


def _result(simulation: _Simulation, action: str, resource: str) -> dict[str, Any]:
    policies = simulation.policies
    asked = Request(simulation.principal, action, resource, simulation.context, simulation.owner)
    decision = decide(asked, policies)
    matched = [_shown(one) for one in _deciding(asked, policies, decision)]
    missing = list(missing_keys(asked, policies))
    details: dict[str, Any] = {}
    if policies.boundary is not None:
        allows = side_allows(asked, policies, Side.BOUNDARY)
        denies = any(one.side is Side.BOUNDARY for one in matches(asked, policies, allows=False))
        details["PermissionsBoundaryDecisionDetail"] = {
            "AllowedByPermissionsBoundary": allows and not denies
        }
    answer = {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": decision.outcome.value,
        "MatchedStatements": matched,
        "MissingContextValues": [] if simulation.listed else missing,
        **details,
    }
    if simulation.listed:
        details["EvalDecisionDetails"] = _across(asked, policies)
        specific = {
            "EvalResourceName": resource,
            "EvalResourceDecision": decision.outcome.value,
            "MatchedStatements": matched,
            "MissingContextValues": missing,
        }
        answer |= {**details, "ResourceSpecificResults": [{**specific, **details}]}
    return answer


def _deciding(asked: Request, policies: Policies, decision: Decision) -> Iterator[Match]:
    """Yield the statements that determine the result: denying ones alone, where there are some."""
    if decision.outcome is Outcome.IMPLICIT_DENY:
        return
    granting = (Side.IDENTITY, Side.RESOURCE)
    for match in matches(asked, policies, allows=decision.allowed):
        if not decision.allowed or match.side in granting:
            yield match


def _across(asked: Request, policies: Policies) -> dict[str, str]:
    """Return each side's own decision where resource and caller are of different accounts."""
    if not asked.owner or asked.owner == asked.principal.account:
        return {}
    inside = asked._replace(owner="")
    identity = decide(inside, policies._replace(resource=None))
    resource = decide(asked, Policies(resource=policies.resource, resource_decides=True))
    if resource.side is Side.IDENTITY and resource.outcome is Outcome.IMPLICIT_DENY:
        resource = resource._replace(outcome=Outcome.ALLOWED)  # the resource's own side is content
    return {IDENTITY: identity.outcome.value, RESOURCE: resource.outcome.value}


def _shown(match: Match) -> dict[str, Any]:
    start, end = match.statement.span
    return {
        "SourcePolicyId": match.source.name,
        "SourcePolicyType": match.source.kind,
        "StartPosition": {"Line": start.line, "Column": start.column},
        "EndPosition": {"Line": end.line, "Column": end.column},
    }
