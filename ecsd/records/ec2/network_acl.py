"""Network ACLs. Source: Amazon EC2 API Reference, NetworkAcl, NetworkAclEntry."""

from typing import ClassVar

from ecsd.records.record import Part, Record
from ecsd.records.tag import Tag

FIRST_RULE = 100  # of a default ACL


class NetworkAclEntry(Part, frozen=True, kw_only=True):
    """One numbered rule in one direction. Exactly one of the ranges is set.

    protocol: a number as text, ``-1`` for all. from_port, to_port: of TCP and UDP. icmp_type,
    icmp_code: of ICMP, -1 meaning all.
    """

    rule_number: int  # 1 to 32766
    egress: bool
    rule_action: str  # allow, deny
    protocol: str
    cidr_block: str | None = None
    ipv6_cidr_block: str | None = None
    from_port: int | None = None
    to_port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None


class NetworkAclAssociation(Part, frozen=True, kw_only=True):
    """A subnet that the ACL judges."""

    association_id: str
    subnet_id: str


EVERYTHING = tuple(
    NetworkAclEntry(
        rule_number=FIRST_RULE,
        egress=egress,
        rule_action="allow",
        protocol="-1",
        cidr_block="0.0.0.0/0",
    )
    for egress in (True, False)
)


class NetworkAcl(Record, frozen=True, kw_only=True):
    """Stateless rules on what enters and leaves subnets.

    A VPC's default one allows everything at first and has the subnets that no other has.
    """

    KIND: ClassVar[str] = "network_acl"
    KEY: ClassVar[str] = "network_acl_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id",)

    network_acl_id: str
    vpc_id: str
    is_default: bool = True
    entries: tuple[NetworkAclEntry, ...] = EVERYTHING
    associations: tuple[NetworkAclAssociation, ...] = ()
    client_token: str | None = None  # of the request that made it
    tags: tuple[Tag, ...] = ()
