"""Filter patterns of CloudWatch Logs: which messages FilterLogEvents returns.

Terms (all of them), ``?term`` (one of them), ``-term`` (not), quoted phrases, and patterns on JSON
messages (in ``log_filter_json``). Patterns for space-delimited messages and regular expressions are
refused by name. Source: Amazon CloudWatch Logs User Guide, filter and pattern syntax.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from ecsd.decisions.log_filter_json import JsonPatternError, compile_json_pattern

_TOKEN = re.compile(r'\s*(?P<sign>[?-]?)(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s"]+))')
_PLAIN = re.compile(r"\w+")


class LogFilter(NamedTuple):
    """A compiled pattern.

    Attributes:
        matches: says whether a message is wanted; None: all are.
        literal: text that every wanted message contains, to skip others early.
    """

    matches: Callable[[str], bool] | None
    literal: str | None = None


class PatternFault(NamedTuple):
    """Why a pattern cannot be used, in words for InvalidParameterException."""

    words: str


class _Terms(NamedTuple):
    required: list[str]
    optional: list[str]
    excluded: list[str]


def compile_filter(pattern: str) -> LogFilter | PatternFault:
    """Return the filter that a pattern describes."""
    text = pattern.strip()
    if not text:
        return LogFilter(None)
    if text.startswith("{"):
        try:
            return LogFilter(compile_json_pattern(text))
        except JsonPatternError as error:
            return PatternFault(f"Invalid filter pattern: {error}")
    if text.startswith("["):
        return PatternFault(
            "Invalid filter pattern: patterns for space-delimited log events ([...]) "
            "are not supported"
        )
    terms = _terms(text)
    if isinstance(terms, PatternFault):
        return terms
    return _compiled(terms)


def _terms(text: str) -> _Terms | PatternFault:
    terms = _Terms([], [], [])
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            return PatternFault("Invalid filter pattern: unbalanced quotation mark")
        position = token.end()
        plain = token["plain"]
        if plain is not None and plain.startswith("%"):
            return PatternFault(
                "Invalid filter pattern: regular expressions (%...%) are not supported"
            )
        if plain is not None and not _PLAIN.fullmatch(plain):
            return PatternFault(f"Invalid character(s) in term '{plain}'")
        term = plain if plain is not None else re.sub(r"\\(.)", r"\1", token["quoted"])
        if term:
            {"": terms.required, "?": terms.optional, "-": terms.excluded}[token["sign"]].append(
                term
            )
    return terms


def _compiled(terms: _Terms) -> LogFilter:
    required, excluded = tuple(terms.required), tuple(terms.excluded)
    optional = () if required else tuple(terms.optional)  # AWS: beside plain terms "?" is ignored

    def matches(message: str) -> bool:
        return (
            all(term in message for term in required)
            and not any(term in message for term in excluded)
            and (not optional or any(term in message for term in optional))
        )

    return LogFilter(matches, max(required, key=len, default=None))
