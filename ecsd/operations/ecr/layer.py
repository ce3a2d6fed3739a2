"""Layers of images: uploaded in parts, asked after, handed out."""

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.ecr.names import Place, is_digest
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecr.refusal import invalid
from ecsd.records.ecr.image import LayerUpload
from ecsd.store.finders.ecr import require_repository, scope_of
from ecsd.store.store import View

PART_BYTES = 10_485_760  # ECR's own advice; a part of any size is taken
KEPT = timedelta(days=1)  # an upload that nobody completes


@operation("ecr", "BatchCheckLayerAvailability")
async def batch_check_layer_availability(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return which layers a repository has."""
    place = _place(call, request)
    layers, failures = [], []
    for digest in request["layerDigests"]:
        if not is_digest(digest):
            failures.append(
                {
                    "layerDigest": digest,
                    "failureCode": "InvalidLayerDigest",
                    "failureReason": "The layer digest is not one of SHA-256",
                }
            )
            continue
        size = await call.images.blob_size(place.path, digest)
        state = {"layerAvailability": "UNAVAILABLE" if size is None else "AVAILABLE"}
        layers.append({"layerDigest": digest, "layerSize": size, **state})
    return {"layers": layers, "failures": failures}


@operation("ecr", "GetDownloadUrlForLayer")
async def get_download_url_for_layer(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return where a layer can be had for an hour."""
    place, digest = _place(call, request), request["layerDigest"]
    found = is_digest(digest) and await call.images.blob_size(place.path, digest) is not None
    if not found:
        raise AwsError(
            "LayersNotFoundException",
            f"The layer with digest '{digest}' does not exist in the repository with name "
            f"'{place.name}' in the registry with id '{place.account}'",
        )
    token = call.images.download_token(place.path, digest)
    registry = call.settings.registry_name
    url = f"http://{registry}/v2/{place.path}/blobs/{digest}?token={token}"
    return {"downloadUrl": url, "layerDigest": digest}


@operation("ecr", "InitiateLayerUpload")
async def initiate_layer_upload(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Begin to take in a layer."""
    place = _place(call, request)
    scope = scope_of(call.scope, request)
    upload = LayerUpload(
        upload_id=call.ids.uuid(),
        repository_arn=place.arn,
        next_url=await call.images.begin_upload(place.path),
        expires_at=call.clock.now() + KEPT,
    )
    async with call.store.transaction(scope) as change:
        require_repository(change, place.name)
        change.put(upload)
    return {"uploadId": upload.upload_id, "partSize": PART_BYTES}


@operation("ecr", "UploadLayerPart")
async def upload_layer_part(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take in the next bytes of a layer."""
    place, scope = _place(call, request), scope_of(call.scope, request)
    first, last = request["partFirstByte"], request["partLastByte"]
    content = request["layerPartBlob"]
    async with call.images.turn(f"upload {request['uploadId']}"):
        upload = _upload(call.store.view(scope), place, request["uploadId"])
        if first != upload.received or last - first + 1 != len(content):
            raise AwsError(
                "InvalidLayerPartException",
                f"The layer part is not the next one: {upload.received} bytes have been received, "
                f"and bytes {first} to {last} are given as {len(content)} bytes",
                details={
                    "registryId": scope.account,
                    "repositoryName": place.name,
                    "uploadId": upload.upload_id,
                    "lastValidByteReceived": upload.received - 1,
                },
            )
        url = await call.images.append(upload.next_url, content)
        if url is None:
            raise _no_upload(place, upload.upload_id)
        async with call.store.transaction(scope) as change:
            upload = _upload(change, place, upload.upload_id)
            change.put(replace(upload, next_url=url, received=last + 1))
    return {
        "registryId": scope.account,
        "repositoryName": place.name,
        "uploadId": upload.upload_id,
        "lastByteReceived": last,
    }


@operation("ecr", "CompleteLayerUpload")
async def complete_layer_upload(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep a layer whose bytes are all there, if they are what the digest says."""
    place, scope = _place(call, request), scope_of(call.scope, request)
    digests = request["layerDigests"]
    if len(digests) != 1 or not is_digest(digests[0]):
        raise invalid("layerDigests", "there must be one digest of SHA-256")
    digest = digests[0]
    async with call.images.turn(f"upload {request['uploadId']}"):
        upload = _upload(call.store.view(scope), place, request["uploadId"])
        if not upload.received:
            raise AwsError("EmptyUploadException", "The upload has no layer parts")
        if await call.images.blob_size(place.path, digest) is not None:
            raise AwsError(
                "LayerAlreadyExistsException",
                f"Layer with digest '{digest}' already exists in the repository with name "
                f"'{place.name}' in registry with id '{place.account}'",
            )
        fault = await call.images.finish(upload.next_url, digest)
        if fault is not None:
            raise AwsError("InvalidLayerException", f"The registry refuses the layer: {fault}")
        async with call.store.transaction(scope) as change:
            change.remove(upload)
    return {
        "registryId": scope.account,
        "repositoryName": place.name,
        "uploadId": upload.upload_id,
        "layerDigest": digest,
    }


def _place(call: Call, request: dict[str, Any]) -> Place:
    """Return the repository that is meant; it is there."""
    scope = scope_of(call.scope, request)
    repository = require_repository(call.store.view(scope), request["repositoryName"])
    return Place(*scope, repository.repository_name)


def _upload(view: View, place: Place, upload_id: str) -> LayerUpload:
    found = view.get(LayerUpload, upload_id)
    if found is None or found.repository_arn != place.arn:
        raise _no_upload(place, upload_id)
    return found


def _no_upload(place: Place, upload_id: str) -> AwsError:
    return AwsError(
        "UploadNotFoundException",
        f"The upload with id '{upload_id}' does not exist in the repository with name "
        f"'{place.name}' in the registry with id '{place.account}'",
    )
