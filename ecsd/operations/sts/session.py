"""Temporary credentials: AssumeRole and GetSessionToken.

The credentials are recorded until they expire, so that a later call with their key is told as the
assumed role. Source: AWS STS API Reference.
"""

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.policy_document import PolicyKind, fault_in
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.records.iam.role import Role
from ecsd.records.iam.session import Session
from ecsd.records.tag import Tag
from ecsd.store.finders.iam import find_policy, find_role_by_arn
from ecsd.store.scope import Scope
from ecsd.store.store import View

ASSUMED_SECONDS = 3600  # when DurationSeconds is not given
TOKEN_SECONDS = 43_200
CHAINED_SECONDS = 3600  # the longest session that an assumed role may open
ROOT_TOKEN_SECONDS = 3600  # the longest session token of the root user
TOKEN_LENGTH = 356
POLICY_SIZE = 2048  # characters of a session policy
UNSUPPORTED = ("SerialNumber", "TokenCode", "ProvidedContexts", "MinimumSessionTokenSize")


@operation("sts", "AssumeRole")
async def assume_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Open a session of a role; whether its trust permits the caller is evaluated elsewhere."""
    _refuse_unsupported(request)
    arn, name = request["RoleArn"], request["RoleSessionName"]
    scope = Scope.of_arn(arn) if arn.count(":") >= 5 else call.scope  # noqa: PLR2004 - an ARN's parts
    home = scope.globally()
    async with call.store.transaction(home) as change:
        role = find_role_by_arn(change, arn)
        if role is None:
            raise _denied(call, arn)
        seconds = _duration(call, role, request.get("DurationSeconds", ASSUMED_SECONDS))
        _check_session_policies(change, request)
        session = _new_session(call, seconds)
        session = replace(
            session,
            arn=f"arn:aws:sts::{home.account}:assumed-role/{role.role_name}/{name}",
            user_id=f"{role.role_id}:{name}",
            role_name=role.role_name,
            policy=request.get("Policy"),
            policy_arns=tuple(one["arn"] for one in request.get("PolicyArns", [])),
            source_identity=request.get("SourceIdentity"),
            tags=tuple(Tag(key=one["Key"], value=one["Value"]) for one in request.get("Tags", [])),
            transitive_tag_keys=tuple(request.get("TransitiveTagKeys", [])),
        )
        change.put(session)
        change.put(
            replace(role, last_used_at=session.created_at, last_used_region=call.scope.region)
        )
    answer: dict[str, Any] = {
        "Credentials": _credentials(session),
        "AssumedRoleUser": {"AssumedRoleId": session.user_id, "Arn": session.arn},
    }
    if session.source_identity:
        answer["SourceIdentity"] = session.source_identity
    return answer


@operation("sts", "GetSessionToken")
async def get_session_token(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Open a session of the caller itself."""
    _refuse_unsupported(request)
    if _is_assumed(call):
        raise AwsError(
            "AccessDenied", "Cannot call GetSessionToken with session credentials", status=403
        )
    seconds = request.get("DurationSeconds", TOKEN_SECONDS)
    if call.caller.arn.endswith(":root"):
        seconds = min(seconds, ROOT_TOKEN_SECONDS)
    session = _new_session(call, seconds)
    async with call.store.transaction(call.scope.globally()) as change:
        change.put(session)
    return {"Credentials": _credentials(session)}


def _new_session(call: Call, seconds: int) -> Session:
    now = call.clock.now()
    return Session(
        access_key_id=call.ids.unique_id("ASIA")[:20],
        secret_access_key=call.ids.secret(40),
        session_token="IQoJb3JpZ2luX2Vj" + call.ids.secret(TOKEN_LENGTH),
        arn=call.caller.arn,
        user_id=call.caller.user_id,
        role_name=None,
        created_at=now,
        expires_at=now + timedelta(seconds=seconds),
    )


def _credentials(session: Session) -> dict[str, Any]:
    return {
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "SessionToken": session.session_token,
        "Expiration": session.expires_at,
    }


def _duration(call: Call, role: Role, seconds: int) -> int:
    if _is_assumed(call) and seconds > CHAINED_SECONDS:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed "
            "by role chaining",
        )
    if seconds > role.max_session_duration:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )
    return seconds


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
    for one in request.get("PolicyArns", []):
        if find_policy(view, one["arn"]) is None:
            raise AwsError("ValidationError", f"Policy {one['arn']} does not exist.")


def _is_assumed(call: Call) -> bool:
    return ":assumed-role/" in call.caller.arn


def _denied(call: Call, role_arn: str) -> AwsError:
    return AwsError(
        "AccessDenied",
        f"User: {call.caller.arn} is not authorized to perform: sts:AssumeRole "
        f"on resource: {role_arn}",
        status=403,
    )


def _refuse_unsupported(request: dict[str, Any]) -> None:
    for name in UNSUPPORTED:
        if name in request:
            raise AwsError("ValidationError", f"{name} is not supported.")
