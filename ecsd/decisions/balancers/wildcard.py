r"""Patterns of listener rules with ``*`` and ``?``; a backslash takes their meaning away.

Source: Application Load Balancers guide, condition types.
"""

import string

LITERAL = frozenset((string.ascii_letters + string.digits + "_-/").encode())  # in a PCRE


def regex(pattern: str, any_character: str) -> str:
    """Return a PCRE of a pattern; ``*`` and ``?`` stand for ``any_character`` only."""
    out = []
    for part in split(pattern):
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


def split(pattern: str) -> list[str]:
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
