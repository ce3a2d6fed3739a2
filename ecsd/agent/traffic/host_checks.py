"""Is this machine fit for the agent? Findings with the fix for each.

Looks only; a scratch namespace is made and removed to see whether the kernel can do what VPCs need.
"""

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from ecsd.agent.drivers.nftables import Nftables
from ecsd.errors import NetworkError
from ecsd.settings import Settings

CLONE_NEWNET = 0x40000000
FEATURES = {
    "connection tracking": """table inet t {
  chain c { type filter hook input priority 0; ct state established accept; }
}
""",
    "address translation": """table ip t {
  chain c { type nat hook postrouting priority 100; masquerade; }
}
""",
    "matches of a route's next hop": """table ip u {
  chain c { type filter hook forward priority 0; rt ip nexthop 240.0.0.1 accept; }
}
""",
    "verdict maps": """table inet t {
  chain d { drop; }
  map m { type ipv4_addr : verdict; elements = { 10.0.0.1 : goto d }; }
  chain c { ip saddr vmap @m; }
}
""",
}


class HostFinding(NamedTuple):
    """What is wrong, and what to do about it."""

    words: str
    fix: str


def host_findings(settings: Settings) -> list[HostFinding]:
    """Return what is wrong with this machine; nothing when it is fit."""
    if os.geteuid() != 0:
        return [
            HostFinding("not root: namespaces and filters cannot be looked at", "run with sudo")
        ]
    findings = []
    if Path("/proc/sys/net/ipv4/ip_forward").read_text().strip() != "1":
        findings.append(
            HostFinding(
                "packets are not forwarded (net.ipv4.ip_forward is 0): tasks cannot leave the host",
                "ecsd up turns it on, ecsd down puts it back",
            )
        )
    if not settings.run_dir.parent.exists():
        findings.append(HostFinding(f"{settings.run_dir.parent} does not exist", "create it"))
    with ThreadPoolExecutor(1) as scratch:
        findings += scratch.submit(_kernel).result()
    return findings


def _kernel() -> list[HostFinding]:
    """Try in a namespace of this thread's own, which ends with the thread."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        words = os.strerror(ctypes.get_errno())
        return [
            HostFinding(
                f"no network namespace can be made: {words}",
                "run as root with CAP_SYS_ADMIN and CAP_NET_ADMIN",
            )
        ]
    findings = []
    for feature, ruleset in FEATURES.items():
        try:
            filters = Nftables()
            filters.run(ruleset)
            filters.close()
        except NetworkError as error:
            findings.append(
                HostFinding(f"the kernel's nftables lack {feature}: {error}", "use a newer kernel")
            )
    return findings
