"""What HTTPS and TLS ask of a listener: a certificate that can be served, policies that there are.

Source: Elastic Load Balancing API Reference, CreateListener, MutualAuthenticationAttributes;
Application Load Balancers guide, HTTPS listeners, mutual authentication; Network Load Balancers
guide, ALPN policies, mutual authentication.
"""

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.balancers import alpn
from ecsd.decisions.balancers.certificate import status
from ecsd.decisions.balancers.ssl_policies import DEFAULT, find_policy
from ecsd.errors import AwsError
from ecsd.records.acm.certificate import Certificate
from ecsd.records.elbv2.load_balancer import SECURE_PROTOCOLS, Listener
from ecsd.store.finders.elbv2 import require_trust_store
from ecsd.store.store import View

MEMBERS = {
    "SslPolicy": "An SSL policy",
    "Certificates": "A certificate",
    "MutualAuthentication": "Mutual authentication",
    "AlpnPolicy": "An AlpnPolicy",
}
FOREIGN = {  # by protocol: members that only the other secure protocol has
    "HTTPS": ("AlpnPolicy",),
    "TLS": (),
}
MODES = {"HTTPS": ("off", "passthrough", "verify"), "TLS": ("off", "verify")}
FILTERS = "ClientCertificateIdentityFilters"
OF_VERIFY = ("TrustStoreArn", "IgnoreClientCertificateExpiry", "AdvertiseTrustStoreCaNames")
MOST_VERIFYING = 2  # listeners of a load balancer
SWITCH = ("on", "off")
NOT_ASKED: dict[str, Any] = {  # a listener that asks no client for a certificate
    "mutual_authentication": "off",
    "trust_store_arn": None,
    "ignores_client_expiry": False,
    "advertises_authorities": False,
}
POST_QUANTUM = "-PQ-"


def secured(view: View, listener: Listener, request: dict[str, Any], now: datetime) -> Listener:
    """Return a listener with what a request says of its TLS; or refuse."""
    protocol = listener.protocol
    for member in FOREIGN.get(protocol, MEMBERS):
        if request.get(member):
            raise AwsError(
                "ValidationError", f"{MEMBERS[member]} cannot be specified for {protocol} listeners"
            )
    if protocol not in SECURE_PROTOCOLS:
        plain = replace(listener, ssl_policy=None, alpn_policy=None, **NOT_ASKED)
        return with_certificates(plain, None, ())
    listener = _mutual(view, listener, request.get("MutualAuthentication") or {})
    policy = request.get("SslPolicy") or listener.ssl_policy or DEFAULT
    require_policy(policy)
    default = listener.default_certificate
    if request.get("Certificates"):
        [default] = _arns(request["Certificates"], most=1)
        require_servable(view, default, now)
    if default is None:
        raise AwsError(
            "ValidationError", f"A certificate must be specified for {protocol} listeners"
        )
    negotiated = _alpn(request.get("AlpnPolicy") or []) or listener.alpn_policy
    secure = replace(listener, ssl_policy=policy, alpn_policy=negotiated)
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
    """Return the members that HTTPS or TLS adds to a listener."""
    if listener.protocol not in SECURE_PROTOCOLS:
        return {}
    shown: dict[str, Any] = {
        "SslPolicy": listener.ssl_policy,
        "Certificates": [{"CertificateArn": listener.default_certificate}],
    }
    if listener.protocol == "HTTPS" or listener.mutual_authentication != "off":
        shown["MutualAuthentication"] = _describe_mutual(listener)
    if listener.alpn_policy:
        shown["AlpnPolicy"] = [listener.alpn_policy]
    return shown


def _describe_mutual(listener: Listener) -> dict[str, Any]:
    shown: dict[str, Any] = {"Mode": listener.mutual_authentication}
    if listener.trust_store_arn is not None:
        shown |= {
            "TrustStoreArn": listener.trust_store_arn,
            "IgnoreClientCertificateExpiry": listener.ignores_client_expiry,
            "AdvertiseTrustStoreCaNames": "on" if listener.advertises_authorities else "off",
        }
    return shown


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


def _alpn(given: list[str]) -> str | None:
    """Return the policy that a request names, or None; or refuse."""
    if len(given) > 1:
        raise AwsError(
            "ValidationError", f"Exactly one ALPN policy can be specified, got {len(given)}"
        )
    for one in given:
        if one not in alpn.POLICIES:
            raise AwsError("ALPNPolicyNotFound", f"The ALPN policy '{one}' is not supported")
    return given[0] if given else None


def _mutual(view: View, listener: Listener, given: dict[str, Any]) -> Listener:
    """Return a listener that treats clients' certificates as a request says; or refuse."""
    if not given:
        return listener
    modes, mode = MODES[listener.protocol], given.get("Mode") or "off"
    if mode not in modes:
        named = f"{', '.join(modes[:-1])} or {modes[-1]}"
        raise _mutual_refusal(f"Mode '{mode}' must be {named} for {listener.protocol} listeners")
    if given.get(FILTERS):
        raise _mutual_refusal(f"{FILTERS} is not supported by ecsd yet")
    if mode == "verify":
        return _verifying(view, listener, given)
    for member in OF_VERIFY:
        if given.get(member) not in (None, "", False, "off"):
            raise _mutual_refusal(f"{member} has no effect in mode '{mode}'")
    return replace(listener, **NOT_ASKED | {"mutual_authentication": mode})


def _verifying(view: View, listener: Listener, given: dict[str, Any]) -> Listener:
    """Return a listener that lets only clients of a trust store's authorities in; or refuse."""
    if not given.get("TrustStoreArn"):
        raise _mutual_refusal("TrustStoreArn must be specified in mode 'verify'")
    advertised = given.get("AdvertiseTrustStoreCaNames") or "off"
    if advertised not in SWITCH:
        raise _mutual_refusal(f"AdvertiseTrustStoreCaNames '{advertised}' must be on or off")
    store = require_trust_store(view, given["TrustStoreArn"])
    others = view.select(Listener, load_balancer_arn=listener.load_balancer_arn)
    place = (listener.port, listener.protocol)
    verifying = [
        one
        for one in others
        if one.mutual_authentication == "verify"
        and one.listener_arn != listener.listener_arn
        and (one.port, one.protocol) != place  # of an equal listener, which is answered
    ]
    if len(verifying) >= MOST_VERIFYING:
        raise AwsError(
            "TooManyListeners",
            f"At most {MOST_VERIFYING} listeners of a load balancer may have MutualAuthentication "
            "in mode 'verify'",
        )
    return replace(
        listener,
        mutual_authentication="verify",
        trust_store_arn=store.trust_store_arn,
        ignores_client_expiry=bool(given.get("IgnoreClientCertificateExpiry")),
        advertises_authorities=advertised == "on",
    )


def _mutual_refusal(words: str) -> AwsError:
    return AwsError("ValidationError", f"MutualAuthentication: {words}")
