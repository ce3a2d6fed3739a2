"""Who is calling, and whose a key is."""

from typing import Any

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.records.iam.session import Session
from ecsd.records.iam.user import AccessKey
from ecsd.store.finders.iam import find_key_of


@operation("sts", "GetCallerIdentity")
async def get_caller_identity(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the caller."""
    return {
        "UserId": call.caller.user_id,
        "Account": call.scope.account,
        "Arn": call.caller.arn,
    }


@operation("sts", "GetAccessKeyInfo")
async def get_access_key_info(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the account of a key: of a user, of a session, or the caller's own."""
    key = request["AccessKeyId"]
    of_user = find_key_of(call.store, AccessKey, key)
    of_session = find_key_of(call.store, Session, key)
    for found in (of_user, of_session):
        if found is not None:
            return {"Account": found[0].account}
    if key == call.caller.access_key_id:
        return {"Account": call.scope.account}
    raise AwsError("ValidationError", f"The access key id {key} belongs to no account here.")
