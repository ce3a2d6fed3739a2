"""Entrances on the host to network load balancers: loopback addresses, translated to gates.

A table of the host's own. What an earlier agent entered stays until its VPC says otherwise: one
that nobody leads anywhere has no route, and refuses. Source: network.md 5 (host entrance).
"""

import threading
from collections.abc import Callable, Iterable, Sequence

from ecsd.agent.drivers.nftables import Nftables
from ecsd.decisions.network.addresses import gate
from ecsd.decisions.network.ruleset import Chain, Collection, Table, difference, read_table, whole

CHAINS = {
    "out": Chain(
        ("dnat ip to ip daddr map @gates",),
        "type nat hook output priority -100; policy accept;",
    ),
    "post": Chain(
        ('oifname "ecsv*" ip saddr 127.0.0.0/8 masquerade',),
        "type nat hook postrouting priority 90; policy accept;",
    ),
}


class Entrances:
    """The host's entrances; for any thread. Errors: NetworkError."""

    def __init__(self, table: str) -> None:
        self._name = f"ip {table}"
        self._of: dict[str, Sequence[str]] = {}  # VPC → entrances
        self._table: Table | None = None  # as known to be there
        self._lock = threading.Lock()

    def leads(self, vpc_id: str, entrances: Sequence[str]) -> bool:
        """Tell whether these are known to be the entrances of a VPC."""
        return self._of.get(vpc_id, ()) == tuple(entrances)

    def lead(self, vpc_id: str, entrances: Sequence[str]) -> None:
        """Let a VPC have these entrances, in 127.64.0.0/10."""
        with self._lock:
            self._lead(vpc_id, entrances)

    def keep(self, entrances: Iterable[str]) -> None:
        """Take entrances away that are neither among these nor led since this process began.

        An address that a dead agent left may be another balancer's by now.
        """
        with self._lock:
            led = [one for some in self._of.values() for one in some]
            known = {_element(one) for one in (*entrances, *led)}
            self._change(lambda held: held & known)

    def _lead(self, vpc_id: str, entrances: Sequence[str]) -> None:
        before = {_element(one) for one in self._of.get(vpc_id, ())}
        after = {_element(one) for one in entrances}
        self._change(lambda held: held - before | after)
        self._of[vpc_id] = tuple(entrances)

    def _change(self, change: Callable[[frozenset[str]], frozenset[str]]) -> None:
        filters = Nftables()
        try:
            held = self._table or self._held(filters)
            elements = held.collections["gates"].elements if held else frozenset()
            gates = change(elements)
            if not held and not gates:
                return
            collections = {"gates": Collection("map", "type ipv4_addr : ipv4_addr;", gates)}
            wanted = Table(self._name, collections, CHAINS)
            commands = whole(wanted) if held is None else difference(held, wanted)
            self._table = None
            if commands:
                filters.run(commands)
            self._table = wanted
        finally:
            filters.close()

    def remove(self) -> None:
        """Take the table away."""
        filters = Nftables()
        try:
            filters.run(f"table {self._name} {{}}\ndelete table {self._name}\n")
        finally:
            filters.close()
        self._table = None
        self._of.clear()

    def _held(self, filters: Nftables) -> Table | None:
        told = filters.table(self._name)
        return None if told is None else read_table(self._name, told)


def _element(entrance: str) -> str:
    return f"{entrance} : {gate(entrance)}"
