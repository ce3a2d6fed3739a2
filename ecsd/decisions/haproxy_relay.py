"""Relays of network load balancers: an HAProxy that speaks the proxy protocol to targets.

It takes over only the flows of groups that ask for it. Its file is whole: a reload leaves open
flows with the worker that has them. Source: HAProxy 2.6 Configuration Manual (send-proxy-v2,
balance); Network Load Balancers guide, proxy protocol.
"""

from collections.abc import Sequence

from ecsd.decisions.listener import CONNECT_MS, Config, Limits, global_lines
from ecsd.decisions.nlb_plan import Door, Relay, Share


def compile_relays(doors: Sequence[Door], limits: Limits) -> Config | None:
    """Return the configuration of a VPC's relays; None where nothing is relayed."""
    found: dict[Relay, tuple[Share, int]] = {}
    for door in doors:
        for share in door.shares:
            if share.relay is not None and share.weight and share.targets:
                _, idle = found.get(share.relay, (share, 0))
                found[share.relay] = (share, max(idle, door.idle))
    if not found:
        return None
    defaults = (
        "defaults",
        "  mode tcp",
        f"  timeout connect {CONNECT_MS}ms",
        "  retries 2",
        "  option redispatch 1",
    )
    sections = [_section(relay, *found[relay]) for relay in sorted(found)]
    return Config((global_lines(limits), defaults, *sections), {})


def _section(relay: Relay, share: Share, idle: int) -> tuple[str, ...]:
    choice = (
        ("  balance source", "  hash-type consistent") if share.sticky else ("  balance random",)
    )
    return (
        f"listen r_{relay.address}_{relay.port}",
        f"  bind {relay.address}:{relay.port}",
        f"  timeout client {idle}s",
        f"  timeout server {idle}s",
        f"  source {relay.source}",
        *choice,
        *(
            f"  server {address}_{port} {address}:{port} send-proxy-v2"
            for address, port in share.targets
        ),
    )
