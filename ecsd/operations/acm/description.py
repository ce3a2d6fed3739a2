"""Certificates as they are told of. Source: AWS Certificate Manager API Reference."""

from datetime import datetime
from typing import Any

from ecsd.decisions.balancers.certificate import is_renewable, key_type, mailboxes, status
from ecsd.operations.acm.paging import page
from ecsd.operations.acm.refusal import invalid, unsupported
from ecsd.operations.call import Call, operation
from ecsd.records.acm.certificate import AMAZON_ISSUED, Certificate, DomainValidation
from ecsd.store.finders.acm import require_certificate, users_of
from ecsd.store.store import View

LISTED = ("RSA_1024", "RSA_2048")  # key types that a list has unless it names others
MOST_NAMES = 100  # of a certificate, in a list
ORIGINS = {AMAZON_ISSUED: "AWS_MANAGED"}
BROUGHT = "CUSTOMER_PROVIDED"


@operation("acm", "DescribeCertificate")
async def describe_certificate(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe a certificate."""
    certificate = require_certificate(call.view, request["CertificateArn"])
    return {"Certificate": _detail(call.view, certificate, call.clock.now())}


@operation("acm", "GetCertificate")
async def get_certificate(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return a certificate and its issuers, in PEM."""
    certificate = require_certificate(call.view, request["CertificateArn"])
    return {"Certificate": certificate.body, "CertificateChain": certificate.chain or None}


@operation("acm", "ExportCertificate")
async def export_certificate(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Refuse: no certificate here was made to be exported."""
    certificate = require_certificate(call.view, request["CertificateArn"])
    raise invalid(
        f"Certificate ARN: {certificate.certificate_arn} is not a private certificate and its "
        "export option is not enabled: it cannot be exported."
    )


@operation("acm", "ListCertificates")
async def list_certificates(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List certificates, those with RSA keys of up to 2048 bits unless key types are named."""
    if bool(request.get("SortBy")) != bool(request.get("SortOrder")):
        raise invalid("SortBy and SortOrder must be specified together.")
    if request.get("RootHierarchyTypes"):
        raise unsupported("RootHierarchyTypes")
    view, now = call.view, call.clock.now()
    found = [one for one in view.select(Certificate) if _listed(one, request, now)]
    found.sort(
        key=lambda one: (one.created_at, one.certificate_arn),
        reverse=request.get("SortOrder") == "DESCENDING",
    )
    chosen, token = page(found, request, key=lambda one: one.certificate_arn)
    summaries = [_summary(view, one, now) for one in chosen]
    return {"CertificateSummaryList": summaries, "NextToken": token}


def _listed(certificate: Certificate, request: dict[str, Any], now: datetime) -> bool:
    statuses = request.get("CertificateStatuses")
    origins = request.get("CertificateKeyPairOrigins")
    if statuses and status(certificate, now) not in statuses:
        return False
    if origins and _origin(certificate) not in origins:
        return False
    includes = request.get("Includes") or {}
    if includes.get("managedBy") or includes.get("exportOption") == "ENABLED":
        return False  # there are none
    facts = certificate.facts
    if key_type(certificate) not in (includes.get("keyTypes") or LISTED):
        return False
    return _has(includes.get("keyUsage"), facts.key_usages) and _has(
        includes.get("extendedKeyUsage"), facts.extended_key_usages
    )


def _has(wanted: list[str] | None, held: tuple[str, ...]) -> bool:
    return not wanted or bool({"ANY", *held} & set(wanted))


def _detail(view: View, certificate: Certificate, now: datetime) -> dict[str, Any]:
    facts = certificate.facts
    users = users_of(view, certificate.certificate_arn)
    issued_here = certificate.type == AMAZON_ISSUED
    validations = [_validation(one) for one in certificate.validations]
    extended = zip(facts.extended_key_usages, facts.extended_key_usage_ids, strict=True)
    return {
        "CertificateArn": certificate.certificate_arn,
        "DomainName": certificate.domain_name,
        "SubjectAlternativeNames": list(certificate.subject_alternative_names),
        "DomainValidationOptions": validations if issued_here else None,
        "Serial": facts.serial,
        "Subject": facts.subject,
        "Issuer": facts.issuer,
        "CreatedAt": certificate.created_at,
        "IssuedAt": certificate.issued_at,
        "ImportedAt": certificate.imported_at,
        "Status": status(certificate, now),
        "NotBefore": facts.not_before,
        "NotAfter": facts.not_after,
        "KeyAlgorithm": facts.key_algorithm,
        "SignatureAlgorithm": facts.signature_algorithm,
        "InUseBy": users,
        "Type": certificate.type,
        "KeyUsages": [{"Name": one} for one in facts.key_usages],
        "ExtendedKeyUsages": [{"Name": name, "OID": oid} for name, oid in extended],
        "RenewalEligibility": _eligibility(certificate, users),
        "RenewalSummary": _renewal(certificate, validations),
        "Options": _options(certificate) if issued_here else None,
        "CertificateKeyPairOrigin": _origin(certificate),
    }


def _summary(view: View, certificate: Certificate, now: datetime) -> dict[str, Any]:
    facts, names = certificate.facts, certificate.subject_alternative_names
    users = users_of(view, certificate.certificate_arn)
    return {
        "CertificateArn": certificate.certificate_arn,
        "DomainName": certificate.domain_name,
        "SubjectAlternativeNameSummaries": list(names[:MOST_NAMES]),
        "HasAdditionalSubjectAlternativeNames": len(names) > MOST_NAMES,
        "Status": status(certificate, now),
        "Type": certificate.type,
        "KeyAlgorithm": facts.key_algorithm,
        "KeyUsages": list(facts.key_usages),
        "ExtendedKeyUsages": list(facts.extended_key_usages),
        "ExportOption": "DISABLED" if certificate.type == AMAZON_ISSUED else None,
        "InUse": bool(users),
        "RenewalEligibility": _eligibility(certificate, users),
        "NotBefore": facts.not_before,
        "NotAfter": facts.not_after,
        "CreatedAt": certificate.created_at,
        "IssuedAt": certificate.issued_at,
        "ImportedAt": certificate.imported_at,
        "CertificateKeyPairOrigin": _origin(certificate),
    }


def _validation(one: DomainValidation) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "DomainName": one.domain_name,
        "ValidationDomain": one.validation_domain,
        "ValidationStatus": "SUCCESS",
        "ValidationMethod": one.method,
    }
    if one.record_name:
        shown["ResourceRecord"] = {
            "Name": one.record_name,
            "Type": "CNAME",
            "Value": one.record_value,
        }
    else:
        shown["ValidationEmails"] = mailboxes(one.validation_domain)
    return shown


def _renewal(certificate: Certificate, validations: list[dict[str, Any]]) -> dict[str, Any] | None:
    if certificate.renewed_at is None:
        return None
    return {
        "RenewalStatus": "SUCCESS",
        "DomainValidationOptions": validations,
        "UpdatedAt": certificate.renewed_at,
    }


def _options(certificate: Certificate) -> dict[str, str]:
    preference = certificate.transparency_logging
    return {"CertificateTransparencyLoggingPreference": preference, "Export": "DISABLED"}


def _eligibility(certificate: Certificate, users: list[str]) -> str:
    return "ELIGIBLE" if is_renewable(certificate, users) else "INELIGIBLE"


def _origin(certificate: Certificate) -> str:
    return ORIGINS.get(certificate.type, BROUGHT)
