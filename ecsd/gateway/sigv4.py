"""Signature Version 4: does a request come from who it says?

Source: IAM User Guide, "Create a signed AWS API request"; measured in shared reference
control_plane 3.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
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
END = "aws4_request"  # of every credential
BLOCK = 64  # bytes that SHA-256 takes at a time
INNER, OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))  # of HMAC
UNSIGNED = "UNSIGNED-PAYLOAD"
SKEW = timedelta(minutes=5)
SKEW_S3 = timedelta(minutes=15)
LONGEST_PRESIGNED = 604_800  # seconds: a week
CACHED_KEYS = 1024
MOMENT = re.compile(r"[0-9]{8}T[0-9]{6}Z")
LENGTH_OF_MOMENT = 16
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


class Claim:
    """With which key a request is signed, and what of it: what comes before the signature itself.

    Attributes:
        credential: access key id, date, region, service.
        scope: what a key is derived for: date, region, service and a fixed end.
        signed_headers: in the order in which they are signed.
    """

    __slots__ = ("credential", "scope", "signed", "signed_headers")

    def __init__(self, credential: tuple[str, str, str, str], signed_headers: str) -> None:
        self.credential = credential
        self.scope = "/".join((*credential[1:], END))
        self.signed_headers = tuple(signed_headers.split(";"))
        self.signed = frozenset(self.signed_headers)


class Signature(NamedTuple):
    """What a request claims about its signature."""

    claim: Claim
    signature: str
    moment: str  # X-Amz-Date
    token: str
    expires: int | None  # seconds; presigned only
    query: str  # without X-Amz-Signature


class SigningKey:
    """A key derived for a day, region and service.

    HMAC hashes a block made of the key, then the text, and the outcome once more behind another
    block: the two blocks are hashed once. Source: RFC 2104.
    """

    __slots__ = ("_inner", "_outer", "key")

    def __init__(self, secret: str, claim: Claim) -> None:
        self.key = f"AWS4{secret}".encode()
        for part in (*claim.credential[1:], END):
            self.key = hmac.digest(self.key, part.encode(), "sha256")
        block = self.key.ljust(BLOCK, b"\0")
        self._inner = hashlib.sha256(block.translate(INNER))
        self._outer = hashlib.sha256(block.translate(OUTER))

    def sign(self, text: bytes) -> str:
        """Return the HMAC of a text, in hexadecimal."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        return outer.hexdigest()


class Verifier:
    """Verifies signatures; keeps derived signing keys."""

    def __init__(self, lookup: KeyLookup) -> None:
        self._lookup = lookup
        self._keys: dict[tuple[str, ...], tuple[str, SigningKey]] = {}

    def verify(self, request: HttpRequest, body: bytes | None, now: datetime) -> KnownKey:
        """Return whose key signed the request. ``body`` is as sent, still compressed.

        ``body`` is None where it is still to come (S3): whoever reads it compares it with
        ``x-amz-content-sha256``, which is signed.

        Raises:
            AwsError: 403 MissingAuthenticationToken, IncompleteSignature, InvalidClientTokenId,
                ExpiredToken, RequestExpired or SignatureDoesNotMatch.
        """
        signature = read_signature(request)
        known = self._lookup(signature.claim.credential[0])
        if known is None or not has_token(known, signature.token):
            raise _refused(
                "InvalidClientTokenId", "The security token included in the request is invalid."
            )
        known.check_alive(now)
        _check_time(signature, now)
        _check_signed_headers(request, signature.claim)
        text = _string_to_sign(request, signature, _payload_hash(request, signature, body))
        right = self._signing_key(known.secret, signature.claim).sign(text)
        if not hmac.compare_digest(right.encode(), signature.signature.encode()):
            raise _mismatch()
        return known

    def chunk_signer(self, request: HttpRequest, known: KnownKey) -> ChunkSigner:
        """Return what verifies the chunks of a request's body."""
        signature = read_signature(request)
        key = self._signing_key(known.secret, signature.claim).key
        return ChunkSigner(key, signature.moment, signature.claim.scope, signature.signature)

    def _signing_key(self, secret: str, claim: Claim) -> SigningKey:
        found = self._keys.get(claim.credential)
        if found is not None and found[0] == secret:
            return found[1]
        key = SigningKey(secret, claim)
        if len(self._keys) >= CACHED_KEYS:
            self._keys.clear()
        self._keys[claim.credential] = (secret, key)
        return key


