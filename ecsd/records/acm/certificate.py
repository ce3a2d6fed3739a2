"""Certificates. Source: AWS Certificate Manager API 2015-12-08, data type CertificateDetail."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Part, Record
from ecsd.records.tag import Tag

IMPORTED, AMAZON_ISSUED = "IMPORTED", "AMAZON_ISSUED"


class X509Facts(Part, frozen=True, kw_only=True):
    """What a certificate says, in the API's words. strength: bits of the key."""

    subject: str
    issuer: str
    serial: str  # aa:bb:…
    not_before: datetime
    not_after: datetime
    key_algorithm: str  # RSA-2048, EC-prime256v1
    strength: int
    signature_algorithm: str  # SHA256WITHRSA
    domain_names: tuple[str, ...]  # the subject's first, each once
    key_usages: tuple[str, ...] = ()
    extended_key_usages: tuple[str, ...] = ()
    extended_key_usage_ids: tuple[str, ...] = ()  # the same, as OIDs
    servable: bool = True  # it and its issuers are strong enough for OpenSSL's security level 2


class DomainValidation(Part, frozen=True, kw_only=True):
    """How ownership of a name is shown. method: DNS, EMAIL; the record is of DNS alone."""

    domain_name: str
    method: str
    validation_domain: str
    record_name: str = ""
    record_value: str = ""


class Certificate(Record, frozen=True, kw_only=True):
    """A certificate with its private key, sealed. Its status follows from its time.

    renewed_at: when the local authority issued it anew.
    """

    KIND: ClassVar[str] = "certificate"
    KEY: ClassVar[str] = "certificate_arn"

    certificate_arn: str
    type: str  # IMPORTED, AMAZON_ISSUED
    domain_name: str
    subject_alternative_names: tuple[str, ...]  # domain_name is one of them
    body: str  # PEM
    chain: str = ""  # PEM, issuers in order
    sealed_key: str
    facts: X509Facts
    created_at: datetime
    imported_at: datetime | None = None
    issued_at: datetime | None = None
    renewed_at: datetime | None = None
    validations: tuple[DomainValidation, ...] = ()
    transparency_logging: str = "ENABLED"  # as asked for; the local authority has no such log
    idempotency_token: str | None = None
    tags: tuple[Tag, ...] = ()
