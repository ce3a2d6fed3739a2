"""Prefix lists that customers manage. Source: Amazon EC2 API Reference, ManagedPrefixList."""

from typing import ClassVar

from ecsd.records.record import Part, Record
from ecsd.records.tag import Tag


class PrefixListEntry(Part, frozen=True, kw_only=True):
    """One range of a list, canonical."""

    cidr: str
    description: str | None = None


class ManagedPrefixList(Record, frozen=True, kw_only=True):
    """A named set of ranges that rules and routes refer to; entries are the newest version's.

    address_family: ``IPv4``, ``IPv6``. state: ``create-complete``, ``modify-complete``,
    ``modify-failed``, ``restore-complete``.
    """

    KIND: ClassVar[str] = "managed_prefix_list"
    KEY: ClassVar[str] = "prefix_list_id"

    prefix_list_id: str
    prefix_list_name: str
    address_family: str
    max_entries: int
    entries: tuple[PrefixListEntry, ...] = ()
    version: int = 1
    state: str = "create-complete"
    state_message: str = ""
    client_token: str | None = None  # of the request that made it
    tags: tuple[Tag, ...] = ()


class PrefixListVersion(Record, frozen=True, kw_only=True):
    """The entries that a list had in one of its versions, the newest among them."""

    KIND: ClassVar[str] = "prefix_list_version"
    KEY: ClassVar[str] = "version_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("prefix_list_id",)

    version_id: str  # pl-…/7
    prefix_list_id: str
    version: int
    entries: tuple[PrefixListEntry, ...] = ()
