"""Relays of network load balancers: an HAProxy that ends TLS, or speaks more than TCP to targets.

It takes over only flows of TLS listeners and of groups that ask for the proxy protocol. Which of
them come here, and to which group, is the kernel's choice: weights change nothing here, and targets
come and go by the runtime API. Source: HAProxy 2.6 Configuration Manual (send-proxy-v2, balance,
alpn); Network Load Balancers guide, proxy protocol, TLS listeners, ALPN policies.
"""

from collections.abc import Mapping, Sequence

from ecsd.decisions.balancers.alpn import protocols
from ecsd.decisions.balancers.nlb_plan import Door, Relay, Share
from ecsd.decisions.haproxy.backend import Server
from ecsd.decisions.haproxy.config import CONNECT_MS, Config, Place, global_lines, joined
from ecsd.decisions.haproxy.server import encryption
from ecsd.decisions.haproxy.tls import bind_options, certificate_files, crt_list, trust_files
from ecsd.records.plan import TlsPlan, TrustStorePlan


def compile_relays(
    doors: Sequence[Door],
    certificates: Mapping[str, str],
    place: Place,
    trust_stores: Mapping[str, TrustStorePlan] | None = None,
) -> Config | None:
    """Return the configuration of a VPC's relays; None where nothing is relayed.

    certificates: ARN → PEM, with the private key. trust_stores: by ARN.

    Raises:
        BalancerError: clients are to be verified, and nothing is known of the trust store.
    """
    trust_stores = trust_stores or {}
    found: dict[Relay, tuple[Share, Door]] = {}
    for door in doors:
        for share in door.shares:
            if share.relay is not None:
                _, known = found.get(share.relay, (share, door))
                found[share.relay] = (share, max(known, door, key=lambda one: one.idle))
    if not found:
        return None
    defaults = (
        "defaults",
        "  mode tcp",
        f"  timeout connect {CONNECT_MS}ms",
        "  retries 2",
        "  option redispatch 1",
    )
    sections = [global_lines(place.limits, verifying=bool(trust_stores)), defaults]
    servers: dict[str, dict[str, Server]] = {}
    lists: dict[str, str] = {}
    pems: dict[str, str] = {}
    for relay, (share, door) in sorted(found.items(), key=lambda one: one[0]):
        ways = _ways(relay, share, door.tls)
        secure = _secure(door.tls, place, trust_stores) if door.tls else ""
        sections.append(_frontend(relay, door, secure, ways))
        for protocol, backend in ways.items():
            sections.append(_backend(backend, relay, share, door.idle))
            servers[backend] = _servers(share, door.tls, protocol)
        if door.tls:
            lists |= [crt_list(door.tls, place.folder)]
            lists |= trust_files(door.tls, trust_stores, place.folder)
            pems |= certificate_files(door.tls, certificates, place.folder)
    return Config(joined(sections), servers, lists, pems)


def _ways(relay: Relay, share: Share, tls: TlsPlan | None) -> dict[str, str]:
    """Return the backends of a relay by what was negotiated with the client, "" for nothing.

    Targets spoken to by TLS hear the client's protocol; others hear no ALPN.
    """
    name = f"r_{relay.address}_{relay.port}"
    spoken = protocols(tls.alpn_policy) if tls and share.encrypted else ()
    return {"": name} | {one: f"{name}_{one.replace('/', '_')}" for one in spoken}


def _secure(tls: TlsPlan, place: Place, trust_stores: Mapping[str, TrustStorePlan]) -> str:
    spoken = protocols(tls.alpn_policy)
    return f" {bind_options(tls, place.folder, spoken, trust_stores)}"


def _frontend(relay: Relay, door: Door, secure: str, ways: Mapping[str, str]) -> tuple[str, ...]:
    return (
        f"frontend f_{relay.address}_{relay.port}",
        # transparent: an address may be bound before the VPC's own plan has added it.
        f"  bind {relay.address}:{relay.port} transparent{secure}",
        f"  timeout client {door.idle}s",
        *(
            f"  use_backend {backend} if {{ ssl_fc_alpn -m str {protocol} }}"
            for protocol, backend in ways.items()
            if protocol
        ),
        f"  default_backend {ways['']}",
    )


def _backend(name: str, relay: Relay, share: Share, idle: int) -> tuple[str, ...]:
    choice = (
        ("  balance source", "  hash-type consistent") if share.sticky else ("  balance random",)
    )
    return (f"backend {name}", f"  timeout server {idle}s", f"  source {relay.source}", *choice)


def _servers(share: Share, tls: TlsPlan | None, protocol: str) -> dict[str, Server]:
    options = ""
    if tls and share.encrypted:
        options += encryption([tls.ssl_policy])
        options += f" alpn {protocol}" if protocol else ""
    if share.proxied:
        options += " send-proxy-v2"
    return {
        f"{address}_{port}": Server(address, port, options, used=True)
        for address, port in share.targets or share.leaving
    }
