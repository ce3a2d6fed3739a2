"""Values of secrets as the store keeps them: encrypted under a KMS key.

Source: AWS Secrets Manager User Guide, Secret encryption and decryption.
"""

import base64
from typing import Any, NamedTuple

from msgspec.structs import replace

from ecsd.decisions.secretsmanager.rotation import put_by_hand
from ecsd.decisions.secretsmanager.stages import MOST, attached, labels_of
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.secretsmanager.requests import invalid
from ecsd.records.secretsmanager.secret import Secret, SecretVersion
from ecsd.store.finders.secretsmanager import find_version, versions_of
from ecsd.store.kms_keys import ServiceKeys, Workshop, key_judge
from ecsd.store.secret_values import secret_context
from ecsd.store.store import Transaction, View

DEFAULT_KEY = "alias/aws/secretsmanager"
DEFAULT_KEY_SHOWN = "DefaultEncryptionKey"
VERSIONS = 100


class Value(NamedTuple):
    """A secret's value: a text or bytes."""

    content: bytes
    is_binary: bool

    def shown(self) -> dict[str, Any]:
        """Return it as the member of an answer."""
        if self.is_binary:
            return {"SecretBinary": self.content}
        return {"SecretString": self.content.decode()}


def value_in(request: dict[str, Any]) -> Value | None:
    """Return the value that a request brings, None if it brings none."""
    text, binary = request.get("SecretString"), request.get("SecretBinary")
    if text is not None and binary is not None:
        raise invalid(
            "You can't specify both a binary secret value and a string secret value in the same "
            "secret."
        )
    if text is not None:
        return Value(text.encode(), is_binary=False)
    return None if binary is None else Value(binary, is_binary=True)


def add_version(
    call: Call,
    change: Transaction,
    secret: Secret,
    value: Value,
    request: dict[str, Any],
) -> tuple[Secret, str]:
    """Store a version with its labels; return the secret as stored and the version's id.

    A version that is there already under the request's token is left as it is, if its value is the
    same. Raises AwsError: ResourceExistsException: the value is another.
    """
    version_id = request.get("ClientRequestToken") or call.ids.uuid()
    known = find_version(change, secret, version_id)
    if known is not None:
        if _opened(call, change, known) != value:
            raise AwsError(
                "ResourceExistsException",
                f"You can't use ClientRequestToken {version_id} because that value is already in "
                f"use for a version of secret {secret.arn}.",
            )
        return secret, version_id
    stages = attached(secret.stages, version_id, request.get("VersionStages") or ())
    if len(labels_of(stages, version_id)) > MOST:
        raise AwsError("LimitExceededException", f"A version may have at most {MOST} labels.")
    now = call.clock.now()
    changed = put_by_hand(secret, replace(secret, stages=stages, changed_at=now), now)
    _make_room(change, changed)
    change.put(changed, _sealed(call, change, changed, version_id, value))
    return changed, version_id


def open_version(call: Call, view: View, version: SecretVersion) -> Value:
    """Return a version's value; refused: the key cannot be used, or not by this caller."""
    return _opened(call, view, version)


def seal_anew(call: Call, change: Transaction, secret: Secret) -> None:
    """Encrypt the versions that have labels under the key that the secret has now."""
    for version_id in set(secret.stages.values()):
        version = find_version(change, secret, version_id)
        if version is not None:
            value = _opened(call, change, version)
            fresh = _sealed(call, change, secret, version_id, value)
            change.put(replace(fresh, created_at=version.created_at))


def _opened(call: Call, view: View, version: SecretVersion) -> Value:
    blob = base64.b64decode(version.kept_value)
    context = secret_context(version.secret_arn, version.version_id)
    try:
        content = _keys(call).decrypt(view, blob, context)
    except AwsError as error:
        raise _refusal(
            error,
            "DecryptionFailure",
            "Secrets Manager can't decrypt the protected secret text using the provided KMS key.",
        ) from error
    return Value(content, version.is_binary)


def _sealed(
    call: Call, change: Transaction, secret: Secret, version_id: str, value: Value
) -> SecretVersion:
    try:
        _, blob = _keys(call).encrypt(
            change,
            secret.kms_key_id or DEFAULT_KEY,
            "kms:GenerateDataKey",
            value.content,
            secret_context(secret.arn, version_id),
        )
    except AwsError as error:
        raise _refusal(
            error,
            "EncryptionFailure",
            "Secrets Manager can't encrypt the protected secret text using the provided KMS key.",
        ) from error
    return SecretVersion(
        secret_arn=secret.arn,
        version_id=version_id,
        kept_value=base64.b64encode(blob).decode(),
        is_binary=value.is_binary,
        key_id=secret.kms_key_id or DEFAULT_KEY_SHOWN,
        created_at=call.clock.now(),
    )


def _make_room(change: Transaction, secret: Secret) -> None:
    """Let the oldest version without a label go when there are too many."""
    held = versions_of(change, secret)
    if len(held) < VERSIONS:
        return
    labelled = set(secret.stages.values())
    spare = next((one for one in held if one.version_id not in labelled), None)
    if spare is None:
        raise AwsError("LimitExceededException", f"A secret may have at most {VERSIONS} versions.")
    change.remove(spare)


def _keys(call: Call) -> ServiceKeys:
    now = call.clock.now()
    who = (call.caller.arn, call.caller.access_key_id)
    may = key_judge(call.store, who, "secretsmanager", now) if call.judged else None
    return ServiceKeys(Workshop(call.authority.seal, call.ids, now), may)


def _refusal(error: AwsError, code: str, words: str) -> AwsError:
    """Return KMS' refusal as Secrets Manager tells it."""
    if error.code == "AccessDeniedException":
        return AwsError("AccessDeniedException", "Access to KMS is not allowed")
    return AwsError(code, f"{words} {error.code}: {error.message}")
