"""The account's registry: who may enter it, and what it does by itself."""

import base64
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecr.refusal import unsupported
from ecsd.records.ecr.repository import Registry
from ecsd.records.iam.session import Session
from ecsd.store.scope import HOSTS

TOKEN_LIFE = timedelta(hours=12)
TOKEN = "ecr:authorization-token"  # what its seal is about
USER = "AWS"
BASIC = "BASIC"


class Holder(msgspec.Struct, frozen=True):
    """Whose an authorization token is. until: seconds since 1970."""

    access_key_id: str
    arn: str
    account: str
    until: int


@operation("ecr", "GetAuthorizationToken")
async def get_authorization_token(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return what ``docker login`` takes: for 12 hours, or as long as the caller's session."""
    await put_in_use(call)
    ends = call.clock.now() + TOKEN_LIFE
    session = call.view.globally().get(Session, call.caller.access_key_id)
    if session is not None:
        ends = min(ends, session.expires_at)
    ends = ends.replace(microsecond=0)
    holder = Holder(
        call.caller.access_key_id, call.caller.arn, call.scope.account, int(ends.timestamp())
    )
    password = call.authority.seal.seal(msgspec.json.encode(holder).decode(), TOKEN)
    given = {
        "authorizationToken": base64.b64encode(f"{USER}:{password}".encode()).decode(),
        "expiresAt": ends,
        "proxyEndpoint": f"http://{call.settings.registry_name}",
    }
    return {"authorizationData": [given for _ in request.get("registryIds") or [""]]}


async def put_in_use(call: Call) -> None:
    """Have the registry behind run from now on; the first time it is waited for."""
    if call.store.view(HOSTS).get(Registry, Registry().name) is not None:
        return
    async with call.store.transaction(HOSTS) as change:
        is_first = change.get(Registry, Registry().name) is None
        if is_first:
            change.put(Registry())
    if is_first:
        await call.images.awake()


@operation("ecr", "DescribeRegistry")
async def describe_registry(call: Call, _request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the registry: it replicates nothing."""
    return {"registryId": call.scope.account, "replicationConfiguration": {"rules": []}}


@operation("ecr", "PutReplicationConfiguration")
async def put_replication_configuration(_call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Refuse rules: nothing is replicated."""
    if request["replicationConfiguration"]["rules"]:
        raise unsupported("replicationConfiguration.rules")
    return {"replicationConfiguration": {"rules": []}}


@operation("ecr", "GetRegistryPolicy")
async def get_registry_policy(call: Call, _request: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse: there is none."""
    raise _no_policy(call)


@operation("ecr", "DeleteRegistryPolicy")
async def delete_registry_policy(call: Call, _request: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse: there is none."""
    raise _no_policy(call)


@operation("ecr", "PutRegistryPolicy")
async def put_registry_policy(_call: Call, _request: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse: it would permit replication, which is not here, and other accounts' caches."""
    raise unsupported("policyText of a registry")


@operation("ecr", "GetRegistryScanningConfiguration")
async def get_registry_scanning_configuration(
    call: Call, _request: Mapping[str, Any]
) -> dict[str, Any]:
    """Return that nothing is scanned."""
    configuration = {"scanType": BASIC, "rules": []}
    return {"registryId": call.scope.account, "scanningConfiguration": configuration}


@operation("ecr", "PutRegistryScanningConfiguration")
async def put_registry_scanning_configuration(
    _call: Call, request: dict[str, Any]
) -> dict[str, Any]:
    """Leave scanning off; refuse what would turn it on."""
    if request.get("rules"):
        raise unsupported("rules of a registry's scanning configuration")
    if request.get("scanType", BASIC) != BASIC:
        raise unsupported(f"scanType {request['scanType']}")
    return {"registryScanningConfiguration": {"scanType": BASIC, "rules": []}}


def _no_policy(call: Call) -> AwsError:
    return AwsError(
        "RegistryPolicyNotFoundException",
        f"Registry policy does not exist in the registry with id '{call.scope.account}'",
    )
