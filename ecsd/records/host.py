"""Hosts: the machines whose agents make things real. Stored in the scope ('', '')."""

from typing import ClassVar

from ecsd.records.record import Record


class Host(Record, frozen=True, kw_only=True):
    """A machine with an agent, as last seen."""

    KIND: ClassVar[str] = "host"
    KEY: ClassVar[str] = "name"

    name: str
    boot_id: str
    connected: bool
    faults: dict[str, str] = {}  # part of the host → what is wrong with it, in words
