"""Whether a role lets itself be assumed: its trust policy, and what the caller may.

Source: IAM User Guide, role trust policies; STS API Reference, AssumeRole; session tags.
"""

from collections.abc import Iterator
from typing import Any

from ecsd.decisions.iam.evaluation import Policies, Request, Source, decide
from ecsd.decisions.iam.statement import compile_policy
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.records.iam.role import Role
from ecsd.records.tag import Tag
from ecsd.store.finders.iam_caller import Identity, Keys, context_of, tag_keys
from ecsd.store.finders.iam_policies import RESOURCE

MOST_TAGS = 50


def check_trusted(call: Call, role: Role, identity: Identity, action: str, given: Keys) -> None:
    """Refuse with AccessDenied what trust policy and caller's policies do not both let through.

    given: the condition keys of this request. Session tags and a source identity each need their
    own permission, ``sts:TagSession`` and ``sts:SetSourceIdentity``.
    """
    if call.settings.mode == "local" and call.settings.iam == "off":
        return
    context = {**context_of(identity, call.clock.now(), call.scope.region), **given}
    context |= tag_keys("aws:resourcetag", role.tags)
    trust = Source(compile_policy(role.assume_role_policy_document), "trust", RESOURCE)
    policies: Policies = identity.policies._replace(resource=trust, resource_decides=True)
    owner = role.arn.split(":")[4] if identity.principal.account else ""
    for name in (action, *_further(given)):
        request = Request(identity.principal, name, role.arn, context, owner)
        if not decide(request, policies).allowed:
            raise denied(identity.principal.arn, name, role.arn)


def denied(caller: str, action: str, role_arn: str) -> AwsError:
    """Return STS's refusal, which gives no reason: it would tell about another's role."""
    return AwsError(
        "AccessDenied",
        f"User: {caller} is not authorized to perform: {action} on resource: {role_arn}",
        status=403,
    )


def session_tags(request: dict[str, Any], inherited: tuple[Tag, ...] = ()) -> tuple[Tag, ...]:
    """Return the tags of a new session: what was inherited, and what is given.

    Raises:
        AwsError: InvalidParameterValue, ValidationError: doubled, reserved, too many, or one that
            would replace an inherited tag.
    """
    given = tuple(Tag(key=one["Key"], value=one["Value"]) for one in request.get("Tags", []))
    folded = [tag.key.lower() for tag in given]
    if len(folded) != len(set(folded)):
        raise AwsError(
            "InvalidParameterValue",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        )
    if any(key.startswith("aws:") for key in folded):
        raise AwsError(
            "InvalidParameterValue", "Tag keys beginning with aws: are reserved for system use."
        )
    taken = {tag.key.lower() for tag in inherited} & set(folded)
    if taken:
        raise AwsError(
            "InvalidParameterValue",
            "One of the specified transitive tag keys can't be set because it conflicts with a "
            f"transitive tag key from the calling session: {min(taken)}",
        )
    if len(given) + len(inherited) > MOST_TAGS:
        raise AwsError("ValidationError", f"A session has at most {MOST_TAGS} tags.")
    return (*inherited, *given)


def transitive_keys(request: dict[str, Any], inherited: tuple[Tag, ...]) -> tuple[str, ...]:
    """Return which tags go on into sessions that this one will open."""
    keys = tuple(request.get("TransitiveTagKeys", []))
    given = {one["Key"].lower() for one in request.get("Tags", [])}
    unknown = [key for key in keys if key.lower() not in given]
    if unknown:
        raise AwsError(
            "InvalidParameterValue",
            "The specified transitive tag key must be included in the requested tags: "
            f"{unknown[0]}",
        )
    return (*(tag.key for tag in inherited), *keys)


def _further(given: Keys) -> Iterator[str]:
    if "aws:tagkeys" in given:
        yield "sts:TagSession"
    if "sts:sourceidentity" in given:
        yield "sts:SetSourceIdentity"
