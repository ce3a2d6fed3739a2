"""The key that signs tokens for the registry of images, made at first use.

The registry trusts a certificate and finds it by the key's id, as libtrust makes it.
Source: Distribution, token authentication specification; RFC 7515; RFC 7518 (ES256).
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecsd.certificates.private_files import write_private
from ecsd.errors import CertificateError

if TYPE_CHECKING:  # loaded at first use
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

FILE = "registry.key"
ALGORITHM = "ES256"
ID_BYTES, ID_GROUP = 30, 4
FIRST_DAY, LAST_DAY = datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)


class TokenKey:
    """Signs and verifies. folder: where the key is kept (mode 0600); None: with the process."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._key: EllipticCurvePrivateKey | None = None
        self._id = ""

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a token that says so."""
        import jwt

        key = self._opened()
        return jwt.encode(dict(claims), key, algorithm=ALGORITHM, headers={"kid": self._id})

    def verify(self, token: str, audience: str, now: datetime) -> dict[str, Any] | None:
        """Return what a token of ours says, None for one that is not, or whose time is over."""
        import jwt

        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._opened().public_key(),
                algorithms=[ALGORITHM],
                audience=audience,
                options={
                    "require": ["exp", "aud"],
                    "verify_exp": False,  # by our own clock, below
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidTokenError:
            return None
        return claims if float(claims["exp"]) > now.timestamp() else None

    def certificate(self) -> str:
        """Return the certificate (PEM) that the registry is to trust, the same key each time."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.x509.oid import NameOID

        key = self._opened()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ecsd registry tokens")])
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(FIRST_DAY)
            .not_valid_after(LAST_DAY)
            .sign(key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM).decode()

    def _opened(self) -> "EllipticCurvePrivateKey":
        if self._key is None:
            self._key = self._read() or self._made()
            self._id = _key_id(self._key)
        return self._key

    def _read(self) -> "EllipticCurvePrivateKey | None":
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        if self._folder is None:
            return None
        try:
            key = load_pem_private_key((self._folder / FILE).read_bytes(), None)
        except FileNotFoundError:
            return None  # first use
        except ValueError as error:
            raise CertificateError(f"{self._folder}/{FILE} is no key: {error}") from error
        if not isinstance(key, EllipticCurvePrivateKey):
            raise CertificateError(f"{self._folder}/{FILE} is a key of another kind")
        return key

    def _made(self) -> "EllipticCurvePrivateKey":
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        if self._folder is not None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            content = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            write_private(self._folder / FILE, content)
        return key


def _key_id(key: "EllipticCurvePrivateKey") -> str:
    """Return a key's id: 240 bits of its digest in base32, in groups of four."""
    from cryptography.hazmat.primitives import serialization

    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    text = base64.b32encode(hashlib.sha256(public).digest()[:ID_BYTES]).decode()
    return ":".join(text[at : at + ID_GROUP] for at in range(0, len(text), ID_GROUP))
