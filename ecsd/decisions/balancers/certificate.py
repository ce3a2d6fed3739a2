"""What follows from a certificate: its status, its renewal, how ownership of a name is shown.

Source: AWS Certificate Manager User Guide: managed renewal, DNS validation, email validation;
API Reference, CertificateDetail.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from msgspec.structs import replace

from ecsd.records.acm.certificate import (
    AMAZON_ISSUED,
    Certificate,
    DomainValidation,
    X509Facts,
)

RENEWED_BEFORE = timedelta(days=45)  # of its end
DAY = timedelta(days=1)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
MAILBOXES = ("administrator", "hostmaster", "postmaster", "webmaster", "admin")
LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
NAME = re.compile(rf"(\*\.)?({LABEL}\.)+{LABEL}")
LONGEST_NAME = 253


class Issue(NamedTuple):
    """A certificate as it is kept."""

    body: str
    chain: str
    sealed_key: str
    facts: X509Facts


def status(certificate: Certificate, now: datetime) -> str:
    """Return ISSUED or EXPIRED: whatever is stored was validated."""
    return "EXPIRED" if now > certificate.facts.not_after else "ISSUED"


def is_renewable(certificate: Certificate, users: Iterable[str]) -> bool:
    """Tell whether it is ELIGIBLE: issued here, and in use."""
    return certificate.type == AMAZON_ISSUED and any(True for _ in users)


def renewal_due(certificate: Certificate) -> datetime:
    """Return from when on an eligible certificate is renewed."""
    return certificate.facts.not_after - RENEWED_BEFORE


def key_type(certificate: Certificate) -> str:
    """Return its key's algorithm as requests and filters name it, such as ``RSA_2048``."""
    return certificate.facts.key_algorithm.replace("-", "_", 1)


def renewed(certificate: Certificate, issued: Issue, now: datetime) -> Certificate:
    """Return a certificate with what was issued in its place."""
    return replace(
        certificate,
        body=issued.body,
        chain=issued.chain,
        sealed_key=issued.sealed_key,
        facts=issued.facts,
        renewed_at=now,
    )


def next_warning(certificate: Certificate, days: int, now: datetime) -> datetime | None:
    """Return when to tell next that it expires: daily in its last days, never after its end."""
    first = certificate.facts.not_after - timedelta(days=days)
    if now < first:
        return first
    passed = (now - first) // DAY
    following = first + (passed + 1) * DAY
    return following if following < certificate.facts.not_after else None


def warns(certificate: Certificate, days: int, now: datetime) -> bool:
    """Tell whether it is in its last days."""
    end = certificate.facts.not_after
    return end - timedelta(days=days) <= now < end


def validation(account: str, name: str, method: str, domain: str) -> DomainValidation:
    """Return how an account shows that a name is its own.

    The DNS record is the same for every certificate of the account with that name, and for a name
    and its wildcard.
    """
    bare = name.removeprefix("*.").lower()
    if method != "DNS":
        return DomainValidation(domain_name=name, method=method, validation_domain=domain)
    left, right = (_digest(f"{side} {account} {bare}") for side in ("name", "value"))
    zone = "".join(LETTERS[int(digit, 16)] for digit in _digest(f"zone {account} {bare}")[:10])
    return DomainValidation(
        domain_name=name,
        method=method,
        validation_domain=domain,
        record_name=f"_{left}.{bare}.",
        record_value=f"_{right}.{zone}.acm-validations.aws.",
    )


def mailboxes(domain: str) -> list[str]:
    """Return whom AWS writes to when a name is validated by mail."""
    return [f"{box}@{domain.removeprefix('*.')}" for box in MAILBOXES]


def validation_domains(
    names: Iterable[str], options: Iterable[Mapping[str, Any]]
) -> dict[str, str] | str:
    """Return name → the domain that validates it, or what is wrong with the options."""
    domains = {name: name.removeprefix("*.") for name in names}
    for option in options:
        name, domain = option["DomainName"], option["ValidationDomain"]
        if name not in domains:
            return f"{name} is not a domain name of the certificate"
        bare = name.removeprefix("*.")
        if bare != domain and not bare.endswith(f".{domain}"):
            return f"{domain} is not {bare} or a domain above it"
        domains[name] = domain
    return domains


def is_domain_name(name: str) -> bool:
    """Tell whether a certificate may be asked for this name."""
    return len(name) <= LONGEST_NAME and NAME.fullmatch(name) is not None


def covers(pattern: str, host: str) -> bool:
    """Tell whether a certificate's name stands for a host (RFC 6125 6.4.3: one label)."""
    if not pattern.startswith("*."):
        return pattern.lower() == host.lower()
    _, _, rest = host.partition(".")
    return rest.lower() == pattern[2:].lower()


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]
