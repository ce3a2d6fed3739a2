"""Ways in from the host: the shared edge, the entrances' ports, the names in /etc/hosts.

A port that another program holds costs that way in only, and is told in words.
"""

import logging
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from ecsd.agent.drivers.haproxy import Haproxy
from ecsd.agent.drivers.hosts_file import HostsFile
from ecsd.decisions.haproxy.config import Limits
from ecsd.decisions.haproxy.edge import Door, compile_edge
from ecsd.decisions.haproxy.listener import entrance_binds
from ecsd.decisions.haproxy.listener_names import edge_socket
from ecsd.errors import BalancerError
from ecsd.records.plan import BalancerPlan, ListenerPlan
from ecsd.settings import Settings

log = logging.getLogger(__name__)

HTTP_PORT, HTTPS_PORT = 80, 443
LOOPBACK = "127.0.0.1"


class SharedEdge:
    """The host's side of all balancers. ``faults`` says what is wrong: part → words."""

    def __init__(self, settings: Settings, haproxy: Haproxy, limits: Limits) -> None:
        self.faults: dict[str, str] = {}
        self._settings = settings
        self._haproxy = haproxy
        self._limits = limits
        self._hosts = HostsFile(settings.hosts_file, settings.label)
        self._led: tuple[list[Door], str] = ([], "")  # what was brought last, and its frame

    def adopt(self) -> None:
        """Take over the edge that an earlier agent left."""
        self._haproxy.adopt()

    def entrances(self, plans: Sequence[BalancerPlan]) -> set[tuple[str, int]]:
        """Return the entrances that can be bound."""
        free = set()
        for address, port in entrance_binds(plans):
            if self._is_free(f"entrance/{address}:{port}", address, port):
                free.add((address, port))
        return free

    async def bring(self, plans: Mapping[Path, Sequence[BalancerPlan]]) -> None:
        """Lead the host's clients to these balancers (by the folders of their HAProxies)."""
        wanted = self._doors(plans)
        self._forgive(plans, wanted)
        doors = [
            one
            for one in wanted
            if self._is_free(f"edge/{LOOPBACK}:{one.port}", LOOPBACK, one.port)
        ]
        self._name(plans)
        try:
            if not doors:
                await self._haproxy.stop()
            elif self._led != (doors, self._haproxy.frame):
                config = compile_edge(doors, self._limits, str(self._haproxy.folder))
                if self._haproxy.frame != config.frame():
                    await self._haproxy.load(config.frame(), config.text)
                self._led = doors, config.frame()
        except BalancerError as error:
            self._fault("edge/haproxy", f"the shared edge for *.elb.localhost: {error}")
        else:
            self.faults.pop("edge/haproxy", None)

    def release(self) -> None:
        """Stop watching; HAProxy goes on."""
        self._haproxy.release()

    def _doors(self, plans: Mapping[Path, Sequence[BalancerPlan]]) -> list[Door]:
        """One door for each open listener; ports 80 and 443 are moved elsewhere by settings."""
        doors: dict[tuple[int, str], Door] = {}
        for folder, own in plans.items():
            for plan in own:
                if plan.kind == "network":
                    continue  # what it carries names no host
                for listener in sorted(plan.listeners, key=_is_moved):
                    port = self._port(listener)
                    if port and listener.open_to_world and port != self._settings.port:
                        path = edge_socket(str(folder), listener.listener_arn)
                        door = Door(port, plan.dns_name, path, _names(listener))
                        doors.setdefault((port, plan.dns_name), door)
        return list(doors.values())

    def _port(self, listener: ListenerPlan) -> int:
        """Return the edge's port for a listener; 0: its protocol is turned off."""
        if listener.tls:
            edge, own = self._settings.edge_tls_port, HTTPS_PORT
        else:
            edge, own = self._settings.edge_port, HTTP_PORT
        return edge if listener.port == own or not edge else listener.port

    def _name(self, plans: Mapping[Path, Sequence[BalancerPlan]]) -> None:
        names = {
            plan.dns_name: plan.entrance
            for own in plans.values()
            for plan in own
            if entrance_binds([plan]) or (plan.kind == "network" and plan.listeners)
        }
        try:
            self._hosts.write(names)
        except OSError as error:
            words = f"names of load balancers cannot be written to {self._settings.hosts_file}"
            self._fault("hosts/file", f"{words}: {error}")
        else:
            self.faults.pop("hosts/file", None)

    def _forgive(self, plans: Mapping[Path, Sequence[BalancerPlan]], doors: Sequence[Door]) -> None:
        """Forget what is wrong with ways in that nobody wants any more."""
        parts = {f"edge/{LOOPBACK}:{one.port}" for one in doors} | {"edge/haproxy", "hosts/file"}
        for own in plans.values():
            parts |= {f"entrance/{address}:{port}" for address, port in entrance_binds(own)}
        self.faults = {part: words for part, words in self.faults.items() if part in parts}

    def _is_free(self, part: str, address: str, port: int) -> bool:
        """Tell whether HAProxy can bind it: our own does not stand in the way, others do."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                self._fault(
                    part,
                    f"port {port} of {address} cannot be used ({error.strerror}): free it, and "
                    "load balancers' names answer there",
                )
                return False
        self.faults.pop(part, None)
        return True

    def _fault(self, part: str, words: str) -> None:
        if self.faults.get(part) != words:
            log.warning("a way in from the host is closed", extra={"part": part, "cause": words})
        self.faults[part] = words


def _is_moved(listener: ListenerPlan) -> bool:
    """Tell the port that settings may move: another listener on that very port goes first."""
    return listener.port == (HTTPS_PORT if listener.tls else HTTP_PORT)


def _names(listener: ListenerPlan) -> tuple[str, ...] | None:
    """Return the names that a TLS client may ask for; None for HTTP."""
    if listener.tls is None:
        return None
    listed = [name for one in listener.tls.choices for name in one.names]
    return tuple(sorted({*listener.tls.default_names, *listed}))
