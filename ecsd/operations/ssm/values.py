"""Values of parameters as the store keeps them: never in plain text.

Source: AWS Systems Manager User Guide, SecureString parameters; AWS KMS Developer Guide, How AWS
Systems Manager Parameter Store uses AWS KMS.
"""

import base64
from typing import Any

from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.records.ssm.parameter import ADVANCED, SECURE_STRING, ParameterVersion
from ecsd.store.kms_keys import ServiceKeys, Workshop, key_judge
from ecsd.store.store import Transaction, View

DEFAULT_KEY = "alias/aws/ssm"
CONTEXT = "PARAMETER_ARN"


def seal_value(
    call: Call, change: Transaction, version: ParameterVersion, arn: str, value: str
) -> str:
    """Return what is kept of a version's value; refused: its key cannot be used."""
    if version.type != SECURE_STRING:
        return call.authority.seal.seal(value, _about(arn, version))
    action = "kms:GenerateDataKey" if version.tier == ADVANCED else "kms:Encrypt"
    try:
        _, blob = _keys(call).encrypt(
            change, version.key_id or DEFAULT_KEY, action, value.encode(), {CONTEXT: arn}
        )
    except AwsError as error:
        raise _in_words_of_ssm(call, error) from error
    return base64.b64encode(blob).decode()


def open_value(call: Call, view: View, version: ParameterVersion, arn: str) -> str:
    """Return a version's value; refused: its key cannot be used, or not by this caller."""
    if version.type != SECURE_STRING:
        return call.authority.seal.unseal(version.kept_value, _about(arn, version))
    try:
        blob = base64.b64decode(version.kept_value)
        return _keys(call).decrypt(view, blob, {CONTEXT: arn}).decode()
    except AwsError as error:
        raise _in_words_of_ssm(call, error) from error


def described(
    call: Call, view: View, version: ParameterVersion, arn: str, request: dict[str, Any]
) -> dict[str, Any]:
    """Return a version as Parameter, its value open if the request asks for that."""
    hidden = version.type == SECURE_STRING and not request.get("WithDecryption")
    return {
        "Name": version.name,
        "Type": version.type,
        "Value": version.kept_value if hidden else open_value(call, view, version, arn),
        "Version": version.version,
        "LastModifiedDate": version.modified_at,
        "ARN": arn,
        "DataType": version.data_type,
    }


def _keys(call: Call) -> ServiceKeys:
    now = call.clock.now()
    who = (call.caller.arn, call.caller.access_key_id)
    may = key_judge(call.store, who, "ssm", now) if call.judged else None
    return ServiceKeys(Workshop(call.authority.seal, call.ids, now), may)


def _about(arn: str, version: ParameterVersion) -> str:
    return f"{arn}:{version.version}"


def _in_words_of_ssm(call: Call, error: AwsError) -> AwsError:
    told = f"{error.message} (Service: AWSKMS; Status Code: 400; Error Code: {error.code}; "
    code = "AccessDeniedException" if error.code == "AccessDeniedException" else "InvalidKeyId"
    return AwsError(code, f"{told}Request ID: {call.request_id}; Proxy: null)")
