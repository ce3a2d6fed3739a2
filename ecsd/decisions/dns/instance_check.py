"""Cloud Map's HealthCheckConfig: the health check of Route 53 that each instance gets.

Source: AWS Cloud Map API Reference, HealthCheckConfig, RegisterInstance.
"""

from collections.abc import Mapping

from ecsd.decisions.dns.discovery import ALIAS
from ecsd.decisions.dns.health_check import INTERVAL, PORTS, address_problem
from ecsd.records.route53.health_check import HealthCheck, HealthCheckConfig
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.service import DiscoveryService, InstanceCheck

STATES = {True: "HEALTHY", False: "UNHEALTHY", None: "UNKNOWN"}


def service_problem(
    service: DiscoveryService, namespace_type: str, check: InstanceCheck
) -> str | None:
    """Return why the instances of a service cannot have a check, or None."""
    if namespace_type == "DNS_PRIVATE":
        return (
            "HealthCheckConfig cannot be specified for a service in a private DNS namespace: "
            "HealthCheckCustomConfig can."
        )
    if service.has_custom_health_check:
        return "Specify either HealthCheckConfig or HealthCheckCustomConfig, not both."
    if any(one.type == "CNAME" for one in service.dns_records):
        return "HealthCheckConfig cannot be specified where a DnsRecord is of type CNAME."
    if check.type == "TCP" and check.resource_path is not None:
        return "HealthCheckConfig: ResourcePath cannot be specified for the type TCP."
    return None


def instance_problem(
    service: DiscoveryService, attributes: Mapping[str, str], *, strict: bool
) -> str | None:
    """Return why an instance with these attributes cannot be checked, or None. strict: mode."""
    if service.health_check is None or ALIAS in attributes:
        return None
    address = _address(attributes)
    if address is None:
        return "AWS_INSTANCE_IPV4 or AWS_INSTANCE_IPV6 is required: the service checks its health."
    if service.health_check.type == "TCP" and not attributes.get("AWS_INSTANCE_PORT"):
        return "AWS_INSTANCE_PORT is required: the service has a health check of type TCP."
    problem = address_problem(address, strict=strict)
    return f"HealthCheckConfig: {problem}" if problem else None


def check_of(
    instance: Instance | None, service: DiscoveryService | None
) -> HealthCheckConfig | None:
    """Return what the check of an instance is to be; None: it has none, as aliases."""
    if instance is None or service is None or service.health_check is None:
        return None
    address = _address(instance.attributes)
    if address is None or ALIAS in instance.attributes:
        return None
    check = service.health_check
    port = instance.attributes.get("AWS_INSTANCE_PORT")
    return HealthCheckConfig(
        type=check.type,
        ip_address=address,
        port=int(port) if port else PORTS.get(check.type),
        resource_path=check.resource_path,
        request_interval=INTERVAL,
        failure_threshold=check.failure_threshold,
    )


def state_of(check: HealthCheck) -> str:
    """Return an instance's health as its check knows it."""
    return STATES[check.healthy]


def _address(attributes: Mapping[str, str]) -> str | None:
    """Return the address that is checked: that of IPv4 where there are both."""
    return attributes.get("AWS_INSTANCE_IPV4") or attributes.get("AWS_INSTANCE_IPV6")
