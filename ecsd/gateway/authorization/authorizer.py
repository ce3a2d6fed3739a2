"""Whether the caller may do what it asks for: strict mode asks its policies before each operation.

Source: IAM User Guide, Policy evaluation logic; AWS global condition context keys.
"""

from collections.abc import Mapping
from typing import Any

from ecsd.decisions.iam.evaluation import (
    Decision,
    Policies,
    Request,
    Source,
    decide,
    keys_asked,
)
from ecsd.decisions.iam.principal import Principal, PrincipalKind
from ecsd.decisions.iam.statement import compile_policy
from ecsd.decisions.iam.wording import refusal
from ecsd.decisions.s3.public_policy import is_public
from ecsd.errors import AwsError
from ecsd.gateway.authorization import s3
from ecsd.gateway.authorization.need import Asked, Need
from ecsd.gateway.authorization.table import FREE, needs_its_own_alone, needs_of
from ecsd.gateway.s3_address import is_presigned_v2
from ecsd.operations.call import Call
from ecsd.protocol.message import HttpRequest
from ecsd.records.s3.bucket import Bucket
from ecsd.store.finders.iam_caller import Identity, Keys, context_of, identify, recall, tag_keys
from ecsd.store.finders.s3 import OwnedBucket, find_bucket, newest_version
from ecsd.store.finders.tags import resource_tags
from ecsd.store.log_delivery import log_deliverers

WITH_POLICIES = ("kms", "secretsmanager")  # services whose resources have policies of their own
# What a bucket's policy cannot take from its owner's root. Source: S3 User Guide, Bucket policies.
OF_ROOT = ("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy")
RESOURCE_TAG = tuple(
    f"{service}:resourcetag/" for service in ("aws", "ecs", "ec2", "iam", "secretsmanager", "ssm")
)
TAG_KEY, TAG_VALUE = ("key", "Key", "TagKey"), ("value", "Value", "TagValue")  # as services say it


def authorize(
    call: Call, route: tuple[str, str, str], request: HttpRequest, members: Mapping[str, Any]
) -> None:
    """Let a request pass, or refuse it: AccessDenied, InvalidClientTokenId.

    route: service, its signing name, operation. Root needs no permission in its own account but
    that of resources whose own policies decide.
    """
    service, signing_name, operation = route
    caller = call.caller
    if service == "s3":
        _authorize_s3(call, request, Asked(operation, members, call.view, caller.arn))
        return
    if not caller.arn:
        return  # unsigned: the operation judges the token that it brings
    known = recall(call.store, call.scope.account, caller.arn, caller.access_key_id)
    identity = known.identity
    _check_session_token(identity, service, operation)
    settled = known.settled
    if needs_its_own_alone(service, operation) and settled.allows_everywhere(
        f"{signing_name}:{operation}"
    ):
        return
    asked = Asked(operation, members, call.view, caller.arn)
    common: Keys | None = None  # most statements have no conditions: then it is not looked for
    for need in needs_of(service, signing_name, asked):
        if need.action.startswith("s3:"):
            _judge_s3(call, identity, need, _of_service(call, identity, request))
            continue
        own = need.owner in ("", call.scope.account)
        if caller.arn.endswith(":root") and own and service not in WITH_POLICIES:
            continue
        decision = None
        if need.policy is None and not need.decides:
            decision = settled.decision(need.action, need.resource, need.owner)
        if decision is None:
            common = common or {
                **context_of(identity, call.clock.now(), call.scope.region),
                **of_connection(request),
                **of_tags(members),
            }
            decision = _decision(service, asked, need, identity, common)
        if not decision.allowed:
            message = refusal(decision, caller.arn, need.action, need.resource)
            raise AwsError("AccessDenied", message, status=403)


def _decision(service: str, asked: Asked, need: Need, identity: Identity, common: Keys) -> Decision:
    """Return what policies say of a need, of the resource's too. common: the request's keys."""
    policies = identity.policies._replace(resource=need.policy, resource_decides=need.decides)
    context = {**common, **need.context}
    keys = keys_asked(need.action, need.resource, policies)
    if any(key.startswith(RESOURCE_TAG) for key in keys):
        context |= _resource_tag_keys(service, asked, need.resource)
    request = Request(identity.principal, need.action, need.resource, context, need.owner)
    return decide(request, policies)


def _authorize_s3(call: Call, request: HttpRequest, asked: Asked) -> None:
    """Let a request to S3 pass, or refuse it: the bucket's policy has a say.

    It has to allow what callers of other accounts do, and decides alone over unsigned requests.
    Source: S3 User Guide, How Amazon S3 authorizes a request; Blocking public access.
    """
    identity = identify(call.store, call.scope.account, call.caller.arn, call.caller.access_key_id)
    if not call.caller.arn:
        identity = Identity(Principal(PrincipalKind.ANONYMOUS, "", ""), Policies(), {})
    common = {
        **context_of(identity, call.clock.now(), call.scope.region),
        **of_connection(request),
        "s3:signatureversion": (_signature_version(request),),
    }
    for need in [*s3.needs(asked), *_of_absence(call, asked)]:
        _judge_s3(call, identity, need, common)


