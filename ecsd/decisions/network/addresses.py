"""The fixed addresses of a VPC on a host. Source: network.md 1 (uplink, lo), EC2 User Guide."""

from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

UPLINKS = int(IPv4Address("240.0.0.0"))  # routed by Linux like any, in nobody's network
LARGEST_NUMBER = 0x3FFF
ENTRANCES = int(IPv4Address("127.64.0.0"))
TO_GATE = int(IPv4Address("240.64.0.0")) - ENTRANCES
TO_RELAY = int(IPv4Address("240.128.0.0")) - ENTRANCES
PEERS = int(IPv4Address("240.192.0.0"))
S3_RANGE = "240.200.0.0/24"  # S3 behind gateway endpoints, in every region
S3_ADDRESS = "240.200.0.1"  # where it answers
NUMBERS = 0x0800  # that one ecsd of a machine may use
PEER_LINKS = "pcx"  # how links to peers begin
FIRST_TABLE = 1000
SMALLEST_SUBNET = 16  # addresses of a /28


class Uplink(NamedTuple):
    """The link between a VPC and its host. nat: the host too, for what a NAT gateway lets out."""

    host: str
    nat: str
    vpc: str
    host_interface: str


def uplink(number: int) -> Uplink:
    """Return the link's addresses for a VPC's number, 1 to 16383."""
    if not 1 <= number <= LARGEST_NUMBER:
        raise ValueError(f"a VPC's number must be 1 to {LARGEST_NUMBER}, got {number}")
    first = UPLINKS + number * 4
    host, vpc, nat = (str(IPv4Address(first + one)) for one in (1, 2, 3))
    return Uplink(host=host, nat=nat, vpc=vpc, host_interface=f"ecsv{number}")


def gate(entrance: str) -> str:
    """Return how a balancer's entrance on the host, in 127.64.0.0/10, is called in its VPC.

    A loopback address cannot travel: the host translates one into the other.
    """
    return str(IPv4Address(int(IPv4Address(entrance)) + TO_GATE))


def relay(entrance: str) -> str:
    """Return where, in its VPC, a balancer's flows are relayed that need more than translation."""
    return str(IPv4Address(int(IPv4Address(entrance)) + TO_RELAY))


class PeerLink(NamedTuple):
    """How a VPC is reached by those that are peered with it.

    link: its name in their namespaces. hop: what they send to, an address that exists nowhere: its
    neighbour entry is permanent.
    """

    link: str
    hop: str
    mac_address: str


def peer_link(number: int) -> PeerLink:
    """Return how the VPC of a number is reached by its peers."""
    high, low = divmod(number, 256)
    mac_address = f"0e:ec:00:00:{high:02x}:{low:02x}"
    return PeerLink(f"{PEER_LINKS}{number}", str(IPv4Address(PEERS + number)), mac_address)


def resolver(vpc_cidr: str) -> str:
    """Return VPC+2, where the VPC's names are answered."""
    return str(IPv4Network(vpc_cidr).network_address + 2)


def router(subnet_cidr: str) -> str:
    """Return the first address of a subnet: its router."""
    return str(IPv4Network(subnet_cidr).network_address + 1)


def routing_table(subnet_cidr: str) -> int:
    """Return the number of a subnet's routing table, the same whatever other subnets there are."""
    return FIRST_TABLE + int(IPv4Network(subnet_cidr).network_address) // SMALLEST_SUBNET


def link_name(network_interface_id: str) -> str:
    """Return an interface's link in its VPC: by id, not address, for the old may die late."""
    return f"e{network_interface_id.removeprefix('eni-')[-13:]}"
