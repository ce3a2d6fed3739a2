"""Arithmetic of IPv4 ranges and addresses: what a VPC and its subnets may hold.

Source: Amazon VPC User Guide, subnet CIDR blocks (the first four addresses and the last one of a
subnet are AWS's) and VPC CIDR blocks (/16 to /28).
"""

from collections.abc import Callable, Container, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network

RESERVED_AT_START = 4  # network, router, DNS, future use
RESERVED_AT_END = 1
ELASTIC_RANGES = ("203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24")  # RFC 5737: nobody's
PUBLIC_RANGE = "198.18.0.0/15"  # RFC 2544: routed nowhere; names of assigned public addresses


def parse_cidr(text: str) -> IPv4Network | None:
    """Return the range, host bits cleared as EC2 does (10.0.0.5/24 is 10.0.0.0/24), or None."""
    address, slash, length = text.partition("/")
    if not slash or not length.isdecimal():
        return None
    try:
        return IPv4Network((address, int(length)), strict=False)
    except ValueError:
        return None


def is_address(text: str) -> bool:
    """Say whether a text is an IPv4 address."""
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def overlaps(one: str, other: str) -> bool:
    """Say whether two ranges share an address."""
    return IPv4Network(one).overlaps(IPv4Network(other))


def contains(outer: str, inner: str) -> bool:
    """Say whether every address of ``inner`` is in ``outer``."""
    return IPv4Network(inner).subnet_of(IPv4Network(outer))


def is_in(ranges: Iterable[str], address: str) -> bool:
    """Say whether an address is in one of these ranges."""
    wanted = IPv4Address(address)
    return any(wanted in IPv4Network(one) for one in ranges)


def reserved(subnet_cidr: str) -> tuple[str, ...]:
    """Return the five addresses that no interface gets."""
    network = IPv4Network(subnet_cidr)
    return (
        *(str(network[offset]) for offset in range(RESERVED_AT_START)),
        str(network[-RESERVED_AT_END]),
    )


def capacity(subnet_cidr: str) -> int:
    """Return how many interfaces fit in an empty subnet."""
    return IPv4Network(subnet_cidr).num_addresses - RESERVED_AT_START - RESERVED_AT_END


def is_usable(subnet_cidr: str, address: str) -> bool:
    """Say whether an interface of the subnet may have this address."""
    try:
        number = int(IPv4Address(address))
    except ValueError:
        return False
    first, last = _bounds(subnet_cidr)
    return first <= number <= last


def allocate(
    subnet_cidr: str, is_taken: Callable[[str], bool], after: str | None = None
) -> str | None:
    """Return a free address of the subnet, or None when it is full.

    The search starts behind ``after`` and wraps, so that an address that was just given back is
    the last to be given out again: somebody may still be talking to it.
    """
    first, last = _bounds(subnet_cidr)
    start = first
    if after is not None and is_usable(subnet_cidr, after) and int(IPv4Address(after)) < last:
        start = int(IPv4Address(after)) + 1
    return _first_free(_ring(first, last, start), is_taken)


def allocate_elastic(taken: Container[str]) -> str | None:
    """Return an Elastic IP that nobody holds, or None when all 762 are held."""
    for cidr in ELASTIC_RANGES:
        network = IPv4Network(cidr)
        first, last = int(network[1]), int(network[-2])
        found = _first_free(range(first, last + 1), lambda address: address in taken)
        if found is not None:
            return found
    return None


def allocate_public(is_taken: Callable[[str], bool], spread: int) -> str | None:
    """Return a public address to be assigned with a private one, or None when all are held.

    ``spread`` is any number; it says where the search starts, so that most searches end at once.
    """
    network = IPv4Network(PUBLIC_RANGE)
    first, last = int(network[1]), int(network[-2])
    start = first + spread % (last - first + 1)
    return _first_free(_ring(first, last, start), is_taken)


def private_dns_name(address: str, region: str) -> str:
    """Return the host name that EC2 gives a private address.

    Source: Amazon EC2 User Guide, instance hostname types, IP name.
    """
    domain = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    return f"ip-{address.replace('.', '-')}.{domain}"


def public_dns_name(address: str, region: str) -> str:
    """Return the host name that EC2 gives a public address."""
    domain = "compute-1" if region == "us-east-1" else f"{region}.compute"
    return f"ec2-{address.replace('.', '-')}.{domain}.amazonaws.com"


def _bounds(subnet_cidr: str) -> tuple[int, int]:
    network = IPv4Network(subnet_cidr)
    first = int(network.network_address)
    return first + RESERVED_AT_START, first + network.num_addresses - 1 - RESERVED_AT_END


def _ring(first: int, last: int, start: int) -> Iterator[int]:
    yield from range(start, last + 1)
    yield from range(first, start)


def _first_free(candidates: Iterator[int] | range, is_taken: Callable[[str], bool]) -> str | None:
    for number in candidates:
        address = str(IPv4Address(number))
        if not is_taken(address):
            return address
    return None