def _judge_s3(call: Call, identity: Identity, need: Need, common: Keys) -> None:
    """Let pass what is asked of S3, or refuse it. common: condition keys of the request."""
    found = find_bucket(call.store, s3.bucket_of(need))
    owner = "" if found is None else found.scope.account
    own = owner in ("", call.scope.account)
    root = identity.principal.kind is PrincipalKind.ROOT
    if root and own and (found is None or need.action in OF_ROOT):
        return
    source = None if found is None else _bucket_policy(found.bucket, own=own)
    context = {**common, **need.context}
    if found is not None:
        context |= _object_tags(call, found, need.resource)
    policies = identity.policies._replace(resource=source)
    decisions = [
        decide(Request(one, need.action, need.resource, context, owner), policies)
        for one in _names_of(identity, call.scope.region)
    ]
    decision = next((one for one in decisions if one.allowed), decisions[0])
    if not decision.allowed:
        said = call.caller.arn or "anonymous"
        message = refusal(decision, said, need.action, need.resource)
        raise AwsError("AccessDenied", message, status=403)


def _of_service(call: Call, identity: Identity, request: HttpRequest) -> Keys:
    """Return the condition keys of what a service asks of another one for the caller."""
    return {
        **context_of(identity, call.clock.now(), call.scope.region),
        **of_connection(request),
        "aws:viaawsservice": ("true",),
    }


def _names_of(identity: Identity, region: str) -> list[Principal]:
    """Return as whom buckets' policies may name a caller: several for who delivers logs."""
    session = identity.session
    if session is not None and session.load_balancer_arn is not None:
        return log_deliverers(region)
    return [identity.principal]


def _of_absence(call: Call, asked: Asked) -> list[Need]:
    """Return what it needs to hear that an object is not there. Source: S3 API, GetObject."""
    found = find_bucket(call.store, str(asked.members.get("Bucket", "")))
    if found is None or asked.operation not in ("GetObject", "HeadObject"):
        return []
    view = call.store.view(found.scope)
    newest = newest_version(view, found.bucket.name, asked.members["Key"])
    there = newest is not None and (not newest.delete_marker or "VersionId" in asked.members)
    return [] if there else [Need("s3:ListBucket", found.bucket.arn)]


def _bucket_policy(bucket: Bucket, *, own: bool) -> Source | None:
    """Return the policy that counts: a public one may be kept to the owner's account."""
    block = bucket.public_access_block
    if bucket.policy is None:
        return None
    restricted = block is not None and block.restrict_public_buckets
    if restricted and not own and is_public(bucket.policy):
        return None
    return Source(compile_policy(bucket.policy), bucket.arn, "resource")


def _object_tags(call: Call, found: OwnedBucket, resource: str) -> Keys:
    name = resource.removeprefix(f"{found.bucket.arn}/")
    one = newest_version(call.store.view(found.scope), found.bucket.name, name)
    return {} if one is None else tag_keys("s3:existingobjecttag", one.tags)


def _signature_version(request: HttpRequest) -> str:
    return "AWS" if is_presigned_v2(request.query) else "AWS4-HMAC-SHA256"


def _check_session_token(identity: Identity, service: str, operation: str) -> None:
    """Refuse what GetSessionToken's credentials cannot do without MFA: IAM, and most of STS.

    Those of GetFederationToken cannot either; the operations of STS refuse them the rest.
    """
    session = identity.session
    if session is None or session.role_name is not None:
        return
    if service == "iam" or (service == "sts" and (service, operation) not in FREE):
        raise AwsError(
            "InvalidClientTokenId",
            "The security token included in the request is invalid",
            status=403,
        )


def of_connection(request: HttpRequest) -> Keys:
    """Return the condition keys of how a request came. Source: global keys, network properties."""
    keys: Keys = {
        "aws:securetransport": ("true" if request.secure else "false",),
        "aws:viaawsservice": ("false",),
    }
    through = request.through
    if through is not None:
        keys["aws:sourcevpc"] = (through.vpc_id,)
        keys["aws:sourcevpce"] = (through.vpc_endpoint_id,)
        keys["aws:vpcsourceip"] = (through.peer,)
    elif request.peer:
        keys["aws:sourceip"] = (request.peer,)
    for header, key in (("user-agent", "aws:useragent"), ("referer", "aws:referer")):
        if header in request.headers:
            keys[key] = (request.headers[header],)
    return keys


def of_tags(members: Mapping[str, Any]) -> Keys:
    """Return the condition keys of tags that a request brings or names."""
    keys: Keys = {}
    names: list[str] = []
    for key, value in _tags_in(members):
        names.append(key)
        if value is not None:
            keys[f"aws:requesttag/{key.lower()}"] = (value,)
    if names:
        keys["aws:tagkeys"] = tuple(names)
    return keys


def _tags_in(members: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    given: list[Any] = []
    for name in ("Tags", "tags", "TagKeys", "tagKeys", "AddTags", "RemoveTagKeys"):
        value = members.get(name)
        if isinstance(value, Mapping):
            given += [{"key": key, "value": text} for key, text in value.items()]
        elif isinstance(value, list):
            given += value
    for specification in members.get("TagSpecifications") or []:
        given += specification.get("Tags", [])
    found: list[tuple[str, str | None]] = []
    for one in given:
        if isinstance(one, str):
            found.append((one, None))
        elif isinstance(one, Mapping):
            key = next((one[name] for name in TAG_KEY if name in one), None)
            if isinstance(key, str):
                value = next((one[name] for name in TAG_VALUE if name in one), None)
                found.append((key, str(value or "")))
    return found


def _resource_tag_keys(service: str, asked: Asked, resource: str) -> Keys:
    tags = resource_tags(asked.view, resource)
    keys = tag_keys("aws:resourcetag", tags)
    return {**keys, **tag_keys(f"{service}:resourcetag", tags)}
