"""Security groups and gateways as nftables, one ruleset for a VPC's namespace.

Egress and ingress are base chains of their own on every hook: ``accept`` ends its own base chain
only, so what egress has let out is still judged by ingress. Source: network.md 2 and 6.
"""

from collections.abc import Iterable, Iterator

from ecsd.records.plan import InterfacePlan, PacketRule, SecurityGroupPlan, VpcPlan

RESOLVER = "169.254.169.253"
PLATFORM = (RESOLVER, "169.254.169.254", "169.254.170.2")
PROBE_MARK = "0xec5"
FILTERED = frozenset({"task", "load_balancer"})


def compile_vpc_filter(plan: VpcPlan, resolver: str, uplink: str) -> str:
    """Return nft commands that replace the VPC's whole ruleset in one transaction.

    Args:
        plan: the VPC.
        resolver: VPC+2; as on AWS, security groups do not filter it.
        uplink: the VPC's own address on its uplink.
    """
    return "\n".join([*_security_groups(plan, resolver), *_gateways(plan, uplink)]) + "\n"


def _security_groups(plan: VpcPlan, resolver: str) -> Iterator[str]:
    filtered = [one for one in plan.interfaces if one.kind in FILTERED]
    known = {one.group_id for one in plan.security_groups}
    yield "table inet sg {}"
    yield "delete table inet sg"
    yield "table inet sg {"
    free = ", ".join(dict.fromkeys((*PLATFORM, resolver)))
    yield "  set free4 { type ipv4_addr; flags interval; elements = { " + free + " }; }"
    for group in plan.security_groups:
        members = [one.address for one in plan.interfaces if group.group_id in one.group_ids]
        yield f"  set m_{name(group.group_id)} {{ type ipv4_addr; {_elements(members)}}}"
    for group in plan.security_groups:
        yield from _group_chains(group, known)
    for interface in filtered:
        yield from _interface_chains(interface, known)
    outgoing = [f"{one.address} : goto eo_{_short(one)}" for one in filtered]
    incoming = [f"{one.address} : goto ei_{_short(one)}" for one in filtered]
    yield f"  map out4 {{ type ipv4_addr : verdict; {_elements(outgoing)}}}"
    yield f"  map in4 {{ type ipv4_addr : verdict; {_elements(incoming)}}}"
    yield "  chain egress { ip daddr @free4 accept; ip saddr vmap @out4; }"
    yield "  chain ingress { ip daddr vmap @in4; }"
    verdicts = "established : accept, related : accept, invalid : drop"
    yield "  chain state { ct state vmap { " + verdicts + " }; }"
    for hook, prefix in (("forward", "f"), ("input", "i")):
        yield from _base_chains(hook, prefix, "")
    mark = f"meta mark {PROBE_MARK} accept; "
    yield from _base_chains("output", "o", mark)
    yield "}"


def _base_chains(hook: str, prefix: str, first: str) -> Iterator[str]:
    for direction, priority in (("egress", -10), ("ingress", -5)):
        yield (
            f"  chain {prefix}_{direction} {{ type filter hook {hook} priority {priority}; "
            f"policy accept; {first}jump state; jump {direction}; }}"
        )


def _group_chains(group: SecurityGroupPlan, known: set[str]) -> Iterator[str]:
    for letter, side, rules in (("i", "saddr", group.ingress), ("o", "daddr", group.egress)):
        yield f"  chain {letter}_{name(group.group_id)} {{"
        for rule in rules:
            if rule.group_id is None or rule.group_id in known:
                yield from (f"    {match}" for match in _matches(rule, side))
        yield "  }"


def _matches(rule: PacketRule, side: str) -> Iterator[str]:
    """Yield nft rules that accept what the security group rule allows."""
    if rule.group_id is not None:
        peer = f"ip {side} @m_{name(rule.group_id)} "
    elif rule.cidr == "0.0.0.0/0":
        peer = "meta nfproto ipv4 "
    else:
        peer = f"ip {side} {rule.cidr} "
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


def _interface_chains(interface: InterfacePlan, known: set[str]) -> Iterator[str]:
    groups = [one for one in interface.group_ids if one in known]
    for letter in "io":
        jumps = " ".join(f"jump {letter}_{name(one)};" for one in groups)
        yield f"  chain e{letter}_{_short(interface)} {{ {jumps} counter drop; }}"


def _gateways(plan: VpcPlan, uplink: str) -> Iterator[str]:
    """Who may leave by the uplink: public addresses, and subnets with a NAT gateway."""
    public = [one.address for one in plan.interfaces if one.public]
    nat = [
        subnet.cidr for subnet in plan.subnets if any(one.target == "nat" for one in subnet.routes)
    ]
    leaving = 'oifname "up0" ct state new jump leave;'
    yield "table ip igw {}"
    yield "delete table ip igw"
    yield "table ip igw {"
    yield f"  set pub {{ type ipv4_addr; {_elements(public)}}}"
    yield f"  set natsub {{ type ipv4_addr; flags interval; {_elements(nat)}}}"
    yield "  chain leave { ip saddr @pub accept; ip saddr @natsub accept; counter drop; }"
    yield f"  chain forw {{ type filter hook forward priority 10; policy accept; {leaving} }}"
    translate = f'oifname "up0" ip saddr {plan.cidr} snat ip to {uplink};'
    yield f"  chain post {{ type nat hook postrouting priority 110; policy accept; {translate} }}"
    yield "}"


def name(identifier: str) -> str:
    """Return an id as nft accepts it in a name."""
    return identifier.replace("-", "_")


def _short(interface: InterfacePlan) -> str:
    return name(interface.network_interface_id)


def _elements(values: Iterable[str]) -> str:
    listed = ", ".join(dict.fromkeys(values))
    return f"elements = {{ {listed} }}; " if listed else ""
