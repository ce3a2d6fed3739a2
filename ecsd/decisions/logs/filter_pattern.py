"""Filter patterns of CloudWatch Logs: which messages are wanted.

Terms (all of them), ``?term`` (one of them), ``-term`` (not), quoted phrases, regular expressions
(``%...%``), patterns on JSON messages (``log_filter_json``) and on space-delimited ones
(``log_filter_fields``). Source: Amazon CloudWatch Logs User Guide, filter pattern syntax.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from ecsd.decisions.logs.filter_fields import compile_fields_pattern
from ecsd.decisions.logs.filter_json import compile_json_pattern
from ecsd.decisions.logs.filter_value import FilterPatternError, regex_test

_TOKEN = re.compile(
    r'\s*(?P<sign>[?-]?)(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|%(?P<regex>[^%]*)%|(?P<plain>[^\s"]+))'
)
_PLAIN = re.compile(r"\w+")
Contains = Callable[[str], bool]


def no_values(_message: str) -> dict[str, str]:
    """Return that a pattern of terms names no values."""
    return {}


class LogFilter(NamedTuple):
    """A compiled pattern.

    Attributes:
        matches: says whether a message is wanted; None: all are.
        literal: text that every wanted message contains, to skip others early.
        values: name → text, of what the pattern names in a message that matches it.
        kind: what messages it is about.
    """

    matches: Contains | None
    literal: str | None = None
    values: Callable[[str], dict[str, str]] = no_values
    kind: str = "terms"  # or "json" or "fields"


class PatternFault(NamedTuple):
    """Why a pattern cannot be used, in words for InvalidParameterException."""

    words: str


class _Terms(NamedTuple):
    required: list[Contains]
    optional: list[Contains]
    excluded: list[Contains]
    literals: list[str]  # of the required ones


def compile_filter(pattern: str) -> LogFilter | PatternFault:
    """Return the filter that a pattern describes."""
    text = pattern.strip()
    if not text:
        return LogFilter(None)
    try:
        if text.startswith("{"):
            json = compile_json_pattern(text)
            return LogFilter(json.matches, values=json.values, kind="json")
        if text.startswith("["):
            fields = compile_fields_pattern(text)
            return LogFilter(fields.matches, values=fields.values, kind="fields")
        return _compiled(_terms(text))
    except FilterPatternError as error:
        return PatternFault(f"Invalid filter pattern: {error}")


def _terms(text: str) -> _Terms:
    terms = _Terms([], [], [], [])
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise FilterPatternError("unbalanced quotation mark")
        position = token.end()
        sign = token["sign"]
        kept = {"": terms.required, "?": terms.optional, "-": terms.excluded}[sign]
        if token["regex"] is not None:
            kept.append(regex_test(token["regex"]))
            continue
        term = _literal(token["plain"], token["quoted"])
        if term:
            kept.append(_containing(term))
            if not sign:
                terms.literals.append(term)
    return terms


def _literal(plain: str | None, quoted: str) -> str:
    if plain is None:
        return re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
    if not _PLAIN.fullmatch(plain):
        raise FilterPatternError(f"Invalid character(s) in term '{plain}'")
    return plain


def _containing(term: str) -> Contains:
    return lambda message: term in message


def _compiled(terms: _Terms) -> LogFilter:
    required, excluded = tuple(terms.required), tuple(terms.excluded)
    # AWS: "?" stands alone; beside other terms it is ignored.
    optional = () if required or excluded else tuple(terms.optional)

    def matches(message: str) -> bool:
        return (
            all(term(message) for term in required)
            and not any(term(message) for term in excluded)
            and (not optional or any(term(message) for term in optional))
        )

    return LogFilter(matches, max(terms.literals, key=len, default=None))
