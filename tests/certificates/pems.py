"""Certificates that users might bring, good and bad."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Pair(NamedTuple):
    certificate: x509.Certificate
    key: object

    @property
    def body(self):
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def private_key(self):
        return key_pem(self.key)


def key_pem(key, passphrase=None):
    lock = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


def pair(*names, issuer=None, key=None, since=NOW - DAY, until=NOW + 100 * DAY, authority=False):
    """Make a certificate for these names, signed by an issuer or by itself."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])] if names else [])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
        builder = builder.add_extension(alternative, critical=False)
    return Pair(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def revocations(issuer, *revoked, since=NOW - DAY, until=NOW + DAY, extensions=()):
    """Make a list of revoked certificates, signed by an issuer; extensions: (value, critical)."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(since)
        .next_update(until)
    )
    for one in revoked:
        entry = x509.RevokedCertificateBuilder().revocation_date(since)
        serial = one.certificate.serial_number
        builder = builder.add_revoked_certificate(entry.serial_number(serial).build())
    for value, critical in extensions:
        builder = builder.add_extension(value, critical=critical)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.PEM)
