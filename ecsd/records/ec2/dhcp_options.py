"""DHCP options sets. Source: Amazon EC2 API Reference, DhcpOptions."""

from typing import ClassVar

from ecsd.records.record import Record
from ecsd.records.tag import Tag

OWN_RESOLVER = "AmazonProvidedDNS"


class DhcpOptions(Record, frozen=True, kw_only=True):
    """What tasks that begin in a VPC are told about names.

    domain_name_servers: addresses; ``AmazonProvidedDNS`` stands for the VPC's own resolver.
    """

    KIND: ClassVar[str] = "dhcp_options"
    KEY: ClassVar[str] = "dhcp_options_id"

    dhcp_options_id: str
    domain_name: str | None = None  # one or more, apart by spaces
    domain_name_servers: tuple[str, ...] = ()
    tags: tuple[Tag, ...] = ()
