"""Certificates and keys that users bring, read and checked.

Everything comes back as PEM written anew, so that only what was understood is passed on.
To be imported at first use: ``cryptography`` is large.
Source: AWS Certificate Manager User Guide, prerequisites for importing; RFC 5280; RFC 7468.
"""

from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec.structs import replace

from ecsd.certificates.material import Material, Unfit
from ecsd.records.acm.certificate import X509Facts

T = TypeVar("T", bound=x509.ExtensionType)
CURVES = {"secp256r1": "EC-prime256v1", "secp384r1": "EC-secp384r1", "secp521r1": "EC-secp521r1"}
STRONG_RSA, STRONG_EC = 2048, 224  # bits
WEAK_DIGESTS = ("md5", "sha1")
RSA_SIZES = (1024, 2048, 3072, 4096)
USAGES = {
    "digital_signature": "DIGITAL_SIGNATURE",
    "content_commitment": "NON_REPUDIATION",
    "key_encipherment": "KEY_ENCIPHERMENT",
    "data_encipherment": "DATA_ENCIPHERMENT",
    "key_agreement": "KEY_AGREEMENT",
    "key_cert_sign": "CERTIFICATE_SIGNING",
    "crl_sign": "CRL_SIGNING",
}
EXTENDED_USAGES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "TLS_WEB_SERVER_AUTHENTICATION",
    ExtendedKeyUsageOID.CLIENT_AUTH: "TLS_WEB_CLIENT_AUTHENTICATION",
    ExtendedKeyUsageOID.CODE_SIGNING: "CODE_SIGNING",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "EMAIL_PROTECTION",
    ExtendedKeyUsageOID.TIME_STAMPING: "TIME_STAMPING",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSP_SIGNING",
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "ANY",
}
MANY = (
    "The certificate field contains more than one certificate. You can specify only one "
    "certificate in this field."
)
NO_CERTIFICATE = "The certificate is not PEM-encoded or is not valid."
NO_CHAIN = "The certificate chain is not PEM-encoded or is not valid."
NO_KEY = "The private key is not PEM-encoded or is not valid."
KEY_UNSUPPORTED = "The private key is not supported."
NOT_FITTING = "The private key does not match the certificate."
CHAIN_BROKEN = "Could not validate the certificate with the certificate chain."


def read_material(body: bytes, chain: bytes | None, private_key: bytes, now: datetime) -> Material:
    """Return a certificate with its key and issuers, checked against each other.

    Raises:
        Unfit: malformed, out of its time, of another key, or not of these issuers.
    """
    certificate = _one(body)
    try:
        public, facts = certificate.public_key(), facts_of(certificate)
    except (ValueError, UnsupportedAlgorithm) as error:  # its parts are parsed when asked for
        raise Unfit(NO_CERTIFICATE) from error
    key = _key(private_key)
    if key.public_key() != public:
        raise Unfit(NOT_FITTING)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        late = now > certificate.not_valid_after_utc
        raise Unfit(f"The certificate {'has expired' if late else 'is not yet valid'}.")
    issuers = _several(chain) if chain else []
    _check_chain(certificate, issuers, now)
    if not all(is_strong(one) for one in (certificate, *issuers)):
        facts = replace(facts, servable=False)
    return Material(
        _pem(certificate),
        "".join(_pem(one) for one in issuers),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        facts,
    )


def facts_of(certificate: x509.Certificate) -> X509Facts:
    """Return what a certificate says.

    Raises:
        Unfit: its key is of a kind that AWS Certificate Manager does not take.
        ValueError, UnsupportedAlgorithm: a part of it is malformed.
    """
    public = certificate.public_key()
    algorithm, strength = _algorithm(public)
    digest = certificate.signature_hash_algorithm
    signer = certificate.signature_algorithm_oid.dotted_string
    signature = "WITHRSA" if signer.startswith("1.2.840.113549") else "WITHECDSA"
    usages = _extension(certificate, x509.KeyUsage)
    extended = _extension(certificate, x509.ExtendedKeyUsage)
    held = [word for member, word in USAGES.items() if usages and getattr(usages, member)]
    oids = tuple(extended or ())
    return X509Facts(
        subject=certificate.subject.rfc4514_string(),
        issuer=_issuer(certificate),
        serial=_pairs(certificate.serial_number),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key_algorithm=algorithm,
        strength=strength,
        signature_algorithm=f"{digest.name.upper() if digest else 'NONE'}{signature}",
        domain_names=tuple(dict.fromkeys(_names(certificate))),
        key_usages=tuple(held),
        extended_key_usages=tuple(EXTENDED_USAGES.get(one, "CUSTOM") for one in oids),
        extended_key_usage_ids=tuple(one.dotted_string for one in oids),
    )


