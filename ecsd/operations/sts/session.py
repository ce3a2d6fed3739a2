"""Temporary credentials: AssumeRole, GetSessionToken and GetFederationToken.

Sessions are recorded until they expire, their secrets sealed: so they can be told, and ended.
Source: AWS STS API Reference.
"""

from typing import Any, NamedTuple

from msgspec.structs import replace

from ecsd.decisions.iam.policy_document import PolicyKind, fault_in
from ecsd.decisions.iam.principal import PrincipalKind
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.sts.trust import check_trusted, denied, session_tags, transitive_keys
from ecsd.records.iam.role import Role
from ecsd.records.iam.session import Session
from ecsd.records.tag import Tag
from ecsd.store.finders.iam import find_policy, find_role_by_arn
from ecsd.store.finders.iam_caller import Identity, Keys, identify, tag_keys
from ecsd.store.scope import Scope
from ecsd.store.sessions import Credentials, new_session
from ecsd.store.store import Transaction, View

ASSUMED_SECONDS = 3600  # when DurationSeconds is not given
TOKEN_SECONDS = 43_200
CHAINED_SECONDS = 3600  # the longest session that an assumed role may open
ROOT_TOKEN_SECONDS = 3600  # the longest session token of the root user
POLICY_SIZE = 2048  # characters of a session policy
MOST_POLICY_ARNS = 10
UNSUPPORTED = ("SerialNumber", "TokenCode", "ProvidedContexts", "MinimumSessionTokenSize")


class Assumption(NamedTuple):
    """What a session of a role is opened with."""

    name: str
    seconds: int
    source_identity: str | None = None
    tags: tuple[Tag, ...] = ()
    transitive_tag_keys: tuple[str, ...] = ()
    provider_arn: str | None = None


@operation("sts", "AssumeRole")
async def assume_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Open a session of a role that trusts the caller."""
    refuse_unsupported(request)
    arn = request["RoleArn"]
    identity = identify(call.store, call.scope.account, call.caller.arn, call.caller.access_key_id)
    if identity.principal.kind is PrincipalKind.FEDERATED_USER:
        raise denied(call.caller.arn, "sts:AssumeRole", arn)
    inherited = _inherited(identity)
    source_identity = _source_identity(request, identity)
    async with call.store.transaction(home_of(call, arn)) as change:
        role = find_role_by_arn(change, arn)
        if role is None:
            raise denied(call.caller.arn, "sts:AssumeRole", arn)
        check_trusted(call, role, identity, "sts:AssumeRole", _keys(request, inherited, identity))
        assumption = Assumption(
            name=request["RoleSessionName"],
            seconds=_duration(role, identity, request.get("DurationSeconds", ASSUMED_SECONDS)),
            source_identity=source_identity,
            tags=session_tags(request, inherited),
            transitive_tag_keys=transitive_keys(request, inherited),
        )
        session, credentials = open_session(call, change, role, assumption, request)
    return assumed(session, credentials)


@operation("sts", "GetSessionToken")
async def get_session_token(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Open a session of the caller itself."""
    refuse_unsupported(request)
    _refuse_sessions(call, "GetSessionToken")
    session, credentials = new_session(
        call.ids,
        call.authority.seal,
        call.clock.now(),
        _own_duration(call, request),
        arn=call.caller.arn,
        user_id=call.caller.user_id,
        role_name=None,
    )
    async with call.store.transaction(call.scope.globally()) as change:
        change.put(session)
    return {"Credentials": credentials.shown()}


@operation("sts", "GetFederationToken")
async def get_federation_token(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Open a session of somebody who may what the caller and the session's policies both allow."""
    refuse_unsupported(request)
    _refuse_sessions(call, "GetFederationToken")
    account, name = call.scope.account, request["Name"]
    async with call.store.transaction(call.scope.globally()) as change:
        _check_session_policies(change, request)
        session, credentials = new_session(
            call.ids,
            call.authority.seal,
            call.clock.now(),
            _own_duration(call, request),
            arn=f"arn:aws:sts::{account}:federated-user/{name}",
            user_id=f"{account}:{name}",
            role_name=None,
            **_policies(request),
            tags=session_tags(request),
            federator_arn=call.caller.arn,
            federator_id=call.caller.user_id,
        )
        change.put(session)
    return {
        "Credentials": credentials.shown(),
        "FederatedUser": {"FederatedUserId": session.user_id, "Arn": session.arn},
    }


def home_of(call: Call, role_arn: str) -> Scope:
    """Return where the role of an ARN is stored."""
    parts = role_arn.count(":")
    scope = Scope.of_arn(role_arn) if parts >= 5 else call.scope  # noqa: PLR2004 - an ARN's parts
    return scope.globally()


def open_session(
    call: Call,
    change: Transaction,
    role: Role,
    assumption: Assumption,
    request: dict[str, Any],
) -> tuple[Session, Credentials]:
    """Store a session of a role, with the session policies of the request."""
    _check_session_policies(change, request)
    session, credentials = new_session(
        call.ids,
        call.authority.seal,
        call.clock.now(),
        assumption.seconds,
        arn=f"arn:aws:sts::{change.scope.account}:assumed-role/{role.role_name}/{assumption.name}",
        user_id=f"{role.role_id}:{assumption.name}",
        role_name=role.role_name,
        **_policies(request),
        source_identity=assumption.source_identity,
        tags=assumption.tags,
        transitive_tag_keys=assumption.transitive_tag_keys,
        provider_arn=assumption.provider_arn,
    )
    change.put(session)
    change.put(replace(role, last_used_at=session.created_at, last_used_region=call.scope.region))
    return session, credentials


def assumed(session: Session, credentials: Credentials) -> dict[str, Any]:
    """Return the answer that hands out a role's session."""
    answer: dict[str, Any] = {
        "Credentials": credentials.shown(),
        "AssumedRoleUser": {"AssumedRoleId": session.user_id, "Arn": session.arn},
    }
    if session.source_identity:
        answer["SourceIdentity"] = session.source_identity
    return answer


def check_duration(role: Role, seconds: int) -> int:
    """Return a session's length, or refuse: the role does not allow one so long."""
    if seconds > role.max_session_duration:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )
    return seconds


