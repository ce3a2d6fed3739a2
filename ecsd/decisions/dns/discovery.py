"""Cloud Map's rules: what may be in a service, what an instance has to say, who is found.

Source: AWS Cloud Map API Reference, DnsConfig, DnsRecord, RegisterInstance, DiscoverInstances,
HealthCheckCustomConfig; Cloud Map Developer Guide, quotas.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from msgspec.structs import replace

from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.service import DiscoveryService

COMBINATIONS = ({"A"}, {"AAAA"}, {"A", "AAAA"}, {"SRV"}, {"CNAME"})
HEALTH_WAIT = timedelta(seconds=30)  # HealthCheckCustomConfig: before a change is in force
MOST_NAMESPACES = 50  # in a region
MOST_ATTRIBUTES = 30  # custom ones of an instance
MOST_CHARACTERS = 5000  # of all keys and values together
LARGEST_PORT = 65535
LONGEST_NAME = 253
ALIAS = "AWS_ALIAS_DNS_NAME"
INIT_HEALTH = "AWS_INIT_HEALTH_STATUS"
OWN = {"A": "AWS_INSTANCE_IPV4", "AAAA": "AWS_INSTANCE_IPV6", "CNAME": "AWS_INSTANCE_CNAME"}
RESERVED = frozenset({*OWN.values(), "AWS_INSTANCE_PORT", ALIAS, INIT_HEALTH})
LABEL = re.compile(r"[!-\-/-~]{1,63}")


def place(service_id: str, instance_id: str) -> str:
    """Return an instance's key."""
    return f"{service_id}|{instance_id}"


def is_healthy(instance: Instance, service: DiscoveryService) -> bool:
    """Tell whether names may lead to it; without a health check everything is well."""
    return instance.health != "UNHEALTHY" or not service.has_health


def shown_health(instance: Instance, service: DiscoveryService) -> str:
    """Return what GetInstancesHealthStatus says."""
    return instance.health if service.has_health else "UNKNOWN"


def is_name(name: str) -> bool:
    """Tell whether DNS can carry a name: labels of 1 to 63, 253 characters together."""
    return len(name) <= LONGEST_NAME and all(LABEL.fullmatch(one) for one in name.split("."))


def records_problem(types: Sequence[str], routing_policy: str) -> str | None:
    """Return what is wrong with a service's records, or None."""
    if len(set(types)) < len(types) or set(types) not in COMBINATIONS:
        return (
            "DnsRecords: the types have to be one of A; AAAA; A and AAAA; SRV; CNAME, got "
            f"{', '.join(types) or 'none'}."
        )
    if "CNAME" in types and routing_policy != "WEIGHTED":
        return "RoutingPolicy has to be WEIGHTED where a DnsRecord is of type CNAME."
    return None


def attributes_problem(
    service: DiscoveryService, name: str, instance_id: str, attributes: Mapping[str, str]
) -> str | None:
    """Return what is wrong with an instance's attributes, or None. name: the service's, whole."""
    custom = [key for key in attributes if key not in RESERVED]
    if len(custom) > MOST_ATTRIBUTES:
        return f"Attributes: at most {MOST_ATTRIBUTES} custom attributes are allowed."
    if sum(len(key) + len(value) for key, value in attributes.items()) > MOST_CHARACTERS:
        return f"Attributes: more than {MOST_CHARACTERS} characters together."
    if INIT_HEALTH in attributes:
        if not service.has_custom_health_check:
            return f"{INIT_HEALTH} is only valid for services with HealthCheckCustomConfig."
        if attributes[INIT_HEALTH] not in {"HEALTHY", "UNHEALTHY"}:
            return f"{INIT_HEALTH} has to be HEALTHY or UNHEALTHY."
    if "AWS_EC2_INSTANCE_ID" in attributes:
        return "AWS_EC2_INSTANCE_ID is not supported by ecsd yet."
    types = {one.type for one in service.dns_records}
    if ALIAS in attributes:
        return _alias_problem(service, types, attributes)
    return _values_problem(attributes) or _missing(types, name, instance_id, attributes)