def _one(text: bytes) -> x509.Certificate:
    try:
        found = x509.load_pem_x509_certificates(text)
    except (ValueError, x509.InvalidVersion) as error:
        raise Unfit(NO_CERTIFICATE) from error
    if len(found) > 1:
        raise Unfit(MANY)
    if found[0].serial_number <= 0:
        raise Unfit("The serial number of the certificate is not positive.")
    if found[0].version is not x509.Version.v3:
        raise Unfit("The certificate must be an X.509 version 3 certificate.")
    return found[0]


def _several(text: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text)
    except (ValueError, x509.InvalidVersion) as error:
        raise Unfit(NO_CHAIN) from error


def _key(text: bytes) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(text, None)
    except (TypeError, UnsupportedAlgorithm) as error:  # TypeError: it has a passphrase
        raise Unfit(KEY_UNSUPPORTED) from error
    except ValueError as error:
        raise Unfit(NO_KEY) from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise Unfit(KEY_UNSUPPORTED)
    return key


def _check_chain(
    certificate: x509.Certificate, issuers: list[x509.Certificate], now: datetime
) -> None:
    """Each certifies the one before it, and is in its time."""
    before = certificate
    for issuer in issuers:
        try:
            issuer.public_key()  # its parts are parsed when asked for
            before.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
            raise Unfit(CHAIN_BROKEN) from error
        if not issuer.not_valid_before_utc <= now <= issuer.not_valid_after_utc:
            raise Unfit(CHAIN_BROKEN)
        before = issuer


def is_strong(certificate: x509.Certificate) -> bool:
    """Tell whether OpenSSL serves it at level 2: 112 bits, in its key and in what signed it.

    What signed a root is nobody's concern. Source: OpenSSL, SSL_CTX_set_security_level(3).
    """
    public, digest = certificate.public_key(), certificate.signature_hash_algorithm
    if isinstance(public, rsa.RSAPublicKey | dsa.DSAPublicKey) and public.key_size < STRONG_RSA:
        return False
    if isinstance(public, ec.EllipticCurvePublicKey) and public.key_size < STRONG_EC:
        return False
    is_root = certificate.issuer == certificate.subject
    return is_root or digest is None or digest.name not in WEAK_DIGESTS


def _algorithm(public: object) -> tuple[str, int]:
    """Return a public key's algorithm in the API's words, and its strength in bits."""
    if isinstance(public, rsa.RSAPublicKey) and public.key_size in RSA_SIZES:
        return f"RSA-{public.key_size}", public.key_size
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in CURVES:
        return CURVES[public.curve.name], public.curve.key_size
    raise Unfit(KEY_UNSUPPORTED)


def _issuer(certificate: x509.Certificate) -> str:
    for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        found = certificate.issuer.get_attributes_for_oid(kind)
        if found:
            return str(found[0].value)
    return certificate.issuer.rfc4514_string()


def _names(certificate: x509.Certificate) -> list[str]:
    """Return the common name, then the alternative names."""
    names = [
        str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    ]
    alternative = _extension(certificate, x509.SubjectAlternativeName)
    if alternative is not None:
        names += alternative.get_values_for_type(x509.DNSName)
    return names


def _extension(certificate: x509.Certificate, kind: type[T]) -> T | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _pairs(number: int) -> str:
    text = f"{number:x}"
    text = text.zfill(len(text) + len(text) % 2)
    return ":".join(text[at : at + 2] for at in range(0, len(text), 2))


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
