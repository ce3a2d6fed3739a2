"""Which requests are S3's, and the bucket in the host's name brought into the path.

Path style: ``/BUCKET/KEY`` at any host. Virtual-hosted style: ``BUCKET.s3.HOST``,
``BUCKET.s3.REGION.HOST``, and of requests signed for S3 also ``BUCKET.localhost``, which is what
SDKs make of an endpoint at ``localhost``.
Source: S3 User Guide, Virtual hosting of general purpose buckets.
"""

import re
from collections.abc import Callable
from urllib.parse import unquote

import msgspec

from ecsd.protocol.credential_scope import credential_scope
from ecsd.protocol.message import HttpRequest

HOST = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.)?s3(?:[.-][a-z]{2}(?:-[a-z]+)+-\d)?"
    r"\.(?:localhost|amazonaws\.com|[a-z0-9-]+(?:\.[a-z0-9-]+)*\.localhost)"
)
LOCAL = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.localhost")
OLD_QUERY = ("AWSAccessKeyId=", "Signature=", "Expires=")  # of presigned URLs, Signature Version 2


def as_s3(request: HttpRequest, is_bucket: Callable[[str], bool]) -> HttpRequest | None:
    """Return a request of S3 in path style; None where it is another service's.

    Nothing in an unsigned request in path style tells the service: it is S3's where its path
    begins with the name of a bucket.
    """
    host = request.headers.get("host", "").rpartition("@")[2].partition(":")[0].lower()
    named = HOST.fullmatch(host)
    scope = credential_scope(request)
    if scope is not None and scope.service != "s3":
        return None
    if "x-amz-target" in request.headers or "smithy-protocol" in request.headers:
        return None
    if named is None and scope is not None:
        named = LOCAL.fullmatch(host)
    if named is not None and named["bucket"]:
        path = f"/{named['bucket']}{request.path if request.path != '/' else ''}"
        request = msgspec.structs.replace(request, path=path)
    if is_presigned_v2(request.query):
        return msgspec.structs.replace(request, query=_without_signature(request.query))
    if named is not None or scope is not None:
        return request
    unsigned = "authorization" not in request.headers
    first = unquote(request.path[1:].partition("/")[0])
    return request if unsigned and first and is_bucket(first) else None


def _without_signature(query: str) -> str:
    own = (*OLD_QUERY, "x-amz-security-token=")
    return "&".join(pair for pair in query.split("&") if not pair.startswith(own))


def is_presigned_v2(query: str) -> bool:
    """Say whether a query string is that of a URL presigned with Signature Version 2."""
    return all(f"&{name}" in f"&{query}" for name in OLD_QUERY)
