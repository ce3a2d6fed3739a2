"""The services that VPC endpoints lead to, their names, and what answers there.

Source: AWS PrivateLink guide, services that integrate, private DNS names; gateway endpoints for S3.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from ecsd.decisions.iam.statement import statements_of
from ecsd.decisions.network.addresses import S3_RANGE
from ecsd.records.ec2.prefix_list import ManagedPrefixList, PrefixListEntry
from ecsd.records.ec2.vpc_endpoint import GATEWAY, INTERFACE, VpcEndpoint

REGISTRY = "ecr.dkr"
S3 = "s3"
AWS = "AWS"  # who owns the lists of AWS's services
FULL_ACCESS = (
    '{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}'  # as shown
)


class EndpointService(NamedTuple):
    """A service that endpoints lead to.

    name: behind ``com.amazonaws.REGION.``. answers: the services, as requests are routed, that are
    reached by it. host: before ``.REGION.amazonaws.com``. wide: names below that one too.
    """

    name: str
    answers: frozenset[str]
    host: str
    exact: bool = True
    wide: bool = False
    types: tuple[str, ...] = (INTERFACE,)


def _plain(name: str, answers: str = "", host: str = "") -> EndpointService:
    return EndpointService(name, frozenset({answers or name}), host or name)


SERVICES = {
    one.name: one
    for one in (
        _plain("data-servicediscovery", "servicediscovery"),
        _plain("ec2"),
        _plain("ecr.api", "ecr", "api.ecr"),
        EndpointService(REGISTRY, frozenset(), "dkr.ecr", exact=False, wide=True),
        _plain("ecs"),
        _plain("ecs-agent", "ecs", "ecs-a"),
        _plain("ecs-telemetry", "ecs", "ecs-t"),
        _plain("elasticfilesystem", "efs"),
        _plain("elasticloadbalancing", "elbv2"),
        _plain("kms"),
        _plain("logs"),
        EndpointService(S3, frozenset({S3}), S3, wide=True, types=(GATEWAY, INTERFACE)),
        _plain("secretsmanager"),
        _plain("servicediscovery"),
        _plain("ssm"),
        _plain("sts"),
    )
}


def allows_everything(policy: str) -> bool:
    """Say whether a sound policy document is one statement that allows everybody everything."""
    statements = statements_of(msgspec.json.decode(policy))
    if len(statements) != 1:
        return False
    (only,) = statements
    named = [only.get(one) for one in ("Action", "Resource")]
    return (
        only["Effect"] == "Allow"
        and not only.get("Condition")
        and only.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
        and all(one in ("*", ["*"]) for one in named)
    )


def find_service(service_name: str, region: str) -> EndpointService | None:
    """Return the service of a whole name, ``com.amazonaws.REGION.NAME``, or None."""
    prefix = f"com.amazonaws.{region}."
    if not service_name.startswith(prefix):
        return None
    return SERVICES.get(service_name.removeprefix(prefix))


def service_of(endpoint: VpcEndpoint) -> tuple[EndpointService, str]:
    """Return an endpoint's service, and its region."""
    _, _, region, name = endpoint.service_name.split(".", 3)
    return SERVICES[name], region


def private_names(service: EndpointService, region: str) -> tuple[str, ...]:
    """Return AWS's own names of a service, which clients use without being told."""
    host = f"{service.host}.{region}.amazonaws.com"
    return (*((host,) if service.exact else ()), *((f"*.{host}",) if service.wide else ()))


def gateway_names(region: str) -> tuple[str, ...]:
    """Return the names that lead to S3 through a gateway endpoint."""
    hosts = [f"s3.{region}.amazonaws.com"]
    hosts += ["s3.amazonaws.com"] if region == "us-east-1" else []
    return tuple(name for host in hosts for name in (host, f"*.{host}"))


def own_names(endpoint: VpcEndpoint, zones: Sequence[str]) -> dict[str, str]:
    """Return an interface endpoint's own names → the zone that each is for, "" for all."""
    service, region = service_of(endpoint)
    first, rest = f"{endpoint.vpc_endpoint_id}-{endpoint.mark}", f"{region}.vpce.amazonaws.com"
    star = "*." if service.name == S3 else ""
    names = {f"{star}{first}.{service.host}.{rest}": ""}
    return names | {f"{star}{first}-{zone}.{service.host}.{rest}": zone for zone in zones}


def certificate_names(endpoint: VpcEndpoint, zones: Sequence[str]) -> tuple[str, ...]:
    """Return every name under which an endpoint is asked by TLS."""
    service, region = service_of(endpoint)
    if endpoint.endpoint_type == GATEWAY:
        return gateway_names(region)
    own = tuple(own_names(endpoint, zones))
    below = tuple(f"*.bucket{one[1:]}" for one in own if one.startswith("*."))
    return (*private_names(service, region), *own, *below)


def s3_prefix_list(region: str) -> ManagedPrefixList:
    """Return AWS's own list of a region's addresses of S3, the same in every account."""
    name = f"com.amazonaws.{region}.s3"
    return ManagedPrefixList(
        prefix_list_id=f"pl-{hashlib.sha256(name.encode()).hexdigest()[:8]}",
        prefix_list_name=name,
        address_family="IPv4",
        max_entries=1,
        entries=(PrefixListEntry(cidr=S3_RANGE),),
    )
