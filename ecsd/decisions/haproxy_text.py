r"""Users' text inside an HAProxy configuration: quoted so that it can never mean anything else.

Every byte that is not plainly harmless is written as ``\xHH``, which HAProxy reads inside a word
only. Source: HAProxy 2.6 Configuration Manual, 2.2 Quoting and escaping, 2.4 Conditional blocks,
8.2.6 Custom log format.
"""

import string
from typing import NamedTuple

HARMLESS = frozenset((string.ascii_letters + string.digits + "_-./:=,+@%[]()?*^|<>&;!~").encode())
LITERAL = frozenset((string.ascii_letters + string.digits + "_-/").encode())  # in a PCRE
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
    parts = _parts(pattern)
    stars = parts.count("*")
    if "?" not in parts and stars == 0:
        return Match("str", word(_plain(parts)))
    if "?" not in parts and stars == 1 and len(parts) > 1:
        if parts[-1] == "*":
            return Match("beg", word(_plain(parts[:-1])))
        if parts[0] == "*":
            return Match("end", word(_plain(parts[1:])))
    return Match("reg", word(f"^{regex(pattern, '.')}$"))


def regex(pattern: str, any_character: str) -> str:
    """Return a PCRE of a pattern; ``*`` and ``?`` stand for ``any_character`` only."""
    out = []
    for part in _parts(pattern):
        if part == "*":
            out.append(f"{any_character}*")
        elif part == "?":
            out.append(any_character)
        else:
            out += [
                chr(byte) if byte in LITERAL else f"\\x{byte:02x}"
                for byte in part[-1].encode(errors="replace")
            ]
    return "".join(out)


def _parts(pattern: str) -> list[str]:
    """Return a pattern's characters; one whose meaning was taken away keeps its backslash."""
    parts = []
    position = 0
    while position < len(pattern):
        escaped = pattern[position] == "\\" and pattern[position + 1 : position + 2] in {
            "*",
            "?",
            "\\",
        }
        width = 2 if escaped else 1
        parts.append(pattern[position : position + width])
        position += width
    return parts


def _plain(parts: list[str]) -> str:
    return "".join(part[-1] for part in parts)
