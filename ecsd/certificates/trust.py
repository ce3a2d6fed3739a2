"""Authorities and revocation lists that users bring for trust stores, read and bounded.

Everything comes back as PEM written anew, so that only what was understood is passed on.
To be imported at first use: ``cryptography`` is large.
Source: Application Load Balancers guide, mutual authentication, quotas; RFC 5280, 5.
"""

from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from ecsd.certificates.material import Unfit
from ecsd.certificates.reading import WEAK_DIGESTS, is_strong

MOST_AUTHORITIES = 25
LARGEST_AUTHORITY = 16 << 10  # bytes
LONGEST_SUBJECTS = 10_000  # bytes of all subjects, which clients may be told
LIST_BEGINS = b"-----BEGIN X509 CRL-----"
UNREADABLE_BUNDLE = "The CA certificates bundle is not PEM-encoded or is not valid."
UNREADABLE_LIST = "The revocation list is not PEM-encoded or is not valid."


class Bundle(NamedTuple):
    """Certificates of authorities. text: PEM. number: of them."""

    text: str
    number: int


class RevocationList(NamedTuple):
    """A list of revoked certificates. text: PEM."""

    text: str
    entries: int


def read_bundle(text: bytes) -> Bundle:
    """Return the authorities of a bundle, checked each for itself.

    Raises:
        Unfit: malformed, too many or too large, no authority, or too weak to be believed.
    """
    try:
        found = x509.load_pem_x509_certificates(text)
        _check_number(found)
        for one in found:
            _check_authority(one)
    except (ValueError, x509.InvalidVersion, x509.DuplicateExtension) as error:
        raise Unfit(UNREADABLE_BUNDLE) from error
    except UnsupportedAlgorithm as error:
        raise Unfit("The algorithm of a CA certificate's key is not supported.") from error
    if sum(len(one.subject.public_bytes()) for one in found) > LONGEST_SUBJECTS:
        raise Unfit(f"The subjects of the CA certificates have more than {LONGEST_SUBJECTS} bytes.")
    return Bundle("".join(one.public_bytes(Encoding.PEM).decode() for one in found), len(found))


def read_revocations(text: bytes, authorities: str) -> RevocationList:
    """Return a revocation list; where its issuer is one of these authorities, it has signed it.

    Raises:
        Unfit: malformed, several in one file, forged, or of a kind that nobody could go by.
    """
    if text.count(LIST_BEGINS) > 1:
        raise Unfit("The file contains more than one revocation list.")
    try:
        found = x509.load_pem_x509_crl(text)
        _check_kind(found)
        entries = len(found)
        _check_issuer(found, authorities)
    except (ValueError, x509.InvalidVersion, x509.DuplicateExtension) as error:
        raise Unfit(UNREADABLE_LIST) from error
    except UnsupportedAlgorithm as error:
        raise Unfit("The signature algorithm of the list is not supported.") from error
    return RevocationList(found.public_bytes(Encoding.PEM).decode(), entries)


def _check_number(found: list[x509.Certificate]) -> None:
    if len(found) > MOST_AUTHORITIES:
        raise Unfit(f"The bundle contains more than {MOST_AUTHORITIES} CA certificates.")
    if any(len(one.public_bytes(Encoding.DER)) > LARGEST_AUTHORITY for one in found):
        raise Unfit(f"A CA certificate is larger than {LARGEST_AUTHORITY} bytes.")


def _check_authority(certificate: x509.Certificate) -> None:
    if not isinstance(certificate.public_key(), rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise Unfit("The algorithm of a CA certificate's key is not supported.")
    if not is_strong(certificate):
        raise Unfit("A CA certificate has a key or a signature that is too weak.")
    try:
        limits = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        limits = None
    if limits is None or not limits.ca:
        raise Unfit("The bundle contains a certificate that is not one of a CA.")


def _check_kind(found: x509.CertificateRevocationList) -> None:
    """Refuse what OpenSSL would pass over in silence: then nobody would be revoked."""
    digest = found.signature_hash_algorithm
    if digest is not None and digest.name in WEAK_DIGESTS:
        raise Unfit(f"The list is signed by {digest.name}, which is too weak.")
    for one in found.extensions:
        if isinstance(one.value, x509.DeltaCRLIndicator):
            raise Unfit("Delta revocation lists are not supported.")
        if isinstance(one.value, x509.IssuingDistributionPoint):
            whole = one.value
            if whole.indirect_crl or whole.only_some_reasons or whole.only_contains_attribute_certs:
                raise Unfit("Indirect lists, and lists for some reasons only, are not supported.")
        elif one.critical and isinstance(one.value, x509.UnrecognizedExtension):
            raise Unfit(f"The list has a critical extension, {one.oid.dotted_string}.")


def _check_issuer(found: x509.CertificateRevocationList, authorities: str) -> None:
    """A list that one of the authorities is said to have signed is signed by it."""
    issuers = [
        one
        for one in x509.load_pem_x509_certificates(authorities.encode())
        if one.subject == found.issuer
    ]
    if issuers and not any(_has_signed(one, found) for one in issuers):
        raise Unfit("The list is not signed by the CA certificate that it names.")


def _has_signed(issuer: x509.Certificate, found: x509.CertificateRevocationList) -> bool:
    key = issuer.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return False  # none is kept in a trust store
    return found.is_signature_valid(key)
