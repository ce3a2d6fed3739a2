"""Trust stores, and where they are used.

Source: Elastic Load Balancing API Reference, CreateTrustStore; Application Load Balancers guide,
quotas for trust stores.
"""

import asyncio
import re
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ecsd.certificates.material import Unfit
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.elbv2 import tag
from ecsd.operations.elbv2.paging import page
from ecsd.records.elbv2.trust_store import TrustStore
from ecsd.store.finders.elbv2 import (
    listeners_of_trust_store,
    require_all,
    require_trust_store,
    revocations_of,
)
from ecsd.store.object_reading import read_object
from ecsd.store.store import View
from ecsd.store.trust_store_content import Content, location

if TYPE_CHECKING:  # loaded at first use
    from ecsd.certificates.trust import Bundle

MOST_STORES = 20
LARGEST_BUNDLE = 1 << 20  # bytes of the file
NAME = re.compile("([a-zA-Z0-9]+-)*[a-zA-Z0-9]+")
LONGEST_NAME = 32
S3_ABSENT = ("NoSuchBucket", "NoSuchKey", "NoSuchVersion")
S3_LARGE = "EntityTooLarge"


@operation("elbv2", "CreateTrustStore")
async def create_trust_store(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep the authorities of a bundle in S3 under a name."""
    name = request["Name"]
    if len(name) > LONGEST_NAME or not NAME.fullmatch(name):
        raise AwsError(
            "ValidationError",
            f"Trust store name '{name}' must be 1 to 32 letters, numbers and hyphens, and not "
            "begin or end with a hyphen",
        )
    tags = tag.parse(request.get("Tags"))
    bundle = await _bundle(call, request)
    prefix = f"arn:aws:elasticloadbalancing:{call.scope.region}:{call.scope.account}:truststore"
    async with call.transaction() as change:
        if change.select(TrustStore, name=name):
            raise AwsError(
                "DuplicateTrustStoreName", f"A trust store with the name '{name}' already exists"
            )
        if len(change.select(TrustStore)) >= MOST_STORES:
            raise AwsError("TooManyTrustStores", f"At most {MOST_STORES} trust stores")
        made = TrustStore(
            trust_store_arn=f"{prefix}/{name}/{call.ids.balancer_id()}",
            name=name,
            created_at=call.clock.now(),
            authorities=bundle.text,
            number=bundle.number,
            tags=tags,
        )
        change.put(made)
    return {"TrustStores": [describe(call.view, made)]}


@operation("elbv2", "ModifyTrustStore")
async def modify_trust_store(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Put another bundle in the place of a trust store's; its revocation lists stay."""
    require_trust_store(call.view, request["TrustStoreArn"])
    bundle = await _bundle(call, request)
    async with call.transaction() as change:
        held = require_trust_store(change, request["TrustStoreArn"])
        changed = replace(held, authorities=bundle.text, number=bundle.number)
        change.put(changed)
    return {"TrustStores": [describe(call.view, changed)]}


@operation("elbv2", "DeleteTrustStore")
async def delete_trust_store(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a trust store that no listener uses, with its revocation lists."""
    async with call.transaction() as change:
        arn = request["TrustStoreArn"]
        held = require_trust_store(change, arn)
        if listeners_of_trust_store(change, arn):
            raise AwsError(
                "TrustStoreInUse", f"Trust store '{arn}' is currently in use by a listener"
            )
        change.remove(held, *revocations_of(change, arn))
    return {}


@operation("elbv2", "DescribeTrustStores")
async def describe_trust_stores(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe trust stores: all, or those of these ARNs or names."""
    view = call.view
    if request.get("TrustStoreArns") and request.get("Names"):
        raise AwsError("ValidationError", "Trust store ARNs and names cannot be specified together")
    if request.get("TrustStoreArns"):
        found = require_all(view, TrustStore, request["TrustStoreArns"])
    elif request.get("Names"):
        found = [_named(view, name) for name in dict.fromkeys(request["Names"])]
    else:
        found = view.select(TrustStore)
    chosen, marker = page(found, request, key=lambda one: one.trust_store_arn)
    return {"TrustStores": [describe(view, one) for one in chosen], "NextMarker": marker}


@operation("elbv2", "DescribeTrustStoreAssociations")
async def describe_trust_store_associations(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List the load balancers with a listener that uses a trust store."""
    chosen, marker = page(_users(call.view, request), request, key=str)
    return {
        "TrustStoreAssociations": [{"ResourceArn": one} for one in chosen],
        "NextMarker": marker,
    }


@operation("elbv2", "DeleteSharedTrustStoreAssociation")
async def delete_shared_trust_store_association(
    call: Call, request: dict[str, Any]
) -> dict[str, Any]:
    """Refuse: every association here is within the account that has the trust store."""
    resource = request["ResourceArn"]
    if resource in _users(call.view, request):
        raise AwsError(
            "DeleteAssociationSameAccount",
            f"'{resource}' belongs to the trust store's own account: change its listener instead",
        )
    raise AwsError("AssociationNotFound", f"The trust store is not used by '{resource}'")


@operation("elbv2", "GetResourcePolicy")
async def get_resource_policy(_: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Refuse: nothing is shared here, so that nothing has a policy."""
    raise AwsError("ResourceNotFound", f"'{request['ResourceArn']}' has no resource policy")


@operation("elbv2", "GetTrustStoreCaCertificatesBundle")
async def get_trust_store_ca_certificates_bundle(
    call: Call, request: dict[str, Any]
) -> dict[str, Any]:
    """Tell where the authorities can be had for ten minutes."""
    held = require_trust_store(call.view, request["TrustStoreArn"])
    content = Content(*call.scope, held.trust_store_arn)
    return {"Location": location(content, call.settings, call.authority.seal, call.clock.now())}


def describe(view: View, store: TrustStore) -> dict[str, Any]:
    """Return a trust store in the API's shape."""
    lists = revocations_of(view, store.trust_store_arn)
    return {
        "Name": store.name,
        "TrustStoreArn": store.trust_store_arn,
        "Status": "ACTIVE",
        "NumberOfCaCertificates": store.number,
        "TotalRevokedEntries": sum(one.entries for one in lists),
    }


async def read_as_caller(
    call: Call, where: tuple[str, str, str | None], most: int, codes: tuple[str, str]
) -> bytes:
    """Return the bytes of an object in S3, or refuse.

    codes: of an object that is not there, and of one that has more than ``most`` bytes.
    """
    absent, invalid = codes
    try:
        return await read_object(call.store, call.blobs, where, most)
    except AwsError as error:
        if error.code in S3_ABSENT:
            raise AwsError(absent, f"s3://{where[0]}/{where[1]}: {error.message}") from error
        if error.code == S3_LARGE:
            raise AwsError(invalid, error.message) from error
        raise


def _users(view: View, request: dict[str, Any]) -> list[str]:
    held = require_trust_store(view, request["TrustStoreArn"])
    users = listeners_of_trust_store(view, held.trust_store_arn)
    return list(dict.fromkeys(one.load_balancer_arn for one in users))


def _named(view: View, name: str) -> TrustStore:
    found = view.select(TrustStore, name=name)
    if not found:
        raise AwsError("TrustStoreNotFound", "One or more trust stores not found")
    return found[0]


async def _bundle(call: Call, request: dict[str, Any]) -> "Bundle":
    from ecsd.certificates.trust import read_bundle

    member = "CaCertificatesBundleS3"
    where = (request[f"{member}Bucket"], request[f"{member}Key"])
    version = request.get(f"{member}ObjectVersion")
    codes = ("CaCertificatesBundleNotFound", "InvalidCaCertificatesBundle")
    text = await read_as_caller(call, (*where, version), LARGEST_BUNDLE, codes)
    try:
        return await asyncio.to_thread(read_bundle, text)
    except Unfit as error:
        raise AwsError(codes[1], str(error)) from error
