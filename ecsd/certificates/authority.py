"""The local certificate authority: a root made at first use, and what it issues.

Source: RFC 5280; AWS Certificate Manager User Guide, characteristics of public certificates.
"""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ecsd.certificates.private_files import write_private
from ecsd.certificates.sealing import KeySeal
from ecsd.errors import CertificateError

ROOT_FILE = "root.pem"
KEY_FILE = "root.key"
ROOT_NAME = "ecsd local root"
ROOT_DAYS = 3650
VALID_DAYS = 198  # AWS Certificate Manager, since 2026
CURVES: dict[str, type[ec.EllipticCurve]] = {
    "EC_prime256v1": ec.SECP256R1,
    "EC_secp384r1": ec.SECP384R1,
}
SIZES = {"RSA_2048": 2048}
BACKDATED = timedelta(minutes=5)  # clients' clocks may be behind

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Issued(NamedTuple):
    """A certificate that was issued, all in PEM. chain: its issuers, the root last."""

    body: str
    chain: str
    private_key: str


class _Root(NamedTuple):
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class Authority:
    """Issues certificates under its own root, and keeps the seal on private keys.

    folder: where the root and its key (mode 0600) are, or are made at first use; None: both go
    with the process. May be used from several threads.
    """

    def __init__(self, folder: Path | None) -> None:
        self.seal = KeySeal(folder)
        self._folder = folder
        self._root: _Root | None = None
        self._lock = threading.Lock()

    def root(self, now: datetime) -> str:
        """Return the root certificate (PEM), made if there is none yet."""
        return _pem(self._entered(now).certificate)

    def issue(self, names: Sequence[str], key_algorithm: str, now: datetime) -> Issued:
        """Return a server certificate for domain names, the first its subject; takes a while.

        key_algorithm: one of ``CURVES`` or ``SIZES``.
        """
        root = self._entered(now)
        key = _new_key(key_algorithm)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        public = key.public_key()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(root.certificate.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(now + timedelta(days=VALID_DAYS))
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(rsa_key=isinstance(key, rsa.RSAPrivateKey)), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key()),
                critical=False,
            )
            .sign(root.key, hashes.SHA256())
        )
        return Issued(_pem(certificate), _pem(root.certificate), _key_pem(key))

    def _entered(self, now: datetime) -> _Root:
        with self._lock:
            if self._root is None:
                self._root = self._read() or self._made(now)
            return self._root

    def _read(self) -> _Root | None:
        if self._folder is None or not (self._folder / ROOT_FILE).exists():
            return None  # first use, or cut off in it: the certificate comes last
        try:
            certificate = x509.load_pem_x509_certificate((self._folder / ROOT_FILE).read_bytes())
            key = load_pem_private_key((self._folder / KEY_FILE).read_bytes(), None)
        except (OSError, ValueError) as error:
            raise CertificateError(
                f"the local authority in {self._folder} cannot be read: {error}"
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or (
            key.public_key() != certificate.public_key()
        ):
            raise CertificateError(f"{self._folder}/{KEY_FILE} is not the key of {ROOT_FILE}")
        return _Root(certificate, key)

    def _made(self, now: datetime) -> _Root:
        root = _new_root(now)
        if self._folder is not None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self._folder / KEY_FILE, _key_pem(root.key).encode())
            write_private(self._folder / ROOT_FILE, _pem(root.certificate).encode())
        return root


def _new_root(now: datetime) -> _Root:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ecsd"),
            x509.NameAttribute(NameOID.COMMON_NAME, ROOT_NAME),
        ]
    )
    public = key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=ROOT_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _Root(certificate, key)


def _new_key(key_algorithm: str) -> Key:
    if key_algorithm in CURVES:
        return ec.generate_private_key(CURVES[key_algorithm]())
    return rsa.generate_private_key(public_exponent=65537, key_size=SIZES[key_algorithm])


def _usage(*, authority: bool = False, rsa_key: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=rsa_key,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _key_pem(key: Key) -> str:
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return text.decode()