def check_presigned_time(request: HttpRequest, now: datetime) -> None:
    """Refuse a presigned URL whose time is over, or that says no time."""
    if "X-Amz-Signature=" in request.query:
        _check_time(_read_presigned(request.query), now)


def read_signature(request: HttpRequest) -> Signature:
    """Return what the request claims, from its Authorization header or its query string."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        text, _, rest = authorization.rpartition("Signature=")
        read = _remembered_claim if len(text) <= LONGEST_REMEMBERED else _read_claim
        claim, signature = read(text), SIGNATURE.fullmatch(rest)
        if claim is None or signature is None:
            raise _refused("IncompleteSignature", "The Authorization header is not a SigV4 one.")
        return Signature(
            claim,
            signature[1],
            request.headers.get("x-amz-date", ""),
            request.headers.get("x-amz-security-token", ""),
            None,
            request.query,
        )
    if "X-Amz-Signature=" in request.query:
        return _read_presigned(request.query)
    raise _refused("MissingAuthenticationToken", "Request is missing Authentication Token")


def _read_claim(text: str) -> Claim | None:
    """Return credential and signed headers, as written before the signature; None: of no SigV4."""
    found = CLAIM.fullmatch(text)
    return Claim(_credential(found[1]), found[2]) if found else None


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
        claim=Claim(
            _credential(values.get("X-Amz-Credential", "")), values.get("X-Amz-SignedHeaders", "")
        ),
        signature=values["X-Amz-Signature"],
        moment=values.get("X-Amz-Date", ""),
        token=values.get("X-Amz-Security-Token", ""),
        expires=int(expires),
        query="&".join(pair for pair in pairs if not pair.startswith("X-Amz-Signature=")),
    )


def _credential(text: str) -> tuple[str, str, str, str]:
    match text.split("/"):
        case [key, date, region, service, last] if last == END:
            return key, date, region, service
        case _:
            raise _refused(
                "IncompleteSignature", "The credential is not KEY/DATE/REGION/SERVICE/aws4_request."
            )


def _check_time(signature: Signature, now: datetime) -> None:
    _, date, _, service = signature.claim.credential
    moment = _moment(signature.moment) if len(signature.moment) == LENGTH_OF_MOMENT else None
    if moment is None:
        raise _refused("IncompleteSignature", "X-Amz-Date is missing or malformed.")
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


@lru_cache(REMEMBERED)  # all requests of a second have the same
def _moment(text: str) -> datetime | None:
    if not MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None  # such as the 31st of June


def _check_signed_headers(request: HttpRequest, claim: Claim) -> None:
    others = request.headers.keys() - claim.signed
    unsigned = [one for one in others if one.startswith("x-amz-")]
    if "host" not in claim.signed:
        unsigned.append("host")
    if unsigned:
        raise _refused("IncompleteSignature", f"The header {min(unsigned)} must be signed.")


def _payload_hash(request: HttpRequest, signature: Signature, body: bytes | None) -> str:
    claimed = request.headers.get("x-amz-content-sha256")
    if claimed == UNSIGNED:
        return UNSIGNED
    if signature.expires is not None and signature.claim.credential[3] == "s3":
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
    claim, given = signature.claim, request.headers
    names = claim.signed_headers
    try:
        headers = "".join([f"{name}:{' '.join(given[name].split())}\n" for name in names])
    except KeyError as error:
        raise _mismatch() from error
    path, query = _path(request.path, claim.credential[3]), _query(signature.query)
    canonical = f"{request.method}\n{path}\n{query}\n{headers}\n{';'.join(names)}\n{payload}"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return f"{ALGORITHM}\n{signature.moment}\n{claim.scope}\n{digest}".encode()


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
