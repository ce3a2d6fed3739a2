"""A small object read inside the server, for operations that take one by bucket and name.

Whether the caller may read it is asked where every permission is: the operation's needs.
"""

from ecsd.errors import AwsError
from ecsd.store.blobs import BlobError, Blobs
from ecsd.store.finders.s3 import find_bucket, find_version, newest_version
from ecsd.store.store import Store


async def read_object(
    store: Store, blobs: Blobs, where: tuple[str, str, str | None], most: int
) -> bytes:
    """Return an object's bytes.

    Args:
        store: where its record is.
        blobs: where its bytes are.
        where: bucket, name, and version or None.
        most: bytes that it may have.

    Raises:
        AwsError: NoSuchBucket, NoSuchKey, NoSuchVersion, EntityTooLarge, InternalError.
    """
    bucket, name, version_id = where
    own = find_bucket(store, bucket)
    if own is None:
        raise AwsError("NoSuchBucket", "The specified bucket does not exist", status=404)
    view = store.view(own.scope)
    if version_id is None:
        found = newest_version(view, bucket, name)
    else:
        found = find_version(view, bucket, name, version_id)
    if found is None or found.delete_marker:
        code = "NoSuchKey" if version_id is None else "NoSuchVersion"
        raise AwsError(code, f"The object {name} does not exist in {bucket}.", status=404)
    if found.size > most:
        raise AwsError("EntityTooLarge", f"The object {name} is larger than {most} bytes.")
    content = bytearray()
    with blobs.hold([piece.blob for piece in found.pieces]):
        try:
            for piece in found.pieces:
                async for block in blobs.read(piece.blob, piece.size, 0, piece.size):
                    content += block
        except BlobError as error:
            raise AwsError("InternalError", f"The object {name} is damaged.", status=500) from error
    return bytes(content)
