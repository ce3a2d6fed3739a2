"""What HAProxies tell of requests, read. Source: ``haproxy/observation.py``, which has them say so.

A line that is none is answered by None: whatever comes, nothing fails.
"""

import binascii
import re
from base64 import b64decode
from typing import NamedTuple

from ecsd.decisions.haproxy.observation import (
    ERROR,
    ERROR_FIELDS,
    FIELDS,
    HANDSHAKE,
    HANDSHAKE_FIELDS,
    REQUEST,
    SEPARATOR,
)

ENCODED = frozenset(name for name, format_ in FIELDS.items() if "base64" in format_)
OURS = re.compile(rb"[!#-\[\]-~]+\n?")  # neither spaces nor quotes: no user's bytes
LARGEST = 10**16  # of numbers: microseconds until the year 2286
SHAPES = {REQUEST: tuple(FIELDS), ERROR: ERROR_FIELDS, HANDSHAKE: tuple(HANDSHAKE_FIELDS)}


class Told(NamedTuple):
    """A line. kind: REQUEST, ERROR, HANDSHAKE; texts: field → text, ``-`` where there is none.

    Texts of users stand byte for byte, each as the character of that number.
    """

    kind: str
    texts: dict[str, str]

    def has(self, field: str) -> bool:
        """Tell whether a field was observed."""
        return self.texts.get(field, "-") not in {"", "-"}

    def text(self, field: str) -> str:
        """Return a field's text; empty: there is none."""
        return self.texts[field] if self.has(field) else ""

    def number(self, field: str) -> int:
        """Return a field's number; -1: there is none."""
        try:
            found = int(self.texts.get(field, ""))
        except ValueError:
            return -1
        return found if found < LARGEST else -1


def read_line(line: bytes) -> Told | None:
    """Return what a line says; None: it is none of ours."""
    if not OURS.fullmatch(line):
        return None
    kind, *parts = line.decode("latin-1").rstrip("\n").split(SEPARATOR)
    names = SHAPES.get(kind)
    if names is None or len(names) != len(parts):
        return None
    texts = dict(zip(names, parts, strict=True))
    try:
        for name in ENCODED & texts.keys():
            if texts[name] != "-":
                texts[name] = b64decode(texts[name], validate=True).decode("latin-1")
    except (binascii.Error, ValueError):
        return None
    return Told(kind, texts)
