"""Revocation lists of trust stores.

Of several lists of one issuer the newest counts, since each is whole (RFC 5280, 5).
Source: Elastic Load Balancing API Reference, AddTrustStoreRevocations; Application Load Balancers
guide, quotas for certificates.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ecsd.certificates.material import Unfit
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.elbv2.paging import page
from ecsd.operations.elbv2.trust_store import read_as_caller
from ecsd.records.elbv2.trust_store import TrustStoreRevocation
from ecsd.store.finders.elbv2 import require_trust_store, revocations_of
from ecsd.store.store import View
from ecsd.store.trust_store_content import Content, location

if TYPE_CHECKING:  # loaded at first use
    from ecsd.certificates.trust import RevocationList

MOST_LISTS = 30  # of a trust store
MOST_ENTRIES = 500_000  # likewise
MOST_BYTES = 1 << 20  # likewise, as PEM: hosts are told them with every change of a balancer
TYPE = "CRL"
CODES = ("RevocationContentNotFound", "InvalidRevocationContent")


@operation("elbv2", "AddTrustStoreRevocations")
async def add_trust_store_revocations(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep revocation lists that lie in S3."""
    arn = request["TrustStoreArn"]
    authorities = require_trust_store(call.view, arn).authorities
    contents = request.get("RevocationContents") or []
    if not contents:
        raise AwsError("ValidationError", "RevocationContents must name at least one file")
    if len(contents) > MOST_LISTS:
        raise _too_many(f"at most {MOST_LISTS} revocation lists")
    lists = [await _list(call, one, authorities) for one in contents]
    added = []
    async with call.transaction() as change:
        store = require_trust_store(change, arn)
        for one in lists:
            store = replace(store, last_revocation=store.last_revocation + 1)
            added.append(
                TrustStoreRevocation(
                    place=f"{arn}/{store.last_revocation}",
                    trust_store_arn=arn,
                    revocation_id=store.last_revocation,
                    content=one.text,
                    entries=one.entries,
                    added_at=call.clock.now(),
                )
            )
        _check_room([*revocations_of(change, arn), *added])
        change.put(store, *added)
    return {"TrustStoreRevocations": [describe(one) for one in added]}


@operation("elbv2", "RemoveTrustStoreRevocations")
async def remove_trust_store_revocations(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take revocation lists out of a trust store."""
    async with call.transaction() as change:
        change.remove(*_named(change, request["TrustStoreArn"], request["RevocationIds"]))
    return {}


@operation("elbv2", "DescribeTrustStoreRevocations")
async def describe_trust_store_revocations(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe a trust store's revocation lists: all, or those of these ids."""
    arn = request["TrustStoreArn"]
    if request.get("RevocationIds"):
        found = _named(call.view, arn, request["RevocationIds"])
    else:
        found = revocations_of(call.view, require_trust_store(call.view, arn).trust_store_arn)
    chosen, marker = page(found, request, key=lambda one: f"{one.revocation_id:020}")
    return {"TrustStoreRevocations": [describe(one) for one in chosen], "NextMarker": marker}


@operation("elbv2", "GetTrustStoreRevocationContent")
async def get_trust_store_revocation_content(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Tell where a revocation list can be had for ten minutes."""
    [found] = _named(call.view, request["TrustStoreArn"], [request["RevocationId"]])
    content = Content(*call.scope, found.trust_store_arn, found.revocation_id)
    return {"Location": location(content, call.settings, call.authority.seal, call.clock.now())}


def describe(one: TrustStoreRevocation) -> dict[str, Any]:
    """Return a revocation list in the API's shape."""
    return {
        "TrustStoreArn": one.trust_store_arn,
        "RevocationId": one.revocation_id,
        "RevocationType": TYPE,
        "NumberOfRevokedEntries": one.entries,
    }


def _named(view: View, arn: str, ids: list[int]) -> list[TrustStoreRevocation]:
    store = require_trust_store(view, arn)
    found = []
    for one in dict.fromkeys(ids):
        held = view.get(TrustStoreRevocation, f"{store.trust_store_arn}/{one}")
        if held is None:
            raise AwsError("RevocationIdNotFound", f"The trust store has no revocation '{one}'")
        found.append(held)
    return found


def _check_room(lists: list[TrustStoreRevocation]) -> None:
    if len(lists) > MOST_LISTS:
        raise _too_many(f"at most {MOST_LISTS} revocation lists")
    if sum(one.entries for one in lists) > MOST_ENTRIES:
        raise _too_many(f"at most {MOST_ENTRIES} revoked certificates")
    if sum(len(one.content) for one in lists) > MOST_BYTES:
        raise _too_many(
            f"revocation lists of at most {MOST_BYTES} bytes in all, as ecsd keeps them"
        )


def _too_many(words: str) -> AwsError:
    return AwsError("TooManyTrustStoreRevocationEntries", f"A trust store has {words}")


async def _list(call: Call, content: dict[str, Any], authorities: str) -> "RevocationList":
    from ecsd.certificates.trust import read_revocations

    for member in ("S3Bucket", "S3Key"):
        if not content.get(member):
            raise AwsError("ValidationError", f"RevocationContents: {member} must be specified")
    if (content.get("RevocationType") or TYPE) != TYPE:
        raise AwsError("ValidationError", f"RevocationContents: RevocationType must be {TYPE}")
    where = (content["S3Bucket"], content["S3Key"], content.get("S3ObjectVersion"))
    text = await read_as_caller(call, where, MOST_BYTES, CODES)
    try:
        return await asyncio.to_thread(read_revocations, text, authorities)
    except Unfit as error:
        raise AwsError(CODES[1], f"{content['S3Key']}: {error}") from error
