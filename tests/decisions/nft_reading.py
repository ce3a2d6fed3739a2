"""A small reading of nftables: what a table says of a packet, and what commands make of it."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from ecsd.decisions.network.ruleset import Chain, Collection, Table
from ecsd.decisions.network.security_group import Flow

INTERVAL = "; flags interval"


def told_by_nft(table: Table) -> list[dict]:
    """Return a table as ``nft -j list table`` tells it."""
    objects: list[dict] = [{"metainfo": {}}, {"table": {}}]
    for name, one in table.collections.items():
        kind, _, verdict = one.header.removeprefix("type ").removesuffix(";").partition(" : ")
        kinds = kind.split(" . ")
        facts = {"name": name, "type": kinds if len(kinds) > 1 else kind}
        if verdict.endswith(INTERVAL) or kind.endswith(INTERVAL):
            facts |= {"flags": ["interval"], "type": kind.removesuffix(INTERVAL)}
            verdict = verdict.removesuffix(INTERVAL)
        facts |= {"map": verdict} if verdict else {}
        elements = [element_told(text) for text in one.elements]
        objects.append({one.kind: facts | ({"elem": elements} if elements else {})})
    objects += [{"ct timeout": {"name": name}} for name in table.timeouts]
    for name, chain in table.chains.items():
        facts = {"name": name}
        if chain.hook:
            words = chain.hook.replace(";", "").split()
            keys = {"type": 1, "hook": 3, "prio": 5, "policy": 7}
            facts |= {key: words[at] for key, at in keys.items()}
        objects += [{"chain": facts}, *({"rule": {"chain": name}} for _ in chain.rules)]
    return objects


def element_told(text: str):
    key, _, value = text.partition(" : ")
    key = key.strip('"')
    if "/" in key:
        address, _, length = key.partition("/")
        key = {"prefix": {"addr": address, "len": int(length)}}
    elif " . " in key:
        key = {"concat": [int(part) if part.isdecimal() else part for part in key.split(" . ")]}
    if not value:
        return key
    kind, _, target = value.partition(" ")
    return [key, {kind: {"target": target}} if target else value]


class Led(NamedTuple):
    """A flow that a network load balancer leads: from a client by one of its addresses."""

    client: str
    balancer: str
    target: str
    port: int
    translated: bool
    reply: bool = False


def passes(table: Table, flow: Flow) -> bool:
    """Tell whether a new packet gets through both base chains of the forward hook."""
    return all(
        verdict(table, table.chains[f"f_{one}"], flow) != "drop" for one in ("egress", "ingress")
    )


def verdict(table: Table, chain: Chain, flow: Flow, led: Led | None = None) -> str | None:
    """Return what a chain says of a new flow; led: it comes by a network load balancer."""
    for rule in chain.rules:
        words = rule.split()
        matched, rest = matches(table, words, flow, led)
        if not matched:
            continue
        if rest == ["return"]:
            return None
        found = act(table, rest, flow, led)
        if found or rest[0] == "goto":
            return found
    return None


def act(table: Table, words: list[str], flow: Flow, led: Led | None) -> str | None:
    match [one for one in words if one != "counter"]:
        case ["accept" | "drop" as final]:
            return final
        case ["jump" | "goto", name]:
            return verdict(table, table.chains[name], flow, led)
        case ["ip", side, "vmap", name] | ["ct", "original", "ip", side, "vmap", name]:
            address = flow.source if side == "saddr" else flow.destination
            if words[0] == "ct":
                address = led.balancer
            for element in table.collections[name[1:]].elements:
                key, _, then = element.partition(" : ")
                if IPv4Address(address) in IPv4Network(key):
                    how, target = then.split()
                    found = verdict(table, table.chains[target], flow, led)
                    return found or ("accept" if how == "goto" else None)
            return None
        case ["ct", "state", *_]:
            return None  # the packet is new
    raise AssertionError(words)


def matches(table: Table, words: list[str], flow: Flow, led: Led | None) -> tuple[bool, list[str]]:
    """Return whether all matches at the head hold, and what follows them."""
    while True:
        match words:
            case ["ip", "saddr" | "daddr" as side, where, *rest] if where != "vmap":
                address = flow.source if side == "saddr" else flow.destination
                holds = within(table, where, address)
            case ["iifname" | "oifname", *rest]:
                holds = False  # links are the kernel's affair
            case ["ct", *_] if tracked(table, words, led) is not None:
                holds, rest = tracked(table, words, led)
            case ["meta", "nfproto", "ipv4", *rest]:
                holds = True
            case ["meta", "l4proto", protocol, *rest]:
                holds = protocol == flow.protocol
            case ["tcp" | "udp" as protocol, "dport", span, *rest]:
                first, _, last = span.partition("-")
                holds = protocol == flow.protocol and int(first) <= flow.port <= int(last)
            case ["icmp", "type" | "code" as what, number, *rest]:
                has = flow.port if what == "type" else flow.code
                holds = flow.protocol == "icmp" and has == int(number)
            case _:
                return True, words
        if not holds:
            return False, []
        words = rest


def tracked(table: Table, words: list[str], led: Led | None) -> tuple[bool, list[str]] | None:
    """Return whether what is known of the flow matches, and what follows; None: no match."""
    match words:
        case ["ct", "status", "dnat", *rest]:
            return led is not None, rest
        case ["ct", "direction", which, *rest]:
            return led is not None and led.reply == (which == "reply"), rest
        case ["ct", "mark", _, *rest]:
            return led is not None and led.translated, rest
        case ["ct", "original", "ip", "daddr", where, *rest] if where != "vmap":
            return led is not None and within(table, where, led.balancer), rest
        case ["ct", "state", "new", *rest]:
            return True, rest
    return None


def within(table: Table, where: str, address: str) -> bool:
    if where.startswith("@"):
        held = table.collections[where[1:]]
        if "interval" in held.header:
            return any(IPv4Address(address) in IPv4Network(one) for one in held.elements)
        return address in held.elements
    return IPv4Address(address) in IPv4Network(where)


def obey(table: Table, commands: str) -> Table:
    """Return the table after commands; a name that is not there, or still used, is an error."""
    collections, chains, timeouts = opened(table)
    for line in commands.splitlines():
        verb, what, rest = *line.split(" ", 2)[:2], line.split(" ", 2)[-1]
        rest = rest.removeprefix("timeout ")
        name, _, tail = rest.removeprefix(f"{table.name} ").partition(" ")
        inner = tail.removeprefix("{ ").removesuffix(" }")
        match verb, what:
            case "delete", "table":
                collections, chains, timeouts = {}, {}, {}
            case _, "ct":
                obey_timeout(timeouts, verb, name, inner, everything({}, chains))
            case "add", "set" | "map":
                assert name not in collections
                collections[name] = (what, inner, set())
            case "add", "chain":
                assert name not in chains
                chains[name] = (inner, [])
            case "add", "rule":
                assert all(one in chains or one in collections for one in used([tail]))
                chains[name][1].append(tail)
            case "add" | "delete", "element":
                elements = set(inner.split(", "))
                held = collections[name][2]
                assert all(one in chains for one in used(elements))
                assert held.isdisjoint(elements) if verb == "add" else elements <= held
                held ^= elements
            case "flush", "chain":
                chains[name][1].clear()
            case "delete", _:
                collections.pop(name, None) or chains.pop(name)
                assert name not in used(everything(collections, chains))
    return closed(table.name, collections, chains, timeouts)


def everything(collections: dict, chains: dict) -> list[str]:
    """Return every rule and element."""
    rules = [rule for _, held in chains.values() for rule in held]
    return rules + [one for *_, held in collections.values() for one in held]


def opened(table: Table) -> tuple[dict, dict, dict]:
    """Return a table's parts, to be changed."""
    collections = {
        name: (one.kind, one.header, set(one.elements)) for name, one in table.collections.items()
    }
    chains = {name: (one.hook, list(one.rules)) for name, one in table.chains.items()}
    return collections, chains, dict(table.timeouts)


def closed(name: str, collections: dict, chains: dict, timeouts: dict) -> Table:
    """Return a table of what ``obey`` has worked on."""
    return Table(
        name,
        {
            one: Collection(kind, header, frozenset(held))
            for one, (kind, header, held) in collections.items()
        },
        {one: Chain(tuple(held), hook) for one, (hook, held) in chains.items()},
        timeouts,
    )


def obey_timeout(
    timeouts: dict[str, str], verb: str, name: str, how: str, rules: list[str]
) -> None:
    if verb == "add":
        assert name not in timeouts
        timeouts[name] = how
    else:
        assert f'ct timeout set "{name}"' not in rules
        del timeouts[name]


def used(texts: Iterable[str]) -> set[str]:
    """Return the chains and collections that rules or elements name."""
    words = [text.split() for text in texts]
    named = {
        line[at + 1].rstrip(",")
        for line in words
        for at, word in enumerate(line)
        if word in {"jump", "goto"}
    }
    return named | {word[1:] for line in words for word in line if word.startswith("@")}
