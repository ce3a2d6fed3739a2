"""What a host is told of a VPC: its network, whole."""

from ecsd.records.message import Message


class RoutePlan(Message, frozen=True, kw_only=True):
    """A route of a subnet.

    target: ``local``, ``internet``, ``nat``, ``peering``, ``endpoint`` (S3's), ``blackhole``.
    """

    destination: str  # CIDR
    target: str
    via: str = ""  # the id of what it leads to
    prefix_list_id: str = ""  # of which the destination is an entry


class SubnetPlan(Message, frozen=True, kw_only=True):
    """A subnet as its route table makes it."""

    subnet_id: str
    cidr: str
    routes: tuple[RoutePlan, ...] = ()
    zone: str = ""  # its Availability Zone
    network_acl_id: str = ""


class PacketRule(Message, frozen=True, kw_only=True):
    """One allowed peer. Exactly one of cidr, group_id, prefix_list_id is set.

    protocol: ``tcp``, ``udp``, ``icmp``, ``-1`` or a number as text. Ports inclusive; None: all.
    For ICMP from_port is the type and to_port the code, -1 meaning all.
    """

    protocol: str
    from_port: int | None = None
    to_port: int | None = None
    cidr: str | None = None
    group_id: str | None = None
    prefix_list_id: str | None = None
    rule_id: str = ""  # sgr-…: what a person may look up


class PrefixListPlan(Message, frozen=True, kw_only=True):
    """Ranges that rules name together, collapsed: no two overlap."""

    prefix_list_id: str
    cidrs: tuple[str, ...] = ()


class SecurityGroupPlan(Message, frozen=True, kw_only=True):
    """What members of a group may hear (ingress) and say (egress); IPv4 only."""

    group_id: str
    ingress: tuple[PacketRule, ...] = ()
    egress: tuple[PacketRule, ...] = ()


class AclEntry(Message, frozen=True, kw_only=True):
    """A numbered rule of a network ACL, about IPv4.

    protocol: a number as text, ``-1`` for all. Ports inclusive; for ICMP the type and the code, -1
    meaning all; None where the protocol has neither.
    """

    number: int
    allow: bool
    protocol: str
    cidr: str
    from_port: int | None = None
    to_port: int | None = None


class NetworkAclPlan(Message, frozen=True, kw_only=True):
    """What may enter and leave subnets, packet by packet; in order, the first match decides."""

    network_acl_id: str
    ingress: tuple[AclEntry, ...] = ()
    egress: tuple[AclEntry, ...] = ()


class PeerGroup(Message, frozen=True, kw_only=True):
    """The members of a peer's security group that rules of this VPC name."""

    group_id: str
    addresses: tuple[str, ...] = ()


class PeeringPlan(Message, frozen=True, kw_only=True):
    """An active peering connection, as one of its two VPCs sees it."""

    peering_id: str
    vpc_id: str  # of the peer
    number: int  # of the peer
    cidr: str  # of the peer
    secondary_cidrs: tuple[str, ...] = ()  # of the peer
    groups: tuple[PeerGroup, ...] = ()

    @property
    def cidrs(self) -> tuple[str, ...]:
        """All ranges, the first one first."""
        return (self.cidr, *self.secondary_cidrs)


class InterfacePlan(Message, frozen=True, kw_only=True):
    """An address of the VPC.

    kind: ``task`` (a veth into the task's namespace), ``load_balancer``, ``network_load_balancer``,
    ``vpc_endpoint`` and ``nat`` (on the VPC's own ``lo``), ``mount_target`` (of EFS) and
    ``reserved`` (an ENI that nothing uses): these addresses exist nowhere. entrance: the balancer's
    address on the host, given to one of its interfaces.
    """

    network_interface_id: str
    address: str
    subnet_id: str
    mac_address: str
    kind: str
    group_ids: tuple[str, ...] = ()
    public: bool = False  # may use an ``internet`` route
    source_dest_check: bool = True
    entrance: str = ""


class FlowLogsPlan(Message, frozen=True, kw_only=True):
    """That a VPC's packets are counted, and how often it is told. intervals: seconds."""

    vpc_arn: str
    intervals: tuple[int, ...]


class VpcPlan(Message, frozen=True, kw_only=True):
    """A VPC on this host: one network namespace."""

    vpc_id: str
    account: str = ""
    number: int  # its uplink is 240.0.<number / 256>.… : see agent/drivers
    cidr: str  # which has the resolver
    secondary_cidrs: tuple[str, ...] = ()
    domain: str = "ec2.internal"  # of private names; elsewhere <region>.compute.internal
    dns_support: bool
    subnets: tuple[SubnetPlan, ...] = ()
    security_groups: tuple[SecurityGroupPlan, ...] = ()
    prefix_lists: tuple[PrefixListPlan, ...] = ()  # IPv4
    network_acls: tuple[NetworkAclPlan, ...] = ()
    peerings: tuple[PeeringPlan, ...] = ()
    interfaces: tuple[InterfacePlan, ...] = ()
    names: dict[str, tuple[str, ...]] = {}  # lower-case name without final dot → addresses
    affinities: dict[str, str] = {}  # name → client routing policy, where zones matter
    flow_logs: FlowLogsPlan | None = None

    @property
    def cidrs(self) -> tuple[str, ...]:
        """All ranges, the first one first."""
        return (self.cidr, *self.secondary_cidrs)


class EndpointPlan(Message, frozen=True, kw_only=True):
    """What answers for a VPC endpoint.

    service: behind ``com.amazonaws.REGION.``. gateway: its address is S3's, and whoever has a route
    to it is its client. certificate: PEM, with its issuers and its key.
    """

    vpc_endpoint_id: str
    account: str
    region: str
    vpc_id: str
    service: str
    gateway: bool = False
    addresses: tuple[str, ...] = ()
    certificate: str
