"""Ranges in requests."""

from ecsd.decisions.network.addressing import parse_cidr
from ecsd.errors import AwsError

SHORTEST_PREFIX = 16
LONGEST_PREFIX = 28


def checked_cidr(text: str, parameter: str) -> str:
    """Return the range in its canonical form; what is none is refused, naming the parameter."""
    network = parse_cidr(text)
    if network is None:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({text}) for parameter {parameter} is invalid. This is not a valid CIDR block.",
        )
    return str(network)


def checked_block(text: str, code: str) -> str:
    """Return the range of a VPC or subnet: /16 to /28."""
    cidr = checked_cidr(text, "cidrBlock")
    if not SHORTEST_PREFIX <= int(cidr.partition("/")[2]) <= LONGEST_PREFIX:
        raise AwsError(code, f"The CIDR '{text}' is invalid.")
    return cidr
