"""Keys with which a load balancer authenticates users: of sessions, of logins, of claims.

``cryptography`` is loaded at first use of this module.
Source: RFC 5869 (HKDF); NIST SP 800-38D (AES-GCM); RFC 7515, RFC 7518, 3.4 (ES256); Application
Load Balancers guide, user claims encoding.
"""

import json
from base64 import b64decode, b64encode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from ecsd.decisions.balancers.user_session import Sealed, read_sealed, sealed_text
from ecsd.ids import IdSource

KEY_BITS = 256
NONCE_LENGTH, TAG_LENGTH = 12, 16
COORDINATE_LENGTH = 32  # bytes, of each half of an ES256 signature


class NewKeys(NamedTuple):
    """Keys for one load balancer. private_key, public_key: PEM; session_key: Base64."""

    private_key: str
    public_key: str
    session_key: str


def new_keys() -> NewKeys:
    """Make keys for a load balancer."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    session_key = b64encode(AESGCM.generate_key(KEY_BITS)).decode()
    return NewKeys(private.decode(), public.decode(), session_key)


def derived_key(session_key: str, *purpose: str) -> str:
    """Return the key of a purpose, Base64: another purpose has a key that tells nothing of it."""
    info = json.dumps(purpose).encode()
    kdf = HKDF(algorithm=hashes.SHA256(), length=KEY_BITS // 8, salt=None, info=info)
    return b64encode(kdf.derive(b64decode(session_key))).decode()


def seal(text: str, key: str, ids: IdSource) -> str:
    """Return text that only who has the key (Base64) can read, and nobody else can have written."""
    nonce = bytes.fromhex(ids.hexadecimal(NONCE_LENGTH * 2))
    whole = AESGCM(b64decode(key)).encrypt(nonce, text.encode(), None)
    parts = (nonce, whole[-TAG_LENGTH:], whole[:-TAG_LENGTH])
    return sealed_text(Sealed(*(b64encode(one).decode() for one in parts)))


def unseal(sealed: str, key: str) -> str | None:
    """Return what was sealed under a key; None: nothing was."""
    parts = read_sealed(sealed)
    if parts is None:
        return None
    try:
        nonce, tag, content = (b64decode(one, validate=True) for one in parts)
        return AESGCM(b64decode(key)).decrypt(nonce, content + tag, None).decode()
    except (Base64Error, InvalidTag, UnicodeDecodeError):
        return None


def signed_claims(header: Mapping[str, Any], claims: Mapping[str, Any], private_key: str) -> str:
    """Return a JWT signed by ES256, its parts padded as a load balancer's are.

    private_key: PEM, on the curve P-256.
    """
    key = load_pem_private_key(private_key.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("claims are signed by a key on an elliptic curve")
    text = f"{_encoded(_json(header))}.{_encoded(_json(claims))}"
    first, second = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    signature = b"".join(one.to_bytes(COORDINATE_LENGTH, "big") for one in (first, second))
    return f"{text}.{_encoded(signature)}"


def _json(value: Mapping[str, Any]) -> bytes:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="replace")  # half a surrogate pair is no text


def _encoded(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode()
