r"""Users' text inside an HAProxy configuration: quoted so that it can never mean anything else.

Every byte that is not plainly harmless is written as ``\xHH``, which HAProxy reads inside a word
only. Source: HAProxy 2.6 Configuration Manual, 2.2 Quoting and escaping, 2.4 Conditional blocks,
8.2.6 Custom log format.
"""

import string
from typing import NamedTuple

from ecsd.decisions.balancers.wildcard import regex, split

HARMLESS = frozenset((string.ascii_letters + string.digits + "_-./:=,+@%[]()?*^|<>&;!~").encode())
WRITTEN = [chr(byte) if byte in HARMLESS else f"\\x{byte:02x}" for byte in range(256)]
PRINTABLE = frozenset(range(0x21, 0x7F))


class Match(NamedTuple):
    """How a fetched text is compared. method: ``str``, ``beg``, ``end`` or ``reg``."""

    method: str
    word: str


def word(text: str) -> str:
    """Return one word of the configuration that stands for exactly this text (without NULs)."""
    if not text:
        return '""'
    return "".join([WRITTEN[byte] for byte in text.replace("\0", "").encode(errors="replace")])


def format_literal(text: str) -> str:
    """Return text that a log format gives back unchanged; still to be made a word."""
    return text.replace("%", "%%")


def url_literal(text: str) -> str:
    """Return text that a Location may hold: controls, spaces and non-ASCII percent-encoded."""
    return "".join(
        chr(byte) if byte in PRINTABLE else f"%{byte:02X}" for byte in text.encode(errors="replace")
    )


def wildcard(pattern: str) -> Match:
    """Return how a pattern of ELB's is matched as a whole.

    ``*`` stands for any number of characters, ``?`` for exactly one; a backslash takes their
    meaning away. Source: Application Load Balancers guide, condition types.
    """
    parts = split(pattern)
    stars = parts.count("*")
    if "?" not in parts and stars == 0:
        return Match("str", word(_plain(parts)))
    if "?" not in parts and stars == 1 and len(parts) > 1:
        if parts[-1] == "*":
            return Match("beg", word(_plain(parts[:-1])))
        if parts[0] == "*":
            return Match("end", word(_plain(parts[1:])))
    return Match("reg", word(f"^{regex(pattern, '.')}$"))


def _plain(parts: list[str]) -> str:
    return "".join(part[-1] for part in parts)