def _alias_problem(
    service: DiscoveryService, types: set[str], attributes: Mapping[str, str]
) -> str | None:
    if not types & {"A", "AAAA"} or service.routing_policy != "WEIGHTED":
        return f"{ALIAS} needs a service with A or AAAA records and the WEIGHTED routing policy."
    if any(key.startswith("AWS_INSTANCE_") for key in attributes):
        return f"{ALIAS} cannot be specified together with AWS_INSTANCE attributes."
    return None


def _values_problem(attributes: Mapping[str, str]) -> str | None:
    for key, kind in ((OWN["A"], IPv4Address), (OWN["AAAA"], IPv6Address)):
        try:
            kind(attributes.get(key, "0.0.0.0" if kind is IPv4Address else "::"))
        except AddressValueError:
            return f"{key} is no valid address: {attributes[key]}"
    port = attributes.get("AWS_INSTANCE_PORT")
    valid = port is None or (port.isascii() and port.isdecimal() and int(port) <= LARGEST_PORT)
    if not valid:
        return f"AWS_INSTANCE_PORT has to be a number from 0 to {LARGEST_PORT}, got {port}"
    target = attributes.get(OWN["CNAME"])
    if target is not None and not is_name(target.removesuffix(".")):
        return f"{OWN['CNAME']} is no domain name: {target}"
    return None


def _missing(
    types: set[str], name: str, instance_id: str, attributes: Mapping[str, str]
) -> str | None:
    for kind in sorted(types & set(OWN)):
        if not attributes.get(OWN[kind]):
            return f"{OWN[kind]} is required: the service has a record of type {kind}."
    if "SRV" in types:
        if not attributes.get("AWS_INSTANCE_PORT"):
            return "AWS_INSTANCE_PORT is required: the service has a record of type SRV."
        if not (attributes.get(OWN["A"]) or attributes.get(OWN["AAAA"])):
            return "AWS_INSTANCE_IPV4 or AWS_INSTANCE_IPV6 is required: the service has SRV."
        if not is_name(f"{instance_id}.{name}"):
            return f"InstanceId: {instance_id}.{name} is no domain name, which SRV needs."
    return None


def ask_health(instance: Instance, status: str, now: datetime) -> Instance:
    """Return the instance with a change of health asked for: in force after AWS's 30 seconds.

    The same again does not hasten it; going back takes it away.
    """
    if status == instance.health:
        return replace(instance, changes_to=None, changes_at=None)
    if status == instance.changes_to:
        return instance
    return replace(instance, changes_to=status, changes_at=now + HEALTH_WAIT)


def settle_health(instance: Instance, now: datetime) -> Instance:
    """Return the instance with a change in force whose time has come."""
    if instance.changes_at is None or instance.changes_at > now:
        return instance
    health = instance.changes_to or instance.health
    return replace(instance, health=health, changes_to=None, changes_at=None)


def discovered(
    service: DiscoveryService,
    instances: Sequence[Instance],
    wanted: str,
    query: Mapping[str, str],
    optional: Mapping[str, str],
) -> list[Instance]:
    """Return the instances that DiscoverInstances finds. wanted: its HealthStatus."""
    found = [one for one in instances if _matches(one, query)]
    found = [one for one in found if _matches(one, optional)] or found
    if not service.has_health or wanted == "ALL":
        return found
    if wanted == "UNHEALTHY":
        return [one for one in found if one.health == "UNHEALTHY"]
    healthy = [one for one in found if one.health != "UNHEALTHY"]
    return found if wanted == "HEALTHY_OR_ELSE_ALL" and not healthy else healthy


def _matches(instance: Instance, wanted: Mapping[str, str]) -> bool:
    return all(instance.attributes.get(key) == value for key, value in wanted.items())
