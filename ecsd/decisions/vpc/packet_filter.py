"""Security groups and gateways as nftables, the tables of a VPC's namespace.

Egress and ingress are base chains of their own on every hook: ``accept`` ends its own base chain
only, so what egress has let out is still judged by ingress.

A flow to a network load balancer is two: before its address is translated it is judged as the
client's to the balancer, afterwards as the balancer's to the target, by the address that the
target sees; as AWS does, a rule of the target that names the balancer's group admits it whatever
that address is. Source: network.md 2, 5 and 6; Network Load Balancers guide, security groups.
"""

from collections.abc import Iterable, Iterator, Sequence

from ecsd.decisions.balancers.nlb_ruleset import AFTER_TRANSLATION, BEFORE_TRANSLATION, TRANSLATED
from ecsd.decisions.network.addresses import (
    PEER_LINKS,
    Uplink,
    gate,
    link_name,
    peer_link,
    relay,
    resolver,
    router,
)
from ecsd.decisions.network.ruleset import Chain, Collection, Table
from ecsd.decisions.network.security_group import FREE, NETWORK, WORLD, is_filtered
from ecsd.decisions.vpc.acl_ruleset import compile_acls
from ecsd.decisions.vpc.flow_ruleset import compile_flow_counters
from ecsd.records.plan_network import InterfacePlan, PacketRule, SecurityGroupPlan, VpcPlan

RESOLVER = "169.254.169.253"
PROBE_MARK = "0xec5"
# A flow that a balancer has ended is told so, not left waiting.
RESET = "ip daddr @vips ct state invalid meta l4proto tcp reject with tcp reset"
RESETTING = "ct state invalid tcp flags rst accept"


def compile_vpc_filter(plan: VpcPlan, own_resolver: str, link: Uplink) -> tuple[Table, ...]:
    """Return the VPC's tables.

    Args:
        plan: the VPC.
        own_resolver: VPC+2; as on AWS, security groups do not filter it.
        link: the VPC's uplink.
    """
    vips = balancer_addresses(plan)
    free = FREE | {own_resolver}
    return (
        _security_groups(plan, own_resolver),
        compile_acls(plan, free, vips),
        _gateways(plan, link),
        compile_flow_counters(plan, free),
    )


def balancer_addresses(plan: VpcPlan) -> frozenset[str]:
    """Return where the VPC's network load balancers are reached."""
    balancers = (one for one in plan.interfaces if one.kind == NETWORK)
    return frozenset(address for one in balancers for address in _addresses_of(one))


def _security_groups(plan: VpcPlan, own_resolver: str) -> Table:
    filtered = [one for one in plan.interfaces if is_filtered(one)]
    known = {WORLD, *(one.group_id for one in plan.security_groups)}
    places = [(address, _short(one)) for one in filtered for address in _addresses_of(one)]
    balancers = [one for one in plan.interfaces if one.kind == NETWORK]
    collections = {
        "free4": Collection("set", "type ipv4_addr;", FREE | {own_resolver}),
        "relays": _addresses(relay(one.entrance) for one in balancers if one.entrance),
        "vips": _addresses(balancer_addresses(plan)),
        "out4": _verdicts(f"{address} : goto eo_{short}" for address, short in places),
        "in4": _verdicts(f"{address} : goto ei_{short}" for address, short in places),
        "routers": Collection(  # may send foreign addresses; their groups judge those too
            "map",
            "type ifname : verdict;",
            frozenset(
                f'"{link_name(one.network_interface_id)}" : goto eo_{_short(one)}'
                for one in filtered
                if not one.source_dest_check
            ),
        ),
    }
    chains = {
        "egress": Chain(
            (
                "ip daddr @free4 accept",
                "ct status dnat ip daddr @relays accept",  # on its way to the balancer still
                "ct status dnat ct original ip daddr vmap @out4",
                "ct status dnat accept",  # of a balancer without groups
                "ip saddr vmap @out4",
                "iifname vmap @routers",
                'iifname "e*" counter drop',  # of a task whose interface is gone
            )
        ),
        "ingress": Chain(
            (
                "ct status dnat ip daddr @relays accept",
                "ip daddr @relays counter drop",
                "ip daddr vmap @in4",
                'oifname "e*" counter drop',
            )
        ),
        "state": Chain(
            ("ct state vmap { established : accept, related : accept, invalid : drop }",)
        ),
    }
    for one in plan.prefix_lists:
        collections[f"p_{name(one.prefix_list_id)}"] = Collection(
            "set", "type ipv4_addr; flags interval;", frozenset(map(spelled, one.cidrs))
        )
    known |= {one.prefix_list_id for one in plan.prefix_lists}
    for peer in (one for peering in plan.peerings for one in peering.groups):
        collections[f"m_{name(peer.group_id)}"] = _addresses(peer.addresses)
        known.add(peer.group_id)
    balancing = {group for one in balancers for group in one.group_ids}
    for group in plan.security_groups:
        members = [one for one in plan.interfaces if group.group_id in one.group_ids]
        collections[f"m_{name(group.group_id)}"] = _addresses(
            address for one in members for address in _addresses_of(one)
        )
        chains |= _group_chains(group, known, balancing)
    ways = {groups: _ways(groups, known) for groups in {one.group_ids for one in filtered}}
    for interface in filtered:
        short = _short(interface)
        chains |= {f"e{letter}_{short}": way for letter, way in ways[interface.group_ids].items()}
    chains |= _base_chains("forward", ())
    chains |= _base_chains("input", (RESET,))
    chains |= _base_chains("output", (f"meta mark {PROBE_MARK} accept", RESETTING))
    return Table("inet sg", collections, chains | _balancer_chains(chains["f_ingress"]))


