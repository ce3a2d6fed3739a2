"""Patterns of policies: ``*`` and ``?``, ARNs part by part, and policy variables.

Source: IAM User Guide, IAM JSON policy elements: Resource; Condition operators; Variables and tags.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
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
Plain = tuple[str | Wild, ...]  # a pattern without variables


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


def keys_in(tokens: Iterable[Token]) -> set[str]:
    """Return the condition keys that may change what a pattern means, those with a default too."""
    return {token.key for token in tokens if isinstance(token, Variable)}


def resolved(tokens: tuple[Token, ...], context: Context) -> Plain | None:
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
def matcher(tokens: Plain, style: Style, *, ignore_case: bool = False) -> Matcher:
    """Return what tells whether a text matches a pattern without variables."""
    pieces = _pieces(tokens, style)
    if _needs_states(pieces):
        return _States(pieces).match
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return re.compile(_regex(pieces), flags).fullmatch


def any_matcher(patterns: Sequence[Plain], style: Style) -> Matcher | None:
    """Return what tells whether a text matches one of several patterns; None for no pattern."""
    compiled = [_pieces(tokens, style) for tokens in patterns]
    simple = [_regex(pieces) for pieces in compiled if not _needs_states(pieces)]
    matchers: list[Matcher] = [_States(one).match for one in compiled if _needs_states(one)]
    if simple:
        joined = "|".join(f"(?:{one})" for one in simple)
        matchers.append(re.compile(joined, re.DOTALL).fullmatch)
    if len(matchers) > 1:
        return lambda text: any(matches(text) for matches in matchers)
    return matchers[0] if matchers else None


def _plain(text: str, *, wildcards: bool) -> list[Token]:
    if not wildcards:
        return [text] if text else []
    pieces = re.split(r"([*?])", text)
    return [Wild(piece) if piece in ("*", "?") else piece for piece in pieces if piece]


class _Piece(NamedTuple):
    """A piece of a pattern: a literal text, or a wildcard and how far it reaches."""

    text: str  # empty: a wildcard
    wild: Wild | None = None
    inside: bool = False  # does not pass a colon


def _pieces(tokens: Plain, style: Style) -> tuple[_Piece, ...]:
    if style is Style.ARN and tokens == (Wild.ANY,):
        style = Style.TEXT  # every ARN
    colons = 0
    found: list[_Piece] = []
    for place, token in enumerate(tokens):
        if isinstance(token, str):
            colons += token.count(":")
            found.append(_Piece(token))
            continue
        inside = style is not Style.TEXT and colons < ARN_COLONS
        if style is Style.RESOURCE and token is Wild.ANY and inside:
            inside = not _ends_part(tokens, place)
        found.append(_Piece("", token, inside))
    return tuple(found)


def _ends_part(tokens: Plain, place: int) -> bool:
    if place + 1 == len(tokens):
        return True
    after = tokens[place + 1]
    return isinstance(after, str) and after.startswith(":")


def _needs_states(pieces: Sequence[_Piece]) -> bool:
    """Return whether the first fit of a wildcard may be the wrong one.

    So it is where one that reaches everywhere stands before one that does not.
    """
    everywhere = False
    for piece in pieces:
        if piece.wild is Wild.ANY:
            if piece.inside and everywhere:
                return True
            everywhere = everywhere or not piece.inside
    return False


def _regex(pieces: Sequence[_Piece]) -> str:
    """Return a regular expression that is linear in its text, whatever the pattern.

    Each ``*`` takes the first place where what follows it fits and never comes back (an atomic
    group): there is no better one, and a hostile pattern costs no more than a plain one.
    """
    written: list[str] = []
    open_ = False  # inside the atomic group of a wildcard
    last = max((at for at, one in enumerate(pieces) if one.wild is Wild.ANY), default=-1)
    for at, piece in enumerate(pieces):
        one = "[^:]" if piece.inside else "."
        if piece.wild is Wild.ANY:
            written.append(")" if open_ else "")
            open_ = at != last
            written.append(f"(?>{one}*?" if open_ else f"{one}*")
        else:
            written.append(one if piece.wild else re.escape(piece.text))
    return "".join(written)


class _States:
    """A pattern as a set of states in one number: a step for each character, no way back.

    Bit n: the first n characters of the pattern were found. Source: the shift-and algorithm,
    Baeza-Yates and Gonnet, A New Approach to Text Searching (1992).
    """

    def __init__(self, pieces: Sequence[_Piece]) -> None:
        self._takes: dict[str, int] = {}  # character → states that it leads on
        self._takes_any = self._takes_inside = 0
        self._stays = self._stays_inside = 0  # states that wildcards keep
        place = 0
        for piece in pieces:
            bit = 1 << place
            if piece.wild is Wild.ANY and piece.inside:
                self._stays_inside |= bit
                continue
            if piece.wild is Wild.ANY:
                self._stays |= bit
                continue
            if piece.wild is Wild.ONE:
                self._takes_any |= 0 if piece.inside else bit
                self._takes_inside |= bit if piece.inside else 0
                place += 1
            for character in piece.text:
                self._takes[character] = self._takes.get(character, 0) | 1 << place
                place += 1
        self._end = 1 << place

    def match(self, text: str) -> bool:
        """Return whether the whole text fits."""
        states = 1
        for character in text:
            takes = self._takes.get(character, 0) | self._takes_any
            stays = self._stays
            if character != ":":
                takes |= self._takes_inside
                stays |= self._stays_inside
            states = (states & takes) << 1 | states & stays
            if not states:
                return False
        return bool(states & self._end)
