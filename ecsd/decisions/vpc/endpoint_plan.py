"""VPC endpoints as hosts are told of them: names in the VPC's plan, and what answers at addresses.

Source: AWS PrivateLink guide, Access an AWS service, private DNS names; gateway endpoints.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ecsd.decisions.network.addresses import S3_ADDRESS
from ecsd.decisions.network.endpoint_service import (
    gateway_names,
    own_names,
    private_names,
    service_of,
)
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.ec2.vpc_endpoint import GATEWAY, EndpointCertificate, VpcEndpoint
from ecsd.records.plan_network import EndpointPlan

Names = dict[str, tuple[str, ...]]


class EndpointNames(NamedTuple):
    """Names of endpoints → addresses. routed: those for subnets with a route to one alone."""

    everywhere: Names
    routed: Names


def endpoint_names(
    vpc: Vpc, endpoints: Sequence[VpcEndpoint], interfaces: Sequence[NetworkInterface]
) -> EndpointNames:
    """Return the names of a VPC's endpoints; AWS's own ones where the VPC has DNS hostnames."""
    everywhere: Names = {}
    routed: Names = {}
    private = vpc.enable_dns_support and vpc.enable_dns_hostnames
    for endpoint in sorted(endpoints, key=lambda one: one.vpc_endpoint_id):
        service, region = service_of(endpoint)
        if endpoint.endpoint_type == GATEWAY:
            routed |= dict.fromkeys(gateway_names(region), (S3_ADDRESS,))
            continue
        own = [one for one in interfaces if one.owner == endpoint.vpc_endpoint_id]
        by_zone = sorted((one.availability_zone, one.private_ip_address) for one in own)
        addresses = tuple(address for _, address in by_zone)
        for name, zone in own_names(endpoint, [zone for zone, _ in by_zone]).items():
            fitting = tuple(address for here, address in by_zone if zone in {"", here})
            everywhere |= dict.fromkeys(_with_host(name), fitting)
        if private and endpoint.private_dns:
            everywhere |= dict.fromkeys(private_names(service, region), addresses)
    return EndpointNames(
        {name: found for name, found in everywhere.items() if found},
        {name: found for name, found in routed.items() if name not in everywhere},
    )


def compile_endpoint(
    endpoint: VpcEndpoint,
    account: str,
    interfaces: Sequence[NetworkInterface],
    certificate: EndpointCertificate,
    key: str,
) -> EndpointPlan:
    """Return what answers for an endpoint. key: its certificate's, PEM."""
    service, region = service_of(endpoint)
    gateway = endpoint.endpoint_type == GATEWAY
    addresses = sorted(one.private_ip_address for one in interfaces)
    return EndpointPlan(
        vpc_endpoint_id=endpoint.vpc_endpoint_id,
        account=account,
        region=region,
        vpc_id=endpoint.vpc_id,
        service=service.name,
        gateway=gateway,
        addresses=(S3_ADDRESS,) if gateway else tuple(addresses),
        certificate=f"{certificate.body}{certificate.chain}{key}",
    )


def _with_host(name: str) -> Iterator[str]:
    """Yield a name, and of a wide one the host itself too."""
    yield name
    if name.startswith("*."):
        yield name[2:]