def _balancer_chains(ingress: Chain) -> dict[str, Chain]:
    """Return the chains of the way to a balancer, and of that to targets that see its address."""
    head = "policy accept;"
    reached = f"type filter hook prerouting priority {BEFORE_TRANSLATION}; {head}"
    return {
        "v_egress": Chain(("ip daddr @vips ct state new jump egress",), reached),
        "v_ingress": Chain(("ip daddr @vips ct state new ip daddr vmap @in4",), reached),
        "f_ingress": Chain((f"ct mark {TRANSLATED} accept", *ingress.rules), ingress.hook),
        "t_ingress": Chain(
            (f"ct mark {TRANSLATED} ct state new jump ingress",),
            f"type filter hook postrouting priority {AFTER_TRANSLATION}; {head}",
        ),
    }


def _base_chains(hook: str, first: tuple[str, ...]) -> dict[str, Chain]:
    return {
        f"{hook[0]}_{direction}": Chain(
            (*first, "jump state", f"jump {direction}"),
            f"type filter hook {hook} priority {priority}; policy accept;",
        )
        for direction, priority in (("egress", -10), ("ingress", -5))
    }


def _group_chains(
    group: SecurityGroupPlan, known: set[str], balancing: set[str]
) -> dict[str, Chain]:
    """Return a group's chains. balancing: the groups of network load balancers."""
    return {
        f"{letter}_{name(group.group_id)}": Chain(
            tuple(
                match
                for rule in rules
                if (rule.group_id or rule.prefix_list_id or WORLD) in known
                for match in _matches(rule, side, balancing)
            )
        )
        for letter, side, rules in (("i", "saddr", group.ingress), ("o", "daddr", group.egress))
    }


def _matches(rule: PacketRule, side: str, balancing: set[str]) -> Iterator[str]:
    """Yield nft rules that accept what the security group rule allows."""
    if rule.group_id is not None:
        peer = f"ip {side} @m_{name(rule.group_id)} "
        if side == "saddr" and rule.group_id in balancing:
            by_balancer = f"ct status dnat ct original ip daddr @m_{name(rule.group_id)} "
            yield from _accepting(rule, by_balancer)
    elif rule.prefix_list_id is not None:
        peer = f"ip {side} @p_{name(rule.prefix_list_id)} "
    elif rule.cidr == WORLD:
        peer = "meta nfproto ipv4 "
    else:
        peer = f"ip {side} {rule.cidr} "
    yield from _accepting(rule, peer)


