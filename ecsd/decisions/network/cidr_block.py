"""Which ranges may join those that a VPC has.

Source: Amazon VPC User Guide, VPC CIDR blocks: association restrictions, and rules for adding one.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ecsd.decisions.network.addressing import contains, overlaps

PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")  # RFC 1918
OF_AWS = "198.19.0.0/16"
NEVER_WITH = {  # where a VPC's first range is → what the VPC cannot be given
    "10.0.0.0/8": ("172.16.0.0/12", "192.168.0.0/16", OF_AWS),
    "172.16.0.0/12": ("10.0.0.0/8", "192.168.0.0/16", "172.31.0.0/16", OF_AWS),
    "192.168.0.0/16": ("10.0.0.0/8", "172.16.0.0/12", OF_AWS),
    OF_AWS: PRIVATE,
}
WITH_PUBLIC = (*PRIVATE, OF_AWS)  # what a VPC whose first range is elsewhere cannot be given
LOWEST, NEVER_WITH_LOWEST = "10.0.0.0/15", "10.0.0.0/16"  # where any of a VPC's ranges is in it


class Refusal(NamedTuple):
    """Why a range cannot be added, in EC2's words."""

    code: str
    message: str


def refusal_of(
    wanted: str, blocks: Sequence[str], destinations: Iterable[str], peers: Iterable[str]
) -> Refusal | None:
    """Return why a VPC cannot be given one more range, or None.

    Args:
        wanted: the range, /16 to /28.
        blocks: what the VPC has, the first one first.
        destinations: ranges of its route tables' routes.
        peers: ranges of VPCs that it has an active peering connection with.
    """
    if any(overlaps(wanted, one) for one in blocks):
        return Refusal(
            "CidrConflict", f"The CIDR '{wanted}' conflicts with another CIDR of the VPC."
        )
    if any(overlaps(wanted, never) for never in _never_with(blocks)):
        return Refusal(
            "InvalidVpc.Range",
            f"The CIDR '{wanted}' is restricted. Use a CIDR from the same private address range as "
            "the current VPC CIDR, or use a publicly-routable CIDR.",
        )
    for one in destinations:
        if contains(wanted, one):
            return Refusal(
                "CidrConflict",
                f"The CIDR '{wanted}' is the same as, or larger than, the destination {one} of a "
                "route in a route table of the VPC.",
            )
    for one in peers:
        if overlaps(wanted, one):
            return Refusal("CidrConflict", f"The CIDR '{wanted}' overlaps {one} of a peered VPC.")
    return None


def _never_with(blocks: Sequence[str]) -> Sequence[str]:
    """Return what a VPC of these ranges cannot be given."""
    first = blocks[0]
    fitting = (never for held, never in NEVER_WITH.items() if contains(held, first))
    never = next(fitting, WITH_PUBLIC)
    low = any(overlaps(one, LOWEST) for one in blocks)
    return (*never, NEVER_WITH_LOWEST) if low else never
