"""Certificates: asked for, brought, renewed, deleted.

Ownership of a name is taken as shown, by either method: the names that are served here are the
user's own machine's. Source: AWS Certificate Manager API Reference.
"""

import asyncio
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from ecsd.certificates.authority import KEY_ALGORITHMS
from ecsd.certificates.material import Material, Unfit
from ecsd.decisions.balancers.certificate import (
    is_domain_name,
    is_renewable,
    key_type,
    renewed,
    validation,
    validation_domains,
)
from ecsd.errors import AwsError
from ecsd.operations.acm.refusal import invalid, unsupported
from ecsd.operations.acm.tag import merged
from ecsd.operations.call import Call, operation
from ecsd.records.acm.certificate import AMAZON_ISSUED, IMPORTED, Certificate, DomainValidation
from ecsd.records.tag import Tag
from ecsd.store.finders.acm import require_certificate, users_of
from ecsd.store.store import View

MOST = 2500  # AWS's default quota
LONGEST_COMMON_NAME = 64  # characters: RFC 5280, ub-common-name
TOKEN_LIFE = timedelta(hours=1)
LATER = ("CertificateAuthorityArn", "CertificateUsage", "ManagedBy", "RootHierarchyType")
METHODS = ("DNS", "EMAIL")


@operation("acm", "RequestCertificate")
async def request_certificate(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Have a certificate issued by the local authority, at once."""
    algorithm = _check_request(request)
    names = _names(request)
    validations = _validations(call.scope.account, names, request)
    tags = merged((), request.get("Tags"))
    known = _repeated(call, call.view, request, names)
    if known is not None:
        return {"CertificateArn": known.certificate_arn}
    issued = await _issued(call, names, algorithm)
    async with call.transaction() as change:
        known = _repeated(call, change, request, names)
        if known is not None:
            return {"CertificateArn": known.certificate_arn}
        _check_number(change)
        now = call.clock.now()
        certificate = _certificate(call, issued, names, validations, tags)
        options = request.get("Options") or {}
        certificate = replace(
            certificate,
            issued_at=now,
            transparency_logging=options.get("CertificateTransparencyLoggingPreference")
            or "ENABLED",
            idempotency_token=request.get("IdempotencyToken"),
        )
        change.put(certificate)
    return {"CertificateArn": certificate.certificate_arn}


@operation("acm", "ImportCertificate")
async def import_certificate(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take a certificate in with its private key; or put another in an imported one's place."""
    from ecsd.certificates.reading import read_material

    now = call.clock.now()
    try:
        material = await asyncio.to_thread(  # a long key takes its time to be checked
            read_material,
            request["Certificate"],
            request.get("CertificateChain"),
            request["PrivateKey"],
            now,
        )
    except Unfit as error:
        raise invalid(str(error)) from error
    if not material.facts.domain_names:
        raise invalid("The certificate names no domain.")
    arn = request.get("CertificateArn")
    if arn and request.get("Tags"):
        raise AwsError(
            "InvalidParameterException", "Tags cannot be given when a certificate is imported again"
        )
    tags = merged((), request.get("Tags"))
    async with call.transaction() as change:
        if arn:
            held = require_certificate(change, arn)
            if held.type != IMPORTED:
                raise invalid(f"Certificate {arn} was not imported: it cannot be imported again.")
            certificate = replace(_imported(call, material, held), imported_at=now)
        else:
            _check_number(change)
            names = material.facts.domain_names
            fresh = _certificate(call, material, names, (), tags)
            certificate = replace(fresh, type=IMPORTED, imported_at=now)
        change.put(certificate)
    return {"CertificateArn": certificate.certificate_arn}


@operation("acm", "DeleteCertificate")
async def delete_certificate(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a certificate that nothing serves, with its key."""
    async with call.transaction() as change:
        certificate = require_certificate(change, request["CertificateArn"])
        if users_of(change, certificate.certificate_arn):
            raise AwsError(
                "ResourceInUseException",
                f"Certificate {certificate.certificate_arn} in account {call.scope.account} "
                "is in use.",
            )
        change.remove(certificate)
    return {}


@operation("acm", "RenewCertificate")
async def renew_certificate(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Issue an eligible certificate anew, before its time comes."""
    held = require_certificate(call.view, request["CertificateArn"])
    arn = held.certificate_arn
    if not is_renewable(held, users_of(call.view, arn)):
        raise invalid(f"Certificate {arn} is not eligible for renewal.")
    issued = await _issued(call, list(held.subject_alternative_names), key_type(held))
    kept = call.authority.kept(issued, arn)
    async with call.transaction() as change:
        change.put(renewed(require_certificate(change, arn), kept, call.clock.now()))
    return {}


@operation("acm", "UpdateCertificateOptions")
async def update_certificate_options(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change what was asked for about transparency logging."""
    options = request["Options"]
    _check_options(options)
    if options.get("ValidationMethod"):
        raise unsupported("Options: ValidationMethod")
    wanted = options.get("CertificateTransparencyLoggingPreference")
    async with call.transaction() as change:
        certificate = require_certificate(change, request["CertificateArn"])
        if certificate.type != AMAZON_ISSUED:
            raise AwsError(
                "InvalidStateException",
                f"Certificate {certificate.certificate_arn} was imported: it has no options.",
            )
        if wanted:
            change.put(replace(certificate, transparency_logging=wanted))
    return {}


def _check_request(request: dict[str, Any]) -> str:
    """Refuse by name what is not there; return the key's algorithm."""
    for member in LATER:
        if request.get(member):
            raise unsupported(member)
    method = request.get("ValidationMethod") or "EMAIL"
    if method not in METHODS:
        raise unsupported(f"ValidationMethod '{method}'")
    _check_options(request.get("Options") or {})
    algorithm = request.get("KeyAlgorithm") or "RSA_2048"
    if algorithm not in KEY_ALGORITHMS:
        raise AwsError(
            "InvalidParameterException",
            f"KeyAlgorithm {algorithm} is not supported for public certificates.",
        )
    return str(algorithm)


def _check_options(options: dict[str, Any]) -> None:
    if options.get("Export") == "ENABLED":
        raise unsupported("Options: Export 'ENABLED'")


def _names(request: dict[str, Any]) -> list[str]:
    """Return every name once, DomainName first."""
    names = [request["DomainName"], *(request.get("SubjectAlternativeNames") or ())]
    if len(names[0]) > LONGEST_COMMON_NAME:
        raise AwsError(
            "InvalidParameterException",
            f"DomainName may have at most {LONGEST_COMMON_NAME} characters; longer names belong in "
            "SubjectAlternativeNames.",
        )
    for name in names:
        if not is_domain_name(name):
            raise AwsError("InvalidParameterException", f"{name} is not a valid domain name.")
    return list(dict.fromkeys(names))


def _validations(
    account: str, names: list[str], request: dict[str, Any]
) -> tuple[DomainValidation, ...]:
    domains = validation_domains(names, request.get("DomainValidationOptions") or ())
    if isinstance(domains, str):
        raise AwsError("InvalidDomainValidationOptionsException", domains)
    method = request.get("ValidationMethod") or "EMAIL"
    return tuple(validation(account, name, method, domains[name]) for name in names)


def _repeated(
    call: Call, view: View, request: dict[str, Any], names: list[str]
) -> Certificate | None:
    """Return the certificate that the same token asked for within the last hour."""
    token = request.get("IdempotencyToken")
    if not token:
        return None
    since = call.clock.now() - TOKEN_LIFE
    for one in view.select(Certificate):
        same = one.idempotency_token == token and one.subject_alternative_names == tuple(names)
        if same and one.created_at > since:
            return one
    return None


async def _issued(call: Call, names: list[str], algorithm: str) -> Material:
    """A key takes its time to be made: other requests do not wait for it."""
    return await asyncio.to_thread(call.authority.issue, names, algorithm, call.clock.now())


def _certificate(
    call: Call,
    issued: Material,
    names: list[str] | tuple[str, ...],
    validations: tuple[DomainValidation, ...],
    tags: tuple[Tag, ...],
) -> Certificate:
    prefix = f"arn:aws:acm:{call.scope.region}:{call.scope.account}:certificate"
    arn = f"{prefix}/{call.ids.uuid()}"
    kept = call.authority.kept(issued, arn)
    return Certificate(
        certificate_arn=arn,
        type=AMAZON_ISSUED,
        domain_name=names[0],
        subject_alternative_names=tuple(names),
        body=kept.body,
        chain=kept.chain,
        sealed_key=kept.sealed_key,
        facts=kept.facts,
        created_at=call.clock.now(),
        validations=validations,
        tags=tags,
    )


def _imported(call: Call, material: Material, held: Certificate) -> Certificate:
    """Return an imported certificate with other contents, for the same name."""
    arn, names = held.certificate_arn, material.facts.domain_names
    if held.domain_name not in names:
        raise invalid(
            f"The certificate is not for {held.domain_name}: import it as a new one instead."
        )
    return replace(
        held,
        subject_alternative_names=names,
        body=material.body,
        chain=material.chain,
        sealed_key=call.authority.seal.seal(material.private_key, arn),
        facts=material.facts,
    )


def _check_number(view: View) -> None:
    if len(view.select(Certificate)) >= MOST:
        raise AwsError("LimitExceededException", f"At most {MOST} certificates")
