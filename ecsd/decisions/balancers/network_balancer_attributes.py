"""Attributes of Network Load Balancers, their listeners and target groups.

An attribute whose other values would have no effect here is accepted at its default only.
Source: Elastic Load Balancing API Reference, LoadBalancerAttribute, TargetGroupAttribute,
ListenerAttribute.
"""

from collections.abc import Mapping

from ecsd.decisions.balancers.balancer_attributes import (
    BOOLEAN,
    FUNCTION_GROUP,
    LISTENER,
    LOAD_BALANCER,
    SECURE_LISTENER,
    TARGET_GROUP,
    Attribute,
    effective,
)
from ecsd.records.elbv2.target_group import NETWORK_PROTOCOLS

CROSS_ZONE = "load_balancing.cross_zone.enabled"
OF_BALANCER = "use_load_balancer_configuration"
PRESERVE = "preserve_client_ip.enabled"
PROXY = "proxy_protocol_v2.enabled"
STICKY = "stickiness.enabled"
END_DEREGISTERED = "deregistration_delay.connection_termination.enabled"
END_UNHEALTHY = "target_health_state.unhealthy.connection_termination.enabled"
ROUTING = "target_group_health.unhealthy_state_routing.minimum_healthy_targets"
DNS = "target_group_health.dns_failover.minimum_healthy_targets"
POLICY = "dns_record.client_routing_policy"
ANYWHERE, NEAR = "any_availability_zone", "availability_zone_affinity"
OWN_ZONE = "own_availability_zone"  # no balancer's: of names that are for a zone's own clients
PARTLY_NEAR = f"partial_{NEAR}"
IDLE = "tcp.idle_timeout.seconds"
MOST_TARGETS = 1000

NETWORK_LOAD_BALANCER = {
    "access_logs.s3.enabled": Attribute("false"),
    "access_logs.s3.bucket": Attribute(""),
    "access_logs.s3.prefix": Attribute(""),
    "deletion_protection.enabled": Attribute("false", BOOLEAN),
    POLICY: Attribute(ANYWHERE, f"{ANYWHERE}|{PARTLY_NEAR}|{NEAR}"),
    "ipv6.deny_all_igw_traffic": Attribute("false"),
    CROSS_ZONE: Attribute("false", BOOLEAN),
    "secondary_ips.auto_assigned.per_subnet": Attribute("0"),
    "zonal_shift.config.enabled": Attribute("false"),
}
TCP_LISTENER = {IDLE: Attribute("350", r"\d{1,7}", 60, 6000)}
LISTENERS: dict[str, dict[str, Attribute]] = {  # TLS is silent for 350 seconds at most, always
    "TCP": TCP_LISTENER,
    "TLS": {},
    "UDP": {},
    "TCP_UDP": TCP_LISTENER,
}


def load_balancer_attributes(kind: str) -> Mapping[str, Attribute]:
    """Return the attributes of a type of load balancer: ``application`` or ``network``."""
    return NETWORK_LOAD_BALANCER if kind == "network" else LOAD_BALANCER


def target_group_attributes(protocol: str) -> Mapping[str, Attribute]:
    """Return the attributes of target groups of a protocol; of Lambda functions: none."""
    if not protocol:
        return FUNCTION_GROUP
    if protocol not in NETWORK_PROTOCOLS:
        return TARGET_GROUP
    tcp = protocol in {"TCP", "TLS"}
    return {
        "deregistration_delay.timeout_seconds": Attribute("300", r"\d{1,7}", 0, 3600),
        END_DEREGISTERED: Attribute("false" if tcp else "true", BOOLEAN),
        CROSS_ZONE: Attribute(OF_BALANCER, f"{OF_BALANCER}|{BOOLEAN}"),
        PRESERVE: Attribute("false", BOOLEAN) if tcp else Attribute("true"),
        PROXY: Attribute("false", BOOLEAN) if tcp else Attribute("false"),
        STICKY: Attribute("false", BOOLEAN),
        "stickiness.type": Attribute("source_ip"),
        f"{DNS}.count": Attribute("1", r"off|\d{1,7}", 1, MOST_TARGETS),
        f"{DNS}.percentage": Attribute("off", r"off|\d{1,7}", 1, 100),
        f"{ROUTING}.count": Attribute("1", r"\d{1,7}", 1, MOST_TARGETS),
        f"{ROUTING}.percentage": Attribute("off", r"off|\d{1,7}", 1, 100),
        END_UNHEALTHY: Attribute("true", BOOLEAN) if tcp else Attribute("false"),
        "target_health_state.unhealthy.draining_interval_seconds": Attribute("0"),
    }


def flow_contradiction(
    protocol: str, held: Mapping[str, str], *, decrypted: bool = False
) -> str | None:
    """Return why attributes of a group of flows cannot hold together, or None.

    decrypted: it is used behind a TLS listener, as every group of protocol TLS is.
    """
    values = group_values(protocol, held)
    if decrypted or protocol == "TLS":
        if values[STICKY] == "true":
            return f"{STICKY} is not supported with TLS listeners and TLS target groups"
        if values[PRESERVE] == "true":
            return (
                f"{PRESERVE} is not supported by ecsd yet with TLS listeners and TLS target "
                "groups: what ends TLS has an address of its own"
            )
    if protocol == "TCP" and values[PROXY] == values[PRESERVE] == "true":
        return (
            f"{PROXY} is not supported by ecsd yet together with {PRESERVE}: what speaks the proxy "
            "protocol has an address of its own"
        )
    return None


def listener_attributes(protocol: str) -> Mapping[str, Attribute]:
    """Return the attributes of listeners of a protocol."""
    if protocol not in NETWORK_PROTOCOLS:
        return LISTENER | (SECURE_LISTENER if protocol == "HTTPS" else {})
    return LISTENERS[protocol]


def group_values(protocol: str, held: Mapping[str, str]) -> dict[str, str]:
    """Return every attribute of a target group with the value that holds."""
    return effective(target_group_attributes(protocol), held)


def crosses_zones(group: Mapping[str, str], balancer: Mapping[str, str]) -> bool:
    """Tell whether each address leads to the targets of all zones.

    Args:
        group: the group's attributes as ``group_values`` returns them.
        balancer: the attributes that the balancer holds.
    """
    said = group[CROSS_ZONE]
    return (balancer.get(CROSS_ZONE, "false") if said == OF_BALANCER else said) == "true"


def is_enough(values: Mapping[str, str], threshold: str, healthy: int, registered: int) -> bool:
    """Tell whether as many targets are healthy as a threshold (``ROUTING``, ``DNS``) asks for."""
    count, percentage = values[f"{threshold}.count"], values[f"{threshold}.percentage"]
    if count != "off" and healthy < int(count):
        return False
    return percentage == "off" or healthy * 100 >= registered * int(percentage)