def _accepting(rule: PacketRule, peer: str) -> Iterator[str]:
    """Yield a rule's protocol and ports for those whom ``peer`` matches."""
    protocol = {"6": "tcp", "17": "udp", "1": "icmp"}.get(rule.protocol, rule.protocol)
    match protocol:
        case "-1":
            yield f"{peer}accept"
        case "tcp" | "udp":
            yield f"{peer}{protocol} dport {_ports(rule)} accept"
        case "icmp":
            yield f"{peer}{_icmp(rule)}accept"
        case "icmpv6" | "58":
            return  # no IPv6 traffic exists to admit
        case _:
            yield f"{peer}meta l4proto {protocol} accept"


def _ports(rule: PacketRule) -> str:
    if rule.from_port is None or rule.from_port == -1:
        return "0-65535"
    last = rule.from_port if rule.to_port is None else rule.to_port
    return f"{rule.from_port}-{last}"


def _icmp(rule: PacketRule) -> str:
    if rule.from_port is None or rule.from_port == -1:
        return "meta l4proto icmp "
    code = "" if rule.to_port in {None, -1} else f"icmp code {rule.to_port} "
    return f"icmp type {rule.from_port} {code}"


def _ways(group_ids: Sequence[str], known: set[str]) -> dict[str, Chain]:
    """Return the chains of interfaces with these groups: ``i`` in, ``o`` out."""
    groups = [name(one) for one in group_ids if one in known]
    return {
        letter: Chain((*(f"jump {letter}_{one}" for one in groups), "counter drop"))
        for letter in "io"
    }


def _gateways(plan: VpcPlan, link: Uplink) -> Table:
    """Who may leave by the uplink: public addresses, and what a route sends to a NAT gateway."""
    public = [one.address for one in plan.interfaces if one.public]
    chains = {
        "leave": Chain(
            ("ip saddr @pub accept", f"rt ip nexthop {link.nat} accept", "counter drop")
        ),
        "forw": Chain(
            ('oifname "up0" ct state new jump leave',),
            "type filter hook forward priority 10; policy accept;",
        ),
        "post": Chain(
            tuple(f'oifname "up0" ip saddr {one} snat ip to {link.vpc}' for one in plan.cidrs),
            "type nat hook postrouting priority 110; policy accept;",
        ),
    }
    collections = {"pub": _addresses(public)}
    if plan.peerings:
        routers = {router(one.cidr) for one in plan.subnets}
        collections["own"] = _addresses(FREE | routers | {resolver(plan.cidr)})
        chains |= _peer_chains(plan)
    return Table("ip igw", collections, chains)


def _peer_chains(plan: VpcPlan) -> dict[str, Chain]:
    """What comes from a peer or goes there is the two VPCs' own, and about nothing beyond.

    Source: VPC Peering Guide, limitations: no way on through a peer, no resolver of a peer.
    """
    links = [(peer_link(one.number).link, cidr) for one in plan.peerings for cidr in one.cidrs]
    every = f'"{PEER_LINKS}*"'
    coming = (
        f'iifname "{link}" ip saddr {cidr} ip daddr {own} ip daddr != @own accept'
        for link, cidr in links
        for own in plan.cidrs
    )
    going = (f'oifname "{link}" ip daddr {cidr} accept' for link, cidr in links)
    return {
        "peers_in": Chain(
            (*coming, f"iifname {every} counter drop"),
            f"type filter hook prerouting priority {BEFORE_TRANSLATION}; policy accept;",
        ),
        "peers": Chain(
            (
                *(f"iifname {every} oifname {one} counter drop" for one in (every, '"up0"')),
                *going,
                f"oifname {every} counter drop",
            ),
            "type filter hook forward priority 12; policy accept;",
        ),
    }


def name(identifier: str) -> str:
    """Return an id as nft accepts it in a name."""
    return identifier.replace("-", "_")


def spelled(cidr: str) -> str:
    """Return a range as nft tells it: a single address without its length."""
    return cidr.removesuffix("/32")


def _short(interface: InterfacePlan) -> str:
    return name(interface.network_interface_id)


def _addresses(values: Iterable[str]) -> Collection:
    return Collection("set", "type ipv4_addr;", frozenset(values))


def _addresses_of(interface: InterfacePlan) -> tuple[str, ...]:
    """Return every address of an interface in its VPC: a balancer's may be its host's gate too."""
    return (interface.address, *((gate(interface.entrance),) if interface.entrance else ()))


def _verdicts(values: Iterable[str]) -> Collection:
    return Collection("map", "type ipv4_addr : verdict;", frozenset(values))
