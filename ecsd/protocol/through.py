"""What a host's agent says ahead of a connection that came through a VPC endpoint.

One line of JSON, before the first request; on a socket that nobody but the agent may open.
"""

import msgspec

LONGEST = 1024  # bytes, of the line


class Through(msgspec.Struct, frozen=True, kw_only=True):
    """How a connection came. peer: the client's address in its VPC."""

    account: str
    region: str
    vpc_id: str
    vpc_endpoint_id: str
    peer: str
    secure: bool


def said(through: Through) -> bytes:
    """Return the line."""
    return msgspec.json.encode(through) + b"\n"


def heard(line: bytes) -> Through | None:
    """Return what a line says, without its end; None where it says nothing of that kind."""
    try:
        return msgspec.json.decode(line, type=Through)
    except msgspec.DecodeError:
        return None
