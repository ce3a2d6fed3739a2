"""The host's side of VPCs: forwarding, translation, isolation; and everything put back.

Only what is ecsd's own is touched: a table of its own, routes by its own interfaces, and where
Docker drops forwarded packets, marked rules in the chain that Docker keeps for others.
Source: network.md 6.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ecsd.agent.drivers.namespaces import Namespaces
from ecsd.agent.drivers.nftables import Nftables
from ecsd.agent.drivers.programs import attempt, run
from ecsd.agent.drivers.rtnetlink import links_gone
from ecsd.clock import Clock
from ecsd.decisions.network.addresses import Uplink, gate
from ecsd.decisions.vpc.vpc_links import clash_of, range_commands
from ecsd.errors import NetworkError
from ecsd.settings import INSTANCES, Settings

log = logging.getLogger(__name__)

UPLINK_SECONDS = 5.0  # for the kernel to end a namespace that nobody holds
NOTE = Path("/run/ecsd-ip_forward.before")  # of the machine, not of one ecsd
MOUNTS = Path("/proc/self/mountinfo")
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
TABLE = """table ip @LABEL@ {}
delete table ip @LABEL@
table ip @LABEL@ {
  chain post { type nat hook postrouting priority 100; policy accept;
    iifname "ecsv*" oifname != "ecsv*" masquerade; }
  chain forw { type filter hook forward priority 0; policy accept;
    ct state established,related accept;
    iifname "ecsv*" oifname "ecsv*" drop;
    iifname != "ecsv*" oifname "ecsv*" drop; }
  chain in { type filter hook input priority 0; policy accept;
    ct state established,related accept;
    iifname "ecsv*" drop; }
}
"""
DOCKER_RULES = (
    ("-i", "ecsv+", "-j", "ACCEPT"),
    ("-o", "ecsv+", "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"),
)


DROPPED = "{0}: tasks cannot leave their VPC. Fix: {1}"
IPTABLES_FIX = (
    "iptables -I FORWARD -i ecsv+ -j ACCEPT; "
    "iptables -I FORWARD -o ecsv+ -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
)
NFT_FIX = 'nft insert rule {} oifname "ecsv*" ct state established,related accept'


class HostNetwork:
    """The host's own namespace, as VPCs need it."""

    def __init__(self, clock: Clock, settings: Settings, names: Namespaces) -> None:
        self._clock = clock
        self._label = settings.label
        self._names = names
        self._mark = ("-m", "comment", "--comment", settings.label)

    async def prepare(self) -> dict[str, str]:
        """Make the host ready; return what still stands in the way, part → words with the fix."""
        parts = {
            "host namespace": self._name_host_namespace,
            "packet filter": self._filter,
            "ip_forward": self._forward,
            "forwarding": self._admit_forwarding,
        }
        faults = {}
        for part, make in parts.items():
            try:
                words = await make()
            except (NetworkError, OSError) as error:
                words = f"{error}. Fix: run the agent as root, with CAP_NET_ADMIN and CAP_SYS_ADMIN"
            if words:
                faults[part] = words
        return faults

    async def connect(self, vpc_cidrs: Sequence[str], link: Uplink) -> None:
        """Bring up the host's end of a VPC's uplink; route to its ranges where none would clash."""
        routes = json.loads(await run(self._clock, "ip", "-j", "-4", "route", "show"))
        commands = [
            f"addr replace {link.host}/32 dev {link.host_interface}",
            f"addr replace {link.nat}/32 dev {link.host_interface}",
            f"link set {link.host_interface} up",
            f"route replace {link.vpc}/32 dev {link.host_interface} scope link src {link.host}",
        ]
        clear = []
        for one in vpc_cidrs:
            clash = clash_of(routes, one, link.host_interface)
            if clash is None:
                clear.append(one)
            else:
                log.info("no route from the host into the VPC", extra={"clash": clash})
        commands += range_commands(routes, clear, link)
        await run(self._clock, "ip", "-batch", "-", given="\n".join(commands) + "\n")

    async def route_gates(self, entrances: Sequence[str], link: Uplink) -> None:
        """Route to the gates of a VPC's network load balancers; loopback clients may come back."""
        if not entrances:
            return
        commands = [
            f"route replace {gate(one)}/32 via {link.vpc} dev {link.host_interface} onlink "
            f"src {link.host}"
            for one in entrances
        ]
        await run(self._clock, "ip", "-batch", "-", given="\n".join(commands) + "\n")
        local = Path("/proc/sys/net/ipv4/conf") / link.host_interface / "route_localnet"
        try:
            local.write_text("1\n")
        except OSError as error:
            raise NetworkError(f"{local} cannot be set: {error.strerror}") from error

    async def disconnect(self, interface: str) -> None:
        """See a VPC's uplink go; take it away where a process keeps the VPC's namespace alive."""
        try:
            async with self._clock.deadline(UPLINK_SECONDS):
                await links_gone({interface})
        except TimeoutError:
            log.warning(
                "a process keeps a removed VPC's namespace; its uplink is cut",
                extra={"interface": interface},
            )
            await attempt(self._clock, "ip", "link", "delete", interface)

    async def remove(self) -> None:
        """Put back what ``prepare`` changed."""
        filters = Nftables()
        try:
            filters.run(f"table ip {self._label} {{}}\ndelete table ip {self._label}\n")
        finally:
            filters.close()
        for rule in DOCKER_RULES:
            await self._iptables("-D", "DOCKER-USER", *rule, *self._mark)
        await self._forward_as_before()
        await self._unname_host_namespace()

    async def _filter(self) -> None:
        """Put our table into force, whatever it held."""
        filters = Nftables()
        try:
            filters.run(TABLE.replace("@LABEL@", self._label))
        finally:
            filters.close()

    async def _forward(self) -> None:
        turn_forwarding_on()

    async def _forward_as_before(self) -> None:
        """Turn forwarding off again, if it was off and nobody else has come to need it."""
        if await self._tables() & {f"ecsd{one or ''}" for one in range(INSTANCES)}:
            return  # another ecsd of this machine; the last one does it
        docker = (await self._iptables("-S", "DOCKER-USER"))[0] == 0
        put_forwarding_back(needed=docker)

    async def _tables(self) -> set[str]:
        """Return the names of all nftables tables of the host."""
        told = json.loads(await run(self._clock, "nft", "-j", "list", "tables"))
        return {one["table"]["name"] for one in told["nftables"] if "table" in one}

    async def _name_host_namespace(self) -> None:
        """Give the host's namespace a name, for HAProxy's ``namespace`` binds."""
        path = self._names.host
        named = self._names.is_named_host()
        if named:
            return
        if named is False:
            await self._unname_host_namespace()
        await self._share_folder(path.parent)
        path.touch()
        await run(self._clock, "mount", "--bind", "/proc/self/ns/net", str(path))

    async def _share_folder(self, folder: Path) -> None:
        """Make the folder of names a shared mount, as ``ip netns`` would at its first use.

        Done later, that mount would hide what is mounted in the folder by then.
        """
        if is_ready_folder(folder):
            return
        await run(self._clock, "mount", "--bind", str(folder), str(folder))
        await run(self._clock, "mount", "--make-shared", str(folder))

    async def _unname_host_namespace(self) -> None:
        """Take the name away, however many mounts lie on it."""
        name = self._names.host
        while (await attempt(self._clock, "umount", "--lazy", str(name)))[0] == 0:
            log.debug("unmounted", extra={"path": str(name)})
        try:
            name.unlink(missing_ok=True)
        except OSError as error:
            raise NetworkError(f"{name} cannot be removed: {error.strerror}") from error

    async def _admit_forwarding(self) -> str | None:
        """Let our packets through Docker's FORWARD policy; say so where nobody lets them."""
        code, chain, _ = await self._iptables("-S", "FORWARD")
        if code == 0 and "-P FORWARD DROP" in chain:
            if (await self._iptables("-S", "DOCKER-USER"))[0] != 0:
                return DROPPED.format("the host's FORWARD policy is DROP", IPTABLES_FIX)
            for rule in DOCKER_RULES:
                if (await self._iptables("-C", "DOCKER-USER", *rule, *self._mark))[0] != 0:
                    code, _, words = await self._iptables("-I", "DOCKER-USER", *rule, *self._mark)
                    if code != 0:
                        return f"iptables refuses a rule in DOCKER-USER: {words.strip()}"
        told = json.loads(await run(self._clock, "nft", "-j", "list", "chains"))
        dropping = dropping_chain(one["chain"] for one in told["nftables"] if "chain" in one)
        if dropping is None:
            return None
        fix = f'nft insert rule {dropping} iifname "ecsv*" accept; {NFT_FIX.format(dropping)}'
        return DROPPED.format(f"the host's packet filter {dropping} drops what is forwarded", fix)

    async def _iptables(self, *arguments: str) -> tuple[int, str, str]:
        try:
            return await attempt(self._clock, "iptables", "-w", "5", *arguments)
        except NetworkError as error:
            return 127, "", str(error)


