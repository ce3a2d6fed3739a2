"""Security policies. Source: Elastic Load Balancing API Reference, DescribeSSLPolicies."""

from typing import Any

from ecsd.decisions.balancers.ssl_policies import POLICIES
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.elbv2.paging import page
from ecsd.operations.elbv2.tls import require_policy

KINDS = ["application", "network"]  # of load balancers, for which AWS has them


@operation("elbv2", "DescribeSSLPolicies")
async def describe_ssl_policies(_: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe policies by name, or all."""
    kind = request.get("LoadBalancerType") or KINDS[0]
    if kind not in KINDS:
        raise AwsError("ValidationError", f"Load balancers of type '{kind}' have no SSL policies")
    names = list(dict.fromkeys(request.get("Names") or POLICIES))
    for name in names:
        require_policy(name)
    chosen, marker = page(names, request, key=str)
    return {"SslPolicies": [_describe(name) for name in chosen], "NextMarker": marker}


def _describe(name: str) -> dict[str, Any]:
    policy = POLICIES[name]
    return {
        "Name": name,
        "SslProtocols": list(policy.protocols),
        "Ciphers": [
            {"Name": cipher, "Priority": place} for place, cipher in enumerate(policy.ciphers, 1)
        ],
        "SupportedLoadBalancerTypes": KINDS,
    }
