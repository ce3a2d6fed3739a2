r"""Names as Route 53 writes them: lower case, a final dot, odd characters as ``\ooo``.

Source: Route 53 Developer Guide, DNS domain name format; API Reference, ListResourceRecordSets.
"""

import re

LONGEST_NAME = 255  # characters, with the final dot
LONGEST_LABEL = 63
PLAIN = re.compile(r"[a-z0-9_.-]")
ESCAPE = re.compile(r"\\([0-3][0-7]{2})")
PRINTABLE = re.compile(r"[!-~]+")


class NameProblem(str):
    """What is wrong with a name, in Route 53's words."""


def canonical(name: str) -> str | NameProblem:
    """Return a name as it is stored and shown, or what is wrong with it."""
    plain = ESCAPE.sub(lambda found: chr(int(found[1], 8)), name).lower().removesuffix(".")
    if not plain:
        return _problem("DomainNameEmpty (Domain name is empty)", name)
    if not PRINTABLE.fullmatch(plain) or "\\" in plain:
        return _problem("UnsupportedCharacter (Value contains unsupported characters)", name)
    labels = plain.split(".")
    if not all(labels):
        return _problem("DomainLabelEmpty (Domain label is empty)", name)
    if any(len(one) > LONGEST_LABEL for one in labels):
        return _problem("DomainLabelTooLong (Domain label is too long)", name)
    if len(plain) + 1 > LONGEST_NAME:
        return _problem("DomainNameTooLong (Domain name is too long)", name)
    return "".join(one if PLAIN.match(one) else f"\\{ord(one):03o}" for one in plain) + "."


def resolved(name: str) -> str:
    """Return a stored name as resolvers are asked for it: no escapes, no final dot."""
    return ESCAPE.sub(lambda found: chr(int(found[1], 8)), name).removesuffix(".")


def order(name: str) -> str:
    """Return what stored names are listed by: their labels reversed, ``com.example.www.``."""
    return ".".join(reversed(name.removesuffix(".").split("."))) + "."


def is_within(name: str, zone: str) -> bool:
    """Tell whether a stored name is the zone's own or below it."""
    return name == zone or name.endswith(f".{zone}")


def _problem(words: str, name: str) -> NameProblem:
    return NameProblem(f"FATAL problem: {words} encountered with '{name}'")
