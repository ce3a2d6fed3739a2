"""What KMS's operations need: on a key, whose policy decides.

Source: Service Authorization Reference, AWS Key Management Service.
"""

from collections.abc import Iterator, Mapping

from ecsd.gateway.authorization.need import Asked, Need, spread
from ecsd.records.kms.key import Alias
from ecsd.store.finders.kms import ALIAS, condition_keys, find_key, kms_arn, policy_source
from ecsd.store.kms_keys import key_of_ciphertext

# Which member names the key; what is in no table is about any resource.
KEY = spread(
    {
        "KeyId": "CancelKeyDeletion DescribeKey DisableKey DisableKeyRotation EnableKey "
        "EnableKeyRotation Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext GetKeyPolicy "
        "GetKeyRotationStatus ListKeyPolicies ListKeyRotations ListResourceTags PutKeyPolicy "
        "RotateKeyOnDemand ScheduleKeyDeletion TagResource UntagResource UpdateKeyDescription",
        "TargetKeyId": "CreateAlias UpdateAlias",
        "CiphertextBlob": "Decrypt",
    }
)


def needs(asked: Asked) -> Iterator[Need]:
    """Yield what an operation of KMS needs."""
    name, members = asked.operation, asked.members
    action = f"kms:{name}"
    if name == "ReEncrypt":
        source, target = members.get("CiphertextBlob"), members["DestinationKeyId"]
        yield _about(asked, "kms:ReEncryptFrom", source, members.get("SourceEncryptionContext"))
        yield _about(asked, "kms:ReEncryptTo", target, members.get("DestinationEncryptionContext"))
        return
    if "AliasName" in members:
        alias = members["AliasName"]
        yield Need(action, kms_arn(asked.view, alias))
        held = asked.view.get(Alias, alias)
        if held is not None:
            yield _about(asked, action, held.key_arn, None)
    if name in KEY:
        yield _about(asked, action, members.get(KEY[name]), members.get("EncryptionContext"))
    elif "AliasName" not in members:
        yield Need(action)


def _about(
    asked: Asked, action: str, named: str | bytes | None, context: Mapping[str, str] | None
) -> Need:
    """Return the need on a key that a name or a ciphertext means; on any, if it is not there."""
    if isinstance(named, bytes) or named is None:
        key = key_of_ciphertext(asked.view, named or b"")
    else:
        key = find_key(asked.view, named)
    if key is None:
        return Need(action)
    keys = condition_keys(asked.view, key, context)
    if isinstance(named, str) and ALIAS in named:
        keys["kms:requestalias"] = (ALIAS + named.partition(ALIAS)[2],)
    return Need(action, key.arn, keys, policy=policy_source(key), decides=True)
