"""How much of a security group's or route table's quota its rules take.

Source: Amazon VPC User Guide, quotas: rules for IPv4 and IPv6 count apart, a group as one of each,
a prefix list as many as it may hold.
"""

from collections.abc import Iterable
from typing import Protocol

from ecsd.errors import AwsError
from ecsd.operations.ec2.limits import MAX_ROUTES_PER_TABLE, MAX_RULES_PER_GROUP
from ecsd.records.ec2.vpc import RouteTable
from ecsd.store.finders.ec2 import find_prefix_list
from ecsd.store.store import View


class Peer(Protocol):
    """What a rule or a permission admits; exactly one of these is set."""

    @property
    def cidr_ipv4(self) -> str | None: ...  # noqa: D102 - as in the record
    @property
    def cidr_ipv6(self) -> str | None: ...  # noqa: D102 - as in the record
    @property
    def prefix_list_id(self) -> str | None: ...  # noqa: D102 - as in the record


def fits_group(view: View, peers: Iterable[Peer]) -> bool:
    """Tell whether a group may have these rules in one direction."""
    ipv4 = ipv6 = 0
    for one in peers:
        if one.prefix_list_id is not None:
            size = _size(view, one.prefix_list_id)
            family = _family(view, one.prefix_list_id)
            ipv4, ipv6 = (ipv4 + size, ipv6) if family == "IPv4" else (ipv4, ipv6 + size)
        else:
            ipv4 += one.cidr_ipv6 is None
            ipv6 += one.cidr_ipv4 is None
    return max(ipv4, ipv6) <= MAX_RULES_PER_GROUP


def fits_table(view: View, table: RouteTable) -> bool:
    """Tell whether a route table may have its routes; the local one does not count."""
    sizes = [
        _size(view, one.destination_prefix_list_id) if one.destination_prefix_list_id else 1
        for one in table.routes
        if one.gateway_id != "local"
    ]
    return sum(sizes) <= MAX_ROUTES_PER_TABLE


def check_table(view: View, table: RouteTable) -> None:
    """Refuse a route table of too many routes."""
    if not fits_table(view, table):
        raise AwsError(
            "RouteLimitExceeded", "The maximum number of routes per route table has been reached."
        )


def _size(view: View, prefix_list_id: str) -> int:
    found = find_prefix_list(view, prefix_list_id)
    return found.max_entries if found else 0


def _family(view: View, prefix_list_id: str) -> str:
    found = find_prefix_list(view, prefix_list_id)
    return found.address_family if found else "IPv4"