def turn_forwarding_on() -> None:
    """Let the host forward packets, and remember if it did not."""
    if FORWARDING.read_text().strip() != "1":
        NOTE.write_text("0\n")
        FORWARDING.write_text("1\n")


def put_forwarding_back(*, needed: bool) -> None:
    """Undo ``turn_forwarding_on``, unless somebody else needs it now."""
    if not NOTE.exists():
        return
    if needed:
        log.info("forwarding stays on: Docker needs it")
    else:
        FORWARDING.write_text(NOTE.read_text())
    NOTE.unlink()


def dropping_chain(chains: Iterable[dict[str, Any]]) -> str | None:
    """Return the first base chain that drops what no rule of its own lets be forwarded.

    The one of iptables is asked of iptables. chains: as ``nft -j list chains`` tells them.
    """
    for one in chains:
        where = (one["family"], one["table"], one["name"])
        drops = one.get("hook") == "forward" and one.get("policy") == "drop"
        if drops and one["family"] in {"ip", "inet"} and where != ("ip", "filter", "FORWARD"):
            return " ".join(where)
    return None


def is_ready_folder(folder: Path) -> bool:
    """Tell whether the folder is a mount of its own already; make it if it is not there.

    Asked of the table of mounts: a folder mounted on itself looks like any other to ``stat``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mounts = MOUNTS.read_text().splitlines()
    return any(line.split()[4] == str(folder) for line in mounts)
