"""Patterns of policies: ``*`` and ``?``, ARNs part by part, and policy variables.

Source: IAM User Guide, IAM JSON policy elements: Resource; Condition operators; Variables and tags.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

Context = Mapping[str, tuple[str, ...]]  # condition keys in lower case → values
Matcher = Callable[[str], object]

ARN_COLONS = 5  # between the six parts of an ARN
VARIABLE = re.compile(r"\$\{\s*([^},]*?)\s*(?:,\s*'([^']*)'\s*)?\}")
LITERALS = ("*", "?", "$")  # what ${*}, ${?}, ${$} stand for


class Style(Enum):
    """How far a wildcard reaches."""

    TEXT = "text"  # anywhere: StringLike, actions
    RESOURCE = "resource"  # inside a part of an ARN; * at a part's end goes on beyond it
    ARN = "arn"  # inside a part, the last one aside: ArnLike


class Variable(NamedTuple):
    """``${key}``, or ``${key, 'default'}``; the key in lower case and as it is spelled."""

    key: str
    default: str | None
    spelled: str


class Wild(Enum):
    """A wildcard."""

    ANY = "*"
    ONE = "?"


Token = str | Wild | Variable


def tokens_of(text: str, *, variables: bool, wildcards: bool = True) -> tuple[Token, ...]:
    """Return a pattern in pieces; variables are text in policies of version 2008-10-17."""
    found: list[Token] = []
    position = 0
    for variable in VARIABLE.finditer(text) if variables else ():
        found += _plain(text[position : variable.start()], wildcards=wildcards)
        key, default = variable.groups()
        found.append(key if key in LITERALS else Variable(key.lower(), default, key))
        position = variable.end()
    return (*found, *_plain(text[position:], wildcards=wildcards))


def variables_in(tokens: Iterable[Token]) -> dict[str, str]:
    """Return the condition keys that a pattern needs, those without default, and as spelled."""
    return {
        token.key: token.spelled
        for token in tokens
        if isinstance(token, Variable) and token.default is None
    }


def resolved(tokens: tuple[Token, ...], context: Context) -> tuple[str | Wild, ...] | None:
    """Return a pattern without variables; None: one has no value, or more than one."""
    plain: list[str | Wild] = []
    for token in tokens:
        if not isinstance(token, Variable):
            plain.append(token)
            continue
        given = context.get(token.key, ())
        if len(given) == 1:
            plain.append(given[0])
        elif not given and token.default is not None:
            plain.append(token.default)
        else:
            return None
    return tuple(plain)


@lru_cache(16_384)
def matcher(tokens: tuple[str | Wild, ...], style: Style, *, ignore_case: bool = False) -> Matcher:
    """Return what tells whether a text matches a pattern without variables."""
    source = "".join(_pieces(tokens, style))
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return re.compile(source, flags).fullmatch


def resource_regex(tokens: tuple[str | Wild, ...]) -> str:
    """Return the regular expression of a resource, to be joined with others."""
    return "".join(_pieces(tokens, Style.RESOURCE))


def _plain(text: str, *, wildcards: bool) -> list[Token]:
    if not wildcards:
        return [text] if text else []
    pieces = re.split(r"([*?])", text)
    return [Wild(piece) if piece in ("*", "?") else piece for piece in pieces if piece]


def _pieces(tokens: tuple[str | Wild, ...], style: Style) -> Iterable[str]:
    if style is Style.ARN and tokens == (Wild.ANY,):
        style = Style.TEXT  # every ARN
    colons = 0
    for place, token in enumerate(tokens):
        if isinstance(token, str):
            colons += token.count(":")
            yield re.escape(token)
            continue
        beyond = style is Style.TEXT or colons >= ARN_COLONS
        if style is Style.RESOURCE and token is Wild.ANY and not beyond:
            beyond = _ends_part(tokens, place)
        one = "." if beyond else "[^:]"
        yield one if token is Wild.ONE else f"{one}*"


def _ends_part(tokens: tuple[str | Wild, ...], place: int) -> bool:
    if place + 1 == len(tokens):
        return True
    after = tokens[place + 1]
    return isinstance(after, str) and after.startswith(":")
