"""Access keys of users, and the other credentials, which nobody can have here.

Source: IAM API Reference; IAM User Guide, managing access keys.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.ids import LONG_TERM
from ecsd.operations.call import Call, operation
from ecsd.operations.iam.answers import page, without_none
from ecsd.operations.iam.guards import over_limit
from ecsd.operations.iam.user import named_user
from ecsd.records.iam.user import AccessKey
from ecsd.store.finders.iam import no_such_entity, require_user
from ecsd.store.store import View

MOST = 2  # keys of a user
NEVER = "N/A"  # what an unused key has as region and service
OTHER_CREDENTIALS = (  # operation, its list, whether it is about one user
    ("ListMFADevices", "MFADevices", True),
    ("ListSSHPublicKeys", "SSHPublicKeys", True),
    ("ListSigningCertificates", "Certificates", True),
    ("ListServiceSpecificCredentials", "ServiceSpecificCredentials", True),
    ("ListVirtualMFADevices", "VirtualMFADevices", False),
)


@operation("iam", "CreateAccessKey")
async def create_access_key(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a key; this answer alone has its secret, which is kept sealed."""
    key_id, secret = call.ids.access_key_id(LONG_TERM), call.ids.secret(40)
    sealed = call.authority.seal.seal(secret, key_id)
    async with call.store.transaction(call.scope.globally()) as change:
        user = require_user(change, named_user(call, request))
        if change.count(AccessKey, "user_name", user.user_name) >= MOST:
            raise over_limit(f"Cannot exceed quota for AccessKeysPerUser: {MOST}")
        key = AccessKey(
            access_key_id=key_id,
            user_name=user.user_name,
            sealed_secret=sealed,
            created_at=call.clock.now(),
        )
        change.put(key)
    return {"AccessKey": {**_shown(key), "SecretAccessKey": secret}}


@operation("iam", "ListAccessKeys")
async def list_access_keys(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return a user's keys, without secrets."""
    view = call.view.globally()
    user = require_user(view, named_user(call, request))
    keys = view.select(AccessKey, user_name=user.user_name)
    shown, rest = page(request, keys, lambda key: key.access_key_id)
    return {"AccessKeyMetadata": [_shown(key) for key in shown], **rest}


@operation("iam", "UpdateAccessKey")
async def update_access_key(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a key inactive, or active again."""
    if request["Status"] not in ("Active", "Inactive"):
        raise AwsError("InvalidInput", "Status must be Active or Inactive.")
    async with call.store.transaction(call.scope.globally()) as change:
        key = _require_key(call, change, request)
        change.put(replace(key, status=request["Status"]))
    return {}


@operation("iam", "DeleteAccessKey")
async def delete_access_key(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a key."""
    async with call.store.transaction(call.scope.globally()) as change:
        change.remove(_require_key(call, change, request))
    return {}


@operation("iam", "GetAccessKeyLastUsed")
async def get_access_key_last_used(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return when a key last signed a request, to the hour."""
    key = call.view.globally().get(AccessKey, request["AccessKeyId"])
    if key is None:
        raise no_such_entity(f"The Access Key with id {request['AccessKeyId']} cannot be found.")
    used = {
        "LastUsedDate": key.last_used_at,
        "ServiceName": key.last_used_service or NEVER,
        "Region": key.last_used_region or NEVER,
    }
    return {"UserName": key.user_name, "AccessKeyLastUsed": without_none(used)}


@operation("iam", "CreateLoginProfile")
async def create_login_profile(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Refuse: there is no console to sign in to."""
    raise AwsError("InvalidInput", "CreateLoginProfile is refused: there is no console sign-in.")


@operation("iam", "GetLoginProfile")
async def get_login_profile(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Say that the user has none."""
    user = require_user(call.view.globally(), named_user(call, request))
    raise no_such_entity(f"Login Profile for User {user.user_name} cannot be found.")


@operation("iam", "DeleteLoginProfile")
async def delete_login_profile(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Say that the user has none."""
    return await get_login_profile(call, request)


def register_none(name: str, members: str, *, of_user: bool) -> None:
    """Register a list of credentials that cannot be made here: it is always empty."""

    @operation("iam", name)
    async def list_(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        if of_user and "UserName" in request:
            require_user(call.view.globally(), request["UserName"])
        paged = {} if members == "ServiceSpecificCredentials" else {"IsTruncated": False}
        return {members: [], **paged}


def _require_key(call: Call, view: View, request: dict[str, Any]) -> AccessKey:
    key = view.get(AccessKey, request["AccessKeyId"])
    owner = request.get("UserName") or (key and key.user_name)
    if key is None or key.user_name != owner:
        raise no_such_entity(f"The Access Key with id {request['AccessKeyId']} cannot be found.")
    return key


def _shown(key: AccessKey) -> dict[str, Any]:
    return {
        "UserName": key.user_name,
        "AccessKeyId": key.access_key_id,
        "Status": key.status,
        "CreateDate": key.created_at,
    }


for _name, _members, _of_user in OTHER_CREDENTIALS:
    register_none(_name, _members, of_user=_of_user)