def refuse_unsupported(request: dict[str, Any]) -> None:
    """Refuse members without effect here, by name."""
    for name in UNSUPPORTED:
        if name in request:
            raise AwsError("ValidationError", f"{name} is not supported.")


def _duration(role: Role, identity: Identity, seconds: int) -> int:
    chained = identity.session is not None and identity.session.role_name is not None
    if chained and seconds > CHAINED_SECONDS:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed "
            "by role chaining",
        )
    return check_duration(role, seconds)


def _inherited(identity: Identity) -> tuple[Tag, ...]:
    session = identity.session
    if session is None:
        return ()
    keys = {key.lower() for key in session.transitive_tag_keys}
    return tuple(tag for tag in session.tags if tag.key.lower() in keys)


def _source_identity(request: dict[str, Any], identity: Identity) -> str | None:
    """Return the source identity, which once set stays over a chain of roles."""
    own = identity.session.source_identity if identity.session is not None else None
    given: str | None = request.get("SourceIdentity")
    if own is not None and given not in (None, own):
        raise AwsError(
            "AccessDenied", "SourceIdentity is set by the calling session already.", status=403
        )
    return own or given


def _keys(request: dict[str, Any], inherited: tuple[Tag, ...], identity: Identity) -> Keys:
    """Return the condition keys of an AssumeRole."""
    keys: Keys = {"sts:rolesessionname": (request["RoleSessionName"],)}
    if "ExternalId" in request:
        keys["sts:externalid"] = (request["ExternalId"],)
    source_identity = _source_identity(request, identity)
    if source_identity is not None:
        keys["sts:sourceidentity"] = (source_identity,)
    tags = session_tags(request, inherited)
    if tags:
        keys |= tag_keys("aws:requesttag", tags)
        keys["aws:tagkeys"] = tuple(tag.key for tag in tags)
    transitive = transitive_keys(request, inherited)
    if transitive:
        keys["sts:transitivetagkeys"] = transitive
    return keys


def _refuse_sessions(call: Call, operation: str) -> None:
    """Refuse what only a user's or the root's own keys can do."""
    identity = identify(call.store, call.scope.account, call.caller.arn, call.caller.access_key_id)
    if identity.session is not None:
        raise AwsError(
            "AccessDenied", f"Cannot call {operation} with session credentials", status=403
        )


def _own_duration(call: Call, request: dict[str, Any]) -> int:
    """Return the length of a session that rests on the caller's own key."""
    seconds: int = request.get("DurationSeconds", TOKEN_SECONDS)
    return min(seconds, ROOT_TOKEN_SECONDS) if call.caller.arn.endswith(":root") else seconds


def _policies(request: dict[str, Any]) -> dict[str, Any]:
    """Return the record's members of session policies."""
    return {
        "policy": request.get("Policy"),
        "policy_arns": tuple(one["arn"] for one in request.get("PolicyArns", [])),
    }


def _check_session_policies(view: View, request: dict[str, Any]) -> None:
    document = request.get("Policy")
    if document is not None:
        fault = fault_in(document, PolicyKind.IDENTITY)
        if fault is not None:
            raise AwsError("MalformedPolicyDocument", fault)
        if len(document) > POLICY_SIZE:
            raise AwsError(
                "PackedPolicyTooLarge", f"The session policy exceeds {POLICY_SIZE} characters."
            )
    arns = request.get("PolicyArns", [])
    if len(arns) > MOST_POLICY_ARNS:
        raise AwsError("ValidationError", f"PolicyArns holds at most {MOST_POLICY_ARNS} policies.")
    for one in arns:
        if find_policy(view, one["arn"]) is None:
            raise AwsError("ValidationError", f"Policy {one['arn']} does not exist.")
