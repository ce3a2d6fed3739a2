"""The host's side of VPCs: forwarding, translation, isolation; and everything put back.

Only what is ecsd's own is touched: a table of its own, routes by its own interfaces, and where
Docker drops forwarded packets, marked rules in the chain that Docker keeps for others.
Source: network.md 6.
"""

import json
import logging
from ipaddress import IPv4Network
from pathlib import Path

from ecsd.agent.drivers.namespaces import Namespaces
from ecsd.agent.drivers.nftables import Nftables
from ecsd.agent.drivers.programs import attempt, run
from ecsd.agent.drivers.rtnetlink import links_gone
from ecsd.clock import Clock
from ecsd.decisions.addresses import Uplink
from ecsd.errors import NetworkError
from ecsd.settings import Settings

log = logging.getLogger(__name__)

UPLINK_SECONDS = 5.0  # for the kernel to end a namespace that nobody holds
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


class HostNetwork:
    """The host's own namespace, as VPCs need it."""

    def __init__(self, clock: Clock, settings: Settings, names: Namespaces) -> None:
        self._clock = clock
        self._label = settings.label
        self._names = names
        self._mark = ("-m", "comment", "--comment", settings.label)
        self._note = settings.run_dir / "ip_forward.before"

    async def prepare(self) -> dict[str, str]:
        """Make the host ready; return what still stands in the way, part → words with the fix."""
        faults: dict[str, str] = {}
        await self._name_host_namespace()
        filters = Nftables()
        try:
            filters.run(TABLE.replace("@LABEL@", self._label))
        finally:
            filters.close()
        self._forward()
        blocked = await self._admit_forwarding()
        if blocked:
            faults["forwarding"] = blocked
        return faults

    async def connect(self, vpc_cidr: str, link: Uplink) -> None:
        """Bring up the host's end of a VPC's uplink; route to the VPC unless that would clash."""
        commands = [
            f"addr replace {link.host}/32 dev {link.host_interface}",
            f"addr replace {link.nat}/32 dev {link.host_interface}",
            f"link set {link.host_interface} up",
            f"route replace {link.vpc}/32 dev {link.host_interface} scope link src {link.host}",
        ]
        if not await self._overlaps(vpc_cidr, link.host_interface):
            commands.append(
                f"route replace {vpc_cidr} via {link.vpc} dev {link.host_interface} onlink "
                f"src {link.host}"
            )
        await run(self._clock, "ip", "-batch", "-", given="\n".join(commands) + "\n")

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
        self._forward_as_before()
        await self._unname_host_namespace()

    def _forward(self) -> None:
        """Turn forwarding on, and remember if it was off."""
        if FORWARDING.read_text().strip() == "1":
            return
        self._note.parent.mkdir(parents=True, exist_ok=True)
        self._note.write_text("0\n")
        FORWARDING.write_text("1\n")

    def _forward_as_before(self) -> None:
        if self._note.exists():
            FORWARDING.write_text(self._note.read_text())
            self._note.unlink()

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
        if code != 0 or "-P FORWARD DROP" not in chain:
            return None
        if (await self._iptables("-S", "DOCKER-USER"))[0] != 0:
            return (
                "the host's FORWARD policy is DROP and there is no DOCKER-USER chain: tasks cannot "
                "leave their VPC. Fix: iptables -I FORWARD -i ecsv+ -j ACCEPT and "
                "iptables -I FORWARD -o ecsv+ -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
            )
        for rule in DOCKER_RULES:
            if (await self._iptables("-C", "DOCKER-USER", *rule, *self._mark))[0] != 0:
                code, _, words = await self._iptables("-I", "DOCKER-USER", *rule, *self._mark)
                if code != 0:
                    return f"iptables refuses a rule in DOCKER-USER: {words.strip()}"
        return None

    async def _iptables(self, *arguments: str) -> tuple[int, str, str]:
        try:
            return await attempt(self._clock, "iptables", "-w", "5", *arguments)
        except NetworkError as error:
            return 127, "", str(error)

    async def _overlaps(self, vpc_cidr: str, own: str) -> bool:
        """Tell whether the host has a route of its own into the VPC's range."""
        wanted = IPv4Network(vpc_cidr)
        routes = json.loads(await run(self._clock, "ip", "-j", "-4", "route", "show"))
        for route in routes:
            if route["dst"] == "default" or route.get("dev") == own:
                continue
            if IPv4Network(route["dst"], strict=False).overlaps(wanted):
                log.info("no route from the host into the VPC", extra={"clash": route["dst"]})
                return True
        return False


def is_ready_folder(folder: Path) -> bool:
    """Tell whether the folder is a mount of its own already; make it if it is not there.

    Asked of the table of mounts: a folder mounted on itself looks like any other to ``stat``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mounts = MOUNTS.read_text().splitlines()
    return any(line.split()[4] == str(folder) for line in mounts)
