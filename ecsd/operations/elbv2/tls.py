"""What HTTPS asks of a listener: a certificate that can be served, a policy that there is.

Source: Elastic Load Balancing API Reference, CreateListener; Application Load Balancers guide,
HTTPS listeners.
"""

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.certificate import status
from ecsd.decisions.ssl_policies import DEFAULT, find_policy
from ecsd.errors import AwsError
from ecsd.records.acm.certificate import Certificate
from ecsd.records.elbv2.load_balancer import Listener
from ecsd.store.store import View

MEMBERS = {
    "SslPolicy": "An SSL policy",
    "Certificates": "A certificate",
    "MutualAuthentication": "Mutual authentication",
}
MODES = ("off", "passthrough", "verify")
POST_QUANTUM = "-PQ-"


def secured(view: View, listener: Listener, request: dict[str, Any], now: datetime) -> Listener:
    """Return a listener with what a request says of its TLS; or refuse."""
    if listener.protocol != "HTTPS":
        for member, words in MEMBERS.items():
            if request.get(member):
                raise AwsError(
                    "ValidationError",
                    f"{words} cannot be specified for {listener.protocol} listeners",
                )
        plain = replace(listener, ssl_policy=None, mutual_authentication="off")
        return with_certificates(plain, None, ())
    mutual = _mutual(listener, request.get("MutualAuthentication") or {})
    policy = request.get("SslPolicy") or listener.ssl_policy or DEFAULT
    require_policy(policy)
    default = listener.default_certificate
    if request.get("Certificates"):
        [default] = _arns(request["Certificates"], most=1)
        require_servable(view, default, now)
    if default is None:
        raise AwsError("ValidationError", "A certificate must be specified for HTTPS listeners")
    secure = replace(listener, ssl_policy=policy, mutual_authentication=mutual)
    return with_certificates(secure, default, listener.certificates)


def with_certificates(listener: Listener, default: str | None, listed: tuple[str, ...]) -> Listener:
    """Return a listener with these certificates, by ARN."""
    both = dict.fromkeys((*([default] if default else []), *listed))
    return replace(
        listener, default_certificate=default, certificates=listed, certificate_arns=tuple(both)
    )


def parse_certificates(view: View, given: list[dict[str, Any]], now: datetime) -> list[str]:
    """Return the ARNs of certificates that can be served, each once; or refuse."""
    arns = list(dict.fromkeys(_arns(given)))
    for arn in arns:
        require_servable(view, arn, now)
    return arns


def require_policy(name: str) -> None:
    """Refuse a policy that there is not."""
    if find_policy(name) is not None:
        return
    if POST_QUANTUM in name:
        raise AwsError(
            "SSLPolicyNotFound",
            f"SSL policy '{name}' is not supported by ecsd yet: post-quantum key exchange",
        )
    raise AwsError("SSLPolicyNotFound", f"SSL policy '{name}' not found")


def require_servable(view: View, arn: str, now: datetime) -> Certificate:
    """Return a certificate that a listener may serve, or refuse."""
    certificate = view.get(Certificate, arn)
    if certificate is None:
        raise AwsError("CertificateNotFound", f"Certificate '{arn}' not found")
    facts = certificate.facts
    if (
        not any("." in name for name in facts.domain_names)
        or not facts.servable
        or status(certificate, now) != "ISSUED"
    ):
        raise AwsError(
            "UnsupportedCertificate",
            f"The certificate '{arn}' must have a fully-qualified domain name, a supported "
            "signature, and a supported key size.",
        )
    return certificate


def describe_tls(listener: Listener) -> dict[str, Any]:
    """Return the members that HTTPS adds to a listener."""
    if listener.protocol != "HTTPS":
        return {}
    return {
        "SslPolicy": listener.ssl_policy,
        "Certificates": [{"CertificateArn": listener.default_certificate}],
        "MutualAuthentication": {"Mode": listener.mutual_authentication},
    }


def _arns(given: list[dict[str, Any]], most: int | None = None) -> list[str]:
    if most is not None and len(given) > most:
        raise AwsError(
            "ValidationError",
            f"Up to '{most}' certificate ARNs can be specified, but '{len(given)}' were specified",
        )
    for one in given:
        if not one.get("CertificateArn"):
            raise AwsError("ValidationError", "A certificate ARN must be specified")
        if one.get("IsDefault") is not None:
            raise AwsError("ValidationError", "IsDefault cannot be specified in a request")
    return [one["CertificateArn"] for one in given]


def _mutual(listener: Listener, given: dict[str, Any]) -> str:
    """Return how clients' certificates are treated; to verify them needs trust stores."""
    if not given:
        return listener.mutual_authentication
    mode = given.get("Mode") or "off"
    if mode == "verify":
        raise AwsError(
            "ValidationError",
            "MutualAuthentication: Mode 'verify' is not supported by ecsd yet: the bundles of "
            "trust stores come from S3, which is not here",
        )
    if mode not in MODES:
        raise AwsError(
            "ValidationError", f"MutualAuthentication: Mode '{mode}' must be one of {MODES}"
        )
    for member in ("TrustStoreArn", "IgnoreClientCertificateExpiry", "AdvertiseTrustStoreCaNames"):
        if given.get(member) not in (None, "", False, "off"):
            raise AwsError(
                "ValidationError",
                f"MutualAuthentication: {member} has no effect in mode '{mode}'",
            )
    return str(mode)
