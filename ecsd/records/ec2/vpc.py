"""VPCs and what divides and connects them. Source: Amazon EC2 API Reference, data types."""

from typing import ClassVar

from ecsd.records.record import Part, Record
from ecsd.records.tag import Tag


class VpcCidrBlock(Part, frozen=True, kw_only=True):
    """A range that a VPC was given after its first."""

    association_id: str
    cidr_block: str


class Vpc(Record, frozen=True, kw_only=True):
    """A virtual network; on a host it is a network namespace."""

    KIND: ClassVar[str] = "vpc"
    KEY: ClassVar[str] = "vpc_id"

    vpc_id: str
    cidr_block: str
    secondary_blocks: tuple[VpcCidrBlock, ...] = ()
    is_default: bool = False
    instance_tenancy: str = "default"
    enable_dns_support: bool = True
    enable_dns_hostnames: bool = False
    enable_network_address_usage_metrics: bool = False
    dhcp_options_id: str = "default"
    number: int = 0  # unique in the whole store while the VPC lives: its uplink's address
    tags: tuple[Tag, ...] = ()

    @property
    def cidr_blocks(self) -> tuple[str, ...]:
        """All its ranges, the first one first."""
        return (self.cidr_block, *(one.cidr_block for one in self.secondary_blocks))


class Subnet(Record, frozen=True, kw_only=True):
    """A range of a VPC in one availability zone."""

    KIND: ClassVar[str] = "subnet"
    KEY: ClassVar[str] = "subnet_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id",)

    subnet_id: str
    vpc_id: str
    cidr_block: str
    availability_zone: str  # us-east-1a
    availability_zone_id: str  # use1-az1
    default_for_az: bool = False
    map_public_ip_on_launch: bool = False
    tags: tuple[Tag, ...] = ()


class InternetGateway(Record, frozen=True, kw_only=True):
    """The door to the internet; of use when attached and routed to."""

    KIND: ClassVar[str] = "internet_gateway"
    KEY: ClassVar[str] = "internet_gateway_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id",)

    internet_gateway_id: str
    vpc_id: str | None = None  # None: detached
    tags: tuple[Tag, ...] = ()


class NatGateway(Record, frozen=True, kw_only=True):
    """Lets a private subnet out. state: pending, available, deleting, deleted, failed."""

    KIND: ClassVar[str] = "nat_gateway"
    KEY: ClassVar[str] = "nat_gateway_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id", "subnet_id")

    nat_gateway_id: str
    vpc_id: str
    subnet_id: str
    connectivity_type: str  # public, private
    state: str
    network_interface_id: str
    private_ip: str
    allocation_id: str | None = None
    public_ip: str | None = None
    client_token: str | None = None
    created_at: str = ""  # ISO 8601
    deleted_at: str | None = None
    tags: tuple[Tag, ...] = ()


class Address(Record, frozen=True, kw_only=True):
    """An Elastic IP."""

    KIND: ClassVar[str] = "address"
    KEY: ClassVar[str] = "allocation_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("public_ip",)

    allocation_id: str
    public_ip: str
    association_id: str | None = None
    network_interface_id: str | None = None
    private_ip_address: str | None = None
    tags: tuple[Tag, ...] = ()


class Route(Part, frozen=True, kw_only=True):
    """One row of a route table, to a range or to a prefix list's.

    gateway_id: ``local``, ``igw-…``; state: active, blackhole.
    """

    destination_cidr_block: str = ""
    destination_prefix_list_id: str | None = None
    gateway_id: str | None = None
    nat_gateway_id: str | None = None
    network_interface_id: str | None = None
    vpc_peering_connection_id: str | None = None
    origin: str = "CreateRoute"
    state: str = "active"

    @property
    def destination(self) -> str:
        """What tells it from the table's other routes."""
        return self.destination_prefix_list_id or self.destination_cidr_block

    @property
    def target_id(self) -> str:
        """What it leads to."""
        return (
            self.gateway_id
            or self.nat_gateway_id
            or self.network_interface_id
            or self.vpc_peering_connection_id
            or ""
        )


class RouteTableAssociation(Part, frozen=True, kw_only=True):
    """Which subnet uses the table; a main association has no subnet."""

    association_id: str
    subnet_id: str | None = None
    main: bool = False


class RouteTable(Record, frozen=True, kw_only=True):
    """Where a subnet's packets may go."""

    KIND: ClassVar[str] = "route_table"
    KEY: ClassVar[str] = "route_table_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id",)

    route_table_id: str
    vpc_id: str
    routes: tuple[Route, ...] = ()
    associations: tuple[RouteTableAssociation, ...] = ()
    client_token: str | None = None  # of the request that made it
    tags: tuple[Tag, ...] = ()
