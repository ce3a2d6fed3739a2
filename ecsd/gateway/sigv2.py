"""URLs presigned with Signature Version 2: what boto3 and ``aws s3 presign`` make by default.

Source: S3 API Reference, Signing and authenticating REST requests (Signature Version 2).
"""

import base64
import hmac
from datetime import datetime
from urllib.parse import unquote

from ecsd.errors import AwsError
from ecsd.gateway.sigv4 import KeyLookup, KnownKey, has_token
from ecsd.protocol.message import HttpRequest
from ecsd.protocol.timestamps import from_epoch

# Parameters that are part of what is signed.
SIGNED = frozenset(
    [
        "accelerate",
        "acl",
        "analytics",
        "cors",
        "defaultObjectAcl",
        "delete",
        "encryption",
        "inventory",
        "lifecycle",
        "location",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "ownershipControls",
        "partNumber",
        "policy",
        "policyStatus",
        "publicAccessBlock",
        "replication",
        "requestPayment",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
        "restore",
        "retention",
        "select",
        "select-type",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
        "legal-hold",
    ]
)
OWN = frozenset({"AWSAccessKeyId", "Signature", "Expires"})


def access_key_id(request: HttpRequest) -> str:
    """Return who signed, as the URL says."""
    return _parameters(request.query).get("AWSAccessKeyId", "")[:128]


def check_time(request: HttpRequest, now: datetime) -> None:
    """Refuse a URL whose time is over."""
    text = _parameters(request.query).get("Expires", "")
    try:
        over = from_epoch(int(text)) < now
    except ValueError as error:
        raise AwsError("AccessDenied", "Invalid date (should be seconds since epoch)") from error
    if over:
        raise AwsError("AccessDenied", "Request has expired", status=403)


def verify(
    request: HttpRequest, path_style: HttpRequest, find_key: KeyLookup, now: datetime
) -> KnownKey:
    """Return whose key signed the URL. Raises AwsError: 403.

    path_style: the same request, its bucket in the path.
    """
    parameters = _parameters(request.query)
    known = find_key(parameters["AWSAccessKeyId"])
    if known is None or not has_token(known, parameters.get("x-amz-security-token", "")):
        raise AwsError(
            "InvalidClientTokenId", "The security token included in the request is invalid."
        )
    known.check_alive(now)
    check_time(request, now)
    right = hmac.digest(known.secret.encode(), _text(path_style, parameters).encode(), "sha1")
    given = parameters["Signature"].encode()
    if not hmac.compare_digest(base64.b64encode(right), given):
        raise AwsError(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
            status=403,
        )
    return known


def _text(request: HttpRequest, parameters: dict[str, str]) -> str:
    """Return what is signed."""
    headers = request.headers
    amz = {name: value for name, value in headers.items() if name.startswith("x-amz-")}
    amz |= {name: value for name, value in parameters.items() if name.startswith("x-amz-")}
    told = "".join(f"{name}:{amz[name].strip()}\n" for name in sorted(amz))
    resource = sorted((name, value) for name, value in parameters.items() if name in SIGNED)
    query = "&".join(f"{name}={value}" if value else name for name, value in resource)
    path = request.path + (f"?{query}" if query else "")
    md5, kind = headers.get("content-md5", ""), headers.get("content-type", "")
    return f"{request.method}\n{md5}\n{kind}\n{parameters['Expires']}\n{told}{path}"


def _parameters(query: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return {unquote(name): unquote(value.replace("+", " ")) for name, _, value in pairs}
