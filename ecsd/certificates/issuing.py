"""Keys and X.509 of the local authority: its root, and what it issues.

Apart from ``authority``, which is there from the start: ``cryptography`` is loaded at first use.
Source: RFC 5280; AWS Certificate Manager User Guide, characteristics of public certificates.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
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

from ecsd.certificates.material import Material
from ecsd.certificates.reading import facts_of

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


class Root(NamedTuple):
    """The authority's own certificate and key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def read_root(certificate_pem: bytes, key_pem: bytes) -> Root | None:
    """Return a root from PEM, or None when the key is not the certificate's.

    Raises ValueError on what is no PEM.
    """
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    key = load_pem_private_key(key_pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        return None
    return Root(certificate, key) if key.public_key() == certificate.public_key() else None


def new_root(now: datetime) -> Root:
    """Make a root of its own key."""
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
    return Root(certificate, key)


def issue(root: Root, names: Sequence[str], key_algorithm: str, now: datetime) -> Material:
    """Return a server certificate for domain names, the first its subject; takes a while.

    key_algorithm: one of ``CURVES`` or ``SIZES`` (``authority.KEY_ALGORITHMS``).
    """
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
    body, chain = pem(certificate), pem(root.certificate)
    return Material(body, chain, key_pem(key), facts_of(certificate))


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


def pem(certificate: x509.Certificate) -> str:
    """Return a certificate as PEM."""
    return certificate.public_bytes(Encoding.PEM).decode()


def key_pem(key: Key) -> str:
    """Return a private key as PEM."""
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return text.decode()
