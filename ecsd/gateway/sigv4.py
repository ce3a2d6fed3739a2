"""Signature Version 4: does a request come from who it says?

Source: IAM User Guide, "Create a signed AWS API request"; measured in shared reference
control_plane 3.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote

from ecsd.errors import AwsError
from ecsd.operations.call import Caller
from ecsd.protocol.aws_chunked import ChunkSigner
from ecsd.protocol.message import HttpRequest
from ecsd.store.sessions import token_digest

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
SKEW = timedelta(minutes=5)
SKEW_S3 = timedelta(minutes=15)
LONGEST_PRESIGNED = 604_800  # seconds: a week
CACHED_KEYS = 1024
MOMENT = re.compile(r"[0-9]{8}T[0-9]{6}Z")
CLAIM = re.compile(ALGORITHM + r"\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*")
SIGNATURE = re.compile(r"([0-9a-f]{64})\s*")
REMEMBERED = 4096  # claims
LONGEST_REMEMBERED = 512  # characters of one


class KnownKey(NamedTuple):
    """An access key that we gave out, and whose it is.

    Attributes:
        token_digest: of a temporary key's session token, as ``store.sessions`` makes it.
        expires_at: the end of a temporary key.
        is_judged: its permissions count in local mode too.
    """

    secret: str
    account: str
    caller: Caller
    token_digest: str = ""
    expires_at: datetime | None = None
    is_judged: bool = False

    def check_alive(self, now: datetime) -> None:
        """Refuse a key whose time is over: ExpiredToken."""
        if self.expires_at is not None and now >= self.expires_at:
            raise _refused("ExpiredToken", "The security token included in the request is expired")


KeyLookup = Callable[[str], KnownKey | None]


class Signature(NamedTuple):
    """What a request claims about its signature."""

    credential: tuple[str, str, str, str]  # access key id, date, region, service
    signed_headers: tuple[str, ...]
    signature: str
    moment: str  # X-Amz-Date
    token: str
    expires: int | None  # seconds; presigned only
    query: str  # without X-Amz-Signature


class Verifier:
    """Verifies signatures; keeps derived signing keys."""

    def __init__(self, lookup: KeyLookup) -> None:
        self._lookup = lookup
        self._keys: dict[tuple[str, ...], tuple[str, bytes]] = {}

    def verify(self, request: HttpRequest, body: bytes | None, now: datetime) -> KnownKey:
        """Return whose key signed the request. ``body`` is as sent, still compressed.

        ``body`` is None where it is still to come (S3): whoever reads it compares it with
        ``x-amz-content-sha256``, which is signed.

        Raises:
            AwsError: 403 MissingAuthenticationToken, IncompleteSignature, InvalidClientTokenId,
                ExpiredToken, RequestExpired or SignatureDoesNotMatch.
        """
        signature = read_signature(request)
        known = self._lookup(signature.credential[0])
        if known is None or not has_token(known, signature.token):
            raise _refused(
                "InvalidClientTokenId", "The security token included in the request is invalid."
            )
        known.check_alive(now)
        _check_time(signature, now)
        _check_signed_headers(request, signature)
        text = _string_to_sign(request, signature, _payload_hash(request, signature, body))
        right = hmac.digest(self._signing_key(known.secret, signature), text, "sha256").hex()
        if not hmac.compare_digest(right.encode(), signature.signature.encode()):
            raise _mismatch()
        return known

    def chunk_signer(self, request: HttpRequest, known: KnownKey) -> ChunkSigner:
        """Return what verifies the chunks of a request's body."""
        signature = read_signature(request)
        scope = "/".join((*signature.credential[1:], "aws4_request"))
        key = self._signing_key(known.secret, signature)
        return ChunkSigner(key, signature.moment, scope, signature.signature)

    def _signing_key(self, secret: str, signature: Signature) -> bytes:
        found = self._keys.get(signature.credential)
        if found is not None and found[0] == secret:
            return found[1]
        key = f"AWS4{secret}".encode()
        for part in (*signature.credential[1:], "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        if len(self._keys) >= CACHED_KEYS:
            self._keys.clear()
        self._keys[signature.credential] = (secret, key)
        return key


def check_presigned_time(request: HttpRequest, now: datetime) -> None:
    """Refuse a presigned URL whose time is over, or that says no time."""
    if "X-Amz-Signature=" in request.query:
        _check_time(_read_presigned(request.query), now)


def read_signature(request: HttpRequest) -> Signature:
    """Return what the request claims, from its Authorization header or its query string."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        claim, _, rest = authorization.rpartition("Signature=")
        read = _remembered_claim if len(claim) <= LONGEST_REMEMBERED else _read_claim
        found, signature = read(claim), SIGNATURE.fullmatch(rest)
        if found is None or signature is None:
            raise _refused("IncompleteSignature", "The Authorization header is not a SigV4 one.")
        credential, signed_headers = found
        return Signature(
            credential=_credential(credential),
            signed_headers=signed_headers,
            signature=signature[1],
            moment=request.headers.get("x-amz-date", ""),
            token=request.headers.get("x-amz-security-token", ""),
            expires=None,
            query=request.query,
        )
    if "X-Amz-Signature=" in request.query:
        return _read_presigned(request.query)
    raise _refused("MissingAuthenticationToken", "Request is missing Authentication Token")


def _read_claim(claim: str) -> tuple[str, tuple[str, ...]] | None:
    """Return credential and signed headers, as written before the signature; None: of no SigV4."""
    found = CLAIM.fullmatch(claim)
    return (found[1], tuple(found[2].split(";"))) if found else None


_remembered_claim = lru_cache(REMEMBERED)(_read_claim)  # a client's are the same all day


def _read_presigned(query: str) -> Signature:
    pairs = [pair for pair in query.split("&") if pair]
    values = {name: unquote(value) for name, _, value in (pair.partition("=") for pair in pairs)}
    expires = values.get("X-Amz-Expires", "")
    if not re.fullmatch("[0-9]{1,6}", expires) or not 0 < int(expires) <= LONGEST_PRESIGNED:
        raise _refused("IncompleteSignature", "X-Amz-Expires must be 1 to 604800 seconds.")
    if values.get("X-Amz-Algorithm") != ALGORITHM:
        raise _refused("IncompleteSignature", f"X-Amz-Algorithm must be {ALGORITHM}.")
    return Signature(
        credential=_credential(values.get("X-Amz-Credential", "")),
        signed_headers=tuple(values.get("X-Amz-SignedHeaders", "").split(";")),
        signature=values["X-Amz-Signature"],
        moment=values.get("X-Amz-Date", ""),
        token=values.get("X-Amz-Security-Token", ""),
        expires=int(expires),
        query="&".join(pair for pair in pairs if not pair.startswith("X-Amz-Signature=")),
    )


def _credential(text: str) -> tuple[str, str, str, str]:
    match text.split("/"):
        case [key, date, region, service, "aws4_request"]:
            return key, date, region, service
        case _:
            raise _refused(
                "IncompleteSignature", "The credential is not KEY/DATE/REGION/SERVICE/aws4_request."
            )


def _check_time(signature: Signature, now: datetime) -> None:
    _, date, _, service = signature.credential
    text = signature.moment if MOMENT.fullmatch(signature.moment) else ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _refused("IncompleteSignature", "X-Amz-Date is missing or malformed.") from error
    skew = SKEW_S3 if service == "s3" else SKEW
    allowed = skew if signature.expires is None else timedelta(seconds=signature.expires)
    if date != signature.moment[:8]:
        raise _mismatch()
    if signature.expires is not None and service == "s3" and now > moment + allowed:
        raise _refused("ExpiredPresigned", "Request has expired")
    if not moment - skew <= now <= moment + allowed:
        raise _refused(
            "RequestExpired", f"Request has expired: it is dated {moment}, the time here is {now}."
        )


def _check_signed_headers(request: HttpRequest, signature: Signature) -> None:
    signed = signature.signed_headers
    unsigned = [one for one in request.headers if one not in signed and one.startswith("x-amz-")]
    if "host" not in signed:
        unsigned.append("host")
    if unsigned:
        raise _refused("IncompleteSignature", f"The header {min(unsigned)} must be signed.")


def _payload_hash(request: HttpRequest, signature: Signature, body: bytes | None) -> str:
    claimed = request.headers.get("x-amz-content-sha256")
    if claimed == UNSIGNED:
        return UNSIGNED
    if signature.expires is not None and signature.credential[3] == "s3":
        return UNSIGNED if claimed is None else claimed
    if body is None:
        if claimed is None:
            raise AwsError(
                "InvalidRequest",
                "Missing required header for this request: x-amz-content-sha256",
            )
        return claimed
    right = hashlib.sha256(body).hexdigest()
    if claimed is not None and claimed != right:
        raise _mismatch()
    return right


def _string_to_sign(request: HttpRequest, signature: Signature, payload: str) -> bytes:
    _, date, region, service = signature.credential
    headers = "".join(
        [f"{name}:{_header(request.headers, name)}\n" for name in signature.signed_headers]
    )
    canonical = "\n".join(
        (
            request.method,
            _path(request.path, service),
            _query(signature.query),
            headers,
            ";".join(signature.signed_headers),
            payload,
        )
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    scope = f"{date}/{region}/{service}/aws4_request"
    return f"{ALGORITHM}\n{signature.moment}\n{scope}\n{digest}".encode()


def _path(path: str, service: str) -> str:
    if service == "s3":
        return path or "/"
    if path == "/":
        return path  # nearly all requests
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    tail = "/" if segments and path.endswith("/") else ""
    return quote(f"/{'/'.join(segments)}{tail}", safe="/~")  # the path is encoded twice, but by S3


def _query(query: str) -> str:
    if not query:
        return query
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    encoded = sorted(
        (quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~"))
        for name, _, value in pairs
    )
    return "&".join(f"{name}={value}" for name, value in encoded)


def _header(headers: Mapping[str, str], name: str) -> str:
    if name not in headers:
        raise _mismatch()
    return " ".join(headers[name].split())


def has_token(known: KnownKey, token: str) -> bool:
    """Return whether the token is the key's; a long-term key has none, and needs none."""
    if not known.token_digest:
        return True
    return hmac.compare_digest(known.token_digest, token_digest(token))


def _refused(code: str, message: str) -> AwsError:
    return AwsError(code, message, status=403)


def _mismatch() -> AwsError:
    return _refused(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method.",
    )
