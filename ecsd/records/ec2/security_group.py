"""Security groups and their rules. Source: Amazon EC2 API Reference, SecurityGroupRule."""

from typing import ClassVar

from ecsd.records.record import Record
from ecsd.records.tag import Tag


class SecurityGroup(Record, frozen=True, kw_only=True):
    """A named set of interfaces and the rules on them."""

    KIND: ClassVar[str] = "security_group"
    KEY: ClassVar[str] = "group_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id",)

    group_id: str
    group_name: str
    description: str
    vpc_id: str
    tags: tuple[Tag, ...] = ()


class SecurityGroupRule(Record, frozen=True, kw_only=True):
    """One allowed peer on one protocol and port range. Exactly one of the four peers is set.

    ip_protocol: ``tcp``, ``udp``, ``icmp``, ``icmpv6``, ``-1`` (all) or a number as text.
    from_port, to_port: ports; ICMP type and code; -1 means all. Both None with protocol ``-1``.
    """

    KIND: ClassVar[str] = "security_group_rule"
    KEY: ClassVar[str] = "security_group_rule_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("group_id", "referenced_group_id", "prefix_list_id")

    security_group_rule_id: str
    group_id: str
    is_egress: bool
    ip_protocol: str
    from_port: int | None = None
    to_port: int | None = None
    cidr_ipv4: str | None = None
    cidr_ipv6: str | None = None
    referenced_group_id: str | None = None
    prefix_list_id: str | None = None
    vpc_peering_connection_id: str | None = None  # by which the referenced group is reached
    description: str | None = None
    tags: tuple[Tag, ...] = ()
