"""Load balancers, listeners and rules. Source: Elastic Load Balancing API 2015-12-01."""

from datetime import datetime
from typing import Any, ClassVar

from ecsd.records.record import Part, Record
from ecsd.records.tag import Tag

SECURE_PROTOCOLS = ("HTTPS", "TLS")  # of listeners that serve certificates


class Zone(Part, frozen=True, kw_only=True):
    """A load balancer's foot in one subnet."""

    subnet_id: str
    availability_zone: str
    network_interface_id: str
    private_ip_address: str
    is_given: bool = False  # the caller chose the private address
    allocation_id: str | None = None  # of its Elastic IP
    public_ip: str | None = None


class UserKeys(Part, frozen=True, kw_only=True):
    """What a load balancer needs to authenticate users; secrets open for its ARN and a purpose."""

    key_id: str  # of the signature on users' claims
    public_key: str  # PEM; it checks that signature
    sealed_private_key: str  # PEM
    sealed_session_key: str  # Base64; the keys of sessions and logins follow from it


class LoadBalancer(Record, frozen=True, kw_only=True):
    """A load balancer. state: provisioning, active, failed (as the agent observed it)."""

    KIND: ClassVar[str] = "load_balancer"
    KEY: ClassVar[str] = "load_balancer_arn"
    INDEXES: ClassVar[tuple[str, ...]] = ("name", "vpc_id", "security_groups")

    load_balancer_arn: str
    name: str
    dns_name: str  # NAME-<digits>.elb.localhost
    scheme: str  # internet-facing, internal
    type: str  # application, network
    ip_address_type: str
    vpc_id: str
    zones: tuple[Zone, ...]
    security_groups: tuple[str, ...]
    entrance: str  # this balancer's own address on the host, in 127.64.0.0/10
    created_at: datetime
    state: str = "provisioning"
    state_reason: str | None = None
    traffic: str | None = None  # the digest of the listeners, rules and weights in force
    attributes: dict[str, str] = {}
    user_keys: UserKeys | None = None  # from its first action that authenticates users on
    tags: tuple[Tag, ...] = ()


class Listener(Record, frozen=True, kw_only=True):
    """A port of a load balancer. Actions are kept in AWS's shape (PascalCase members)."""

    KIND: ClassVar[str] = "listener"
    KEY: ClassVar[str] = "listener_arn"
    INDEXES: ClassVar[tuple[str, ...]] = (
        "load_balancer_arn",
        "target_group_arns",
        "certificate_arns",
        "trust_store_arn",
    )

    listener_arn: str
    load_balancer_arn: str
    port: int
    protocol: str  # HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP
    default_actions: tuple[dict[str, Any], ...]
    target_group_arns: tuple[str, ...] = ()  # those that the default actions forward to
    ssl_policy: str | None = None  # of HTTPS and TLS
    default_certificate: str | None = None  # ARN, of HTTPS and TLS
    certificates: tuple[str, ...] = ()  # ARNs of the list that names (SNI) choose from
    certificate_arns: tuple[str, ...] = ()  # all of the above, each once
    mutual_authentication: str = "off"  # passthrough: clients' certificates go to targets; verify
    trust_store_arn: str | None = None  # of verify
    ignores_client_expiry: bool = False  # of verify: clients' certificates may have expired
    advertises_authorities: bool = False  # of verify: clients are told the authorities' names
    alpn_policy: str | None = None  # of TLS: see decisions/balancers/alpn.py
    client_secret: str | None = None  # of default actions with the IdP, sealed for the ARN
    attributes: dict[str, str] = {}
    tags: tuple[Tag, ...] = ()


class Rule(Record, frozen=True, kw_only=True):
    """A rule of a listener, not the default; conditions, actions, transforms in AWS's shape."""

    KIND: ClassVar[str] = "listener_rule"
    KEY: ClassVar[str] = "rule_arn"
    INDEXES: ClassVar[tuple[str, ...]] = ("listener_arn", "target_group_arns")

    rule_arn: str
    listener_arn: str
    priority: int
    conditions: tuple[dict[str, Any], ...]
    actions: tuple[dict[str, Any], ...]
    transforms: tuple[dict[str, Any], ...] = ()
    target_group_arns: tuple[str, ...] = ()
    client_secret: str | None = None  # of its actions with the IdP, sealed for the ARN
    tags: tuple[Tag, ...] = ()
