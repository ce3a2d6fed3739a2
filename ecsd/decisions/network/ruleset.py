"""nftables rulesets as values: written whole, or as the difference between two of them.

Either text is one transaction. A packet on its way through a table that is replaced whole may
still look into a set that is gone, and be dropped: what the kernel holds is therefore read, and
changed by difference.
Source: nft(8); network.md 2.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

UNREAD = "(unread)"


class Chain(NamedTuple):
    """Rules in order. hook: type, hook, priority and policy of a base chain."""

    rules: tuple[str, ...]
    hook: str = ""


class Collection(NamedTuple):
    """A set or a map. header: its type and flags; elements as nft writes them."""

    kind: str  # set, map
    header: str
    elements: frozenset[str] = frozenset()


class Table(NamedTuple):
    """Everything of one table, by name; family and name together: ``inet sg``.

    timeouts: how long flows may be silent, as nft writes it; one of a name never changes.
    """

    name: str
    collections: Mapping[str, Collection]
    chains: Mapping[str, Chain]
    timeouts: Mapping[str, str] = {}


def whole(table: Table) -> str:
    """Return commands that replace the table, whatever it holds now."""
    empty = Table(table.name, {}, {})
    head = f"table {table.name} {{}}\ndelete table {table.name}\ntable {table.name} {{}}\n"
    return head + "".join(f"{line}\n" for line in _change(empty, table))


def difference(old: Table, new: Table) -> str:
    """Return commands that turn one table into the other; empty when they are equal."""
    if _reshaped(old, new):
        return whole(new)
    return "".join(f"{line}\n" for line in _change(old, new))


def read_table(name: str, told: Iterable[Mapping[str, Any]]) -> Table:
    """Return a table as the kernel holds it, with rules that equal nobody's: they are not read.

    Args:
        name: the table's, with its family.
        told: the objects of ``nft -j list table``.
    """
    collections: dict[str, Collection] = {}
    chains: dict[str, Chain] = {}
    timeouts: dict[str, str] = {}
    for one in told:
        match one:
            case {"ct timeout": held}:
                timeouts[held["name"]] = UNREAD
            case {"set": held}:
                collections[held["name"]] = _read_set(held)
            case {"map": held}:
                header = f"type {_type(held)} : {held['map']};{_flags(held)}"
                collections[held["name"]] = Collection("map", header, _held(held))
            case {"chain": {"name": chain, "hook": hook, **more}}:
                where = f"type {more['type']} hook {hook} priority {more['prio']}"
                chains[chain] = Chain((UNREAD,), f"{where}; policy {more['policy']};")
            case {"chain": {"name": chain}}:
                chains[chain] = Chain((UNREAD,))
            case _:
                continue  # rules, and what nft says of itself
    return Table(name, collections, chains, timeouts)


def _read_set(held: Mapping[str, Any]) -> Collection:
    """Return a set; what packets put into it is not its own."""
    if "timeout" in held:
        bounds = f"size {held['size']}; flags dynamic,timeout; timeout {held['timeout']}s;"
        return Collection("set", f"type {_type(held)}; {bounds}")
    return Collection("set", f"type {_type(held)};{_flags(held)}", _held(held))


def _type(collection: Mapping[str, Any]) -> str:
    kind = collection["type"]
    return kind if isinstance(kind, str) else " . ".join(kind)


def _flags(collection: Mapping[str, Any]) -> str:
    return "".join(f" flags {one};" for one in collection.get("flags", ()))


def _held(collection: Mapping[str, Any]) -> frozenset[str]:
    quote = '"' if collection["type"] == "ifname" else ""
    found = set()
    for element in collection.get("elem", ()):
        key, value = element if isinstance(element, list) else (element, None)
        if isinstance(key, dict) and "prefix" in key:
            key = f"{key['prefix']['addr']}/{key['prefix']['len']}"
        elif isinstance(key, dict):
            key = " . ".join(str(part) for part in key["concat"])
        text = f"{quote}{key}{quote}"
        if isinstance(value, dict):
            [(kind, to)] = value.items()
            text += f" : {kind} {to['target']}"
        elif value is not None:
            text += f" : {value}"
        found.add(text)
    return frozenset(found)


def _reshaped(old: Table, new: Table) -> bool:
    """Tell whether something of the same name is of another kind: nft cannot alter that."""
    kinds = {name: one[:2] for name, one in old.collections.items()}
    hooks = {name: one.hook for name, one in old.chains.items()}
    return any(kinds.get(name, one[:2]) != one[:2] for name, one in new.collections.items()) or any(
        hooks.get(name, one.hook) != one.hook for name, one in new.chains.items()
    )


def _change(old: Table, new: Table) -> Iterator[str]:
    """Yield: make, unlink, fill, remove. In this order nothing names what is not there."""
    gone = [name for name in old.chains if name not in new.chains]
    yield from _made(old, new)
    yield from _elements("delete", old, new)
    for name in gone:
        yield f"flush chain {new.name} {name}"
    yield from _rules(old, new)
    yield from _elements("add", new, old)
    for name, one in old.collections.items():
        if name not in new.collections:
            yield f"delete {one.kind} {new.name} {name}"  # with its elements, which name chains
    yield from (f"delete chain {new.name} {name}" for name in gone)
    for name in old.timeouts:
        if name not in new.timeouts:
            yield f"delete ct timeout {new.name} {name}"


def _made(old: Table, new: Table) -> Iterator[str]:
    """Yield what makes everything that only the new table has, still empty.

    Chains come first: nft 1.0.6 sends elements of intervals where their map is made.
    """
    for name, chain in new.chains.items():
        if name not in old.chains:
            hook = f" {{ {chain.hook} }}" if chain.hook else ""
            yield f"add chain {new.name} {name}{hook}"
    for name, one in new.collections.items():
        if name not in old.collections:
            yield f"add {one.kind} {new.name} {name} {{ {one.header} }}"
    for name, how in new.timeouts.items():
        if name not in old.timeouts:
            yield f"add ct timeout {new.name} {name} {{ {how} }}"


def _rules(old: Table, new: Table) -> Iterator[str]:
    """Yield the rules of chains that are new or changed."""
    for name, chain in new.chains.items():
        then = old.chains.get(name)
        if then == chain:
            continue
        if then is not None and then.rules:
            yield f"flush chain {new.name} {name}"
        yield from (f"add rule {new.name} {name} {rule}" for rule in chain.rules)


def _elements(verb: str, one: Table, other: Table) -> Iterator[str]:
    """Yield what only the first table's collections hold, where the second has them too."""
    for name, held in one.collections.items():
        if verb == "delete" and name not in other.collections:
            continue  # goes as a whole
        there = other.collections.get(name)
        only = held.elements - (there.elements if there else frozenset())
        if only:
            listed = ", ".join(sorted(only))
            yield f"{verb} element {one.name} {name} {{ {listed} }}"
