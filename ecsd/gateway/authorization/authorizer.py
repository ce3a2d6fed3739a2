"""Whether the caller may do what it asks for: strict mode asks its policies before each operation.

Source: IAM User Guide, Policy evaluation logic; AWS global condition context keys.
"""

from collections.abc import Mapping
from typing import Any

from ecsd.decisions.iam.evaluation import Request, decide, keys_asked
from ecsd.decisions.iam.wording import refusal
from ecsd.errors import AwsError
from ecsd.gateway.authorization.need import Asked
from ecsd.gateway.authorization.table import FREE, needs_of
from ecsd.operations.call import Call
from ecsd.protocol.message import HttpRequest
from ecsd.store.finders.iam_caller import Identity, Keys, context_of, identify, tag_keys
from ecsd.store.finders.tags import resource_tags

RESOURCE_TAG = ("aws:resourcetag/", "ecs:resourcetag/", "ec2:resourcetag/", "iam:resourcetag/")


def authorize(
    call: Call, route: tuple[str, str, str], request: HttpRequest, members: Mapping[str, Any]
) -> None:
    """Let a request pass, or refuse it: AccessDenied, InvalidClientTokenId.

    route: service, its signing name, operation. The account's root needs no permission.
    """
    service, signing_name, operation = route
    caller = call.caller
    if not caller.arn:
        return  # unsigned: the operation judges the token that it brings
    identity = identify(call.store, call.scope.account, caller.arn, caller.access_key_id)
    _check_session_token(identity, service, operation)
    if caller.arn.endswith(":root"):
        return
    asked = Asked(operation, members, call.view, caller.arn)
    policies = identity.policies
    common: Keys | None = None  # most statements have no conditions: then it is not looked for
    for need in needs_of(service, signing_name, asked):
        context, keys = need.context, keys_asked(need.action, need.resource, policies)
        if keys:
            common = common or {
                **context_of(identity, call.clock.now(), call.scope.region),
                **_of_connection(request),
                **_of_tags(members),
            }
            context = {**common, **need.context}
        if any(key.startswith(RESOURCE_TAG) for key in keys):
            context |= _resource_tag_keys(service, asked, need.resource)
        decision = decide(
            Request(identity.principal, need.action, need.resource, context), policies
        )
        if not decision.allowed:
            message = refusal(decision, caller.arn, need.action, need.resource)
            raise AwsError("AccessDenied", message, status=403)


def _check_session_token(identity: Identity, service: str, operation: str) -> None:
    """Refuse what GetSessionToken's credentials cannot do without MFA: IAM, and most of STS."""
    session = identity.session
    if session is None or session.role_name is not None:
        return
    if service == "iam" or (service == "sts" and (service, operation) not in FREE):
        raise AwsError(
            "InvalidClientTokenId",
            "The security token included in the request is invalid",
            status=403,
        )


def _of_connection(request: HttpRequest) -> Keys:
    keys: Keys = {
        "aws:securetransport": ("true" if request.secure else "false",),
        "aws:viaawsservice": ("false",),
    }
    if request.peer:
        keys["aws:sourceip"] = (request.peer,)
    for header, key in (("user-agent", "aws:useragent"), ("referer", "aws:referer")):
        if header in request.headers:
            keys[key] = (request.headers[header],)
    return keys


def _of_tags(members: Mapping[str, Any]) -> Keys:
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
            key = one.get("key", one.get("Key"))
            if isinstance(key, str):
                found.append((key, str(one.get("value", one.get("Value")) or "")))
    return found


def _resource_tag_keys(service: str, asked: Asked, resource: str) -> Keys:
    tags = resource_tags(asked.view, resource)
    keys = tag_keys("aws:resourcetag", tags)
    return {**keys, **tag_keys(f"{service}:resourcetag", tags)}
