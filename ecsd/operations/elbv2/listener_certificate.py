"""The certificates of an HTTPS or TLS listener. Source: Elastic Load Balancing API Reference."""

from typing import Any

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.elbv2.paging import page
from ecsd.operations.elbv2.tls import parse_certificates, with_certificates
from ecsd.records.elbv2.load_balancer import SECURE_PROTOCOLS, Listener
from ecsd.store.finders.elbv2 import require_listener

MOST = 25  # in the lists of a load balancer


@operation("elbv2", "AddListenerCertificates")
async def add_listener_certificates(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Add certificates to the list that names choose from; those in it stay."""
    async with call.transaction() as change:
        listener = _require_secure(require_listener(change, request["ListenerArn"]))
        arns = parse_certificates(change, request["Certificates"], call.clock.now())
        listed = tuple(dict.fromkeys((*listener.certificates, *arns)))
        balancer = listener.load_balancer_arn
        others = [
            one
            for one in change.select(Listener, load_balancer_arn=balancer)
            if one.listener_arn != listener.listener_arn
        ]
        if len(listed) + sum(len(one.certificates) for one in others) > MOST:
            raise AwsError(
                "TooManyCertificates",
                f"The maximum number of certificates on load balancer '{balancer}' is {MOST}",
            )
        change.put(with_certificates(listener, listener.default_certificate, listed))
    return {"Certificates": [{"CertificateArn": arn, "IsDefault": False} for arn in arns]}


@operation("elbv2", "RemoveListenerCertificates")
async def remove_listener_certificates(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove certificates from the list; the default one is no part of it."""
    gone = {one.get("CertificateArn") for one in request["Certificates"]}
    async with call.transaction() as change:
        listener = _require_secure(require_listener(change, request["ListenerArn"]))
        default = listener.default_certificate
        if default in gone - set(listener.certificates):
            raise AwsError(
                "OperationNotPermitted",
                f"Default certificate '{default}' of listener '{listener.listener_arn}' cannot be "
                "removed",
            )
        listed = tuple(arn for arn in listener.certificates if arn not in gone)
        change.put(with_certificates(listener, default, listed))
    return {}


@operation("elbv2", "DescribeListenerCertificates")
async def describe_listener_certificates(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List the default certificate, then the others."""
    listener = require_listener(call.view, request["ListenerArn"])
    found = [(listener.default_certificate, True)] if listener.default_certificate else []
    found += [(arn, False) for arn in listener.certificates]
    chosen, marker = page(found, request, key=lambda one: f"{'0' if one[1] else '1'}{one[0]}")
    certificates = [{"CertificateArn": arn, "IsDefault": default} for arn, default in chosen]
    return {"Certificates": certificates, "NextMarker": marker}


def _require_secure(listener: Listener) -> Listener:
    if listener.protocol not in SECURE_PROTOCOLS:
        raise AwsError(
            "ValidationError", f"A listener with protocol {listener.protocol} has no certificates"
        )
    return listener
