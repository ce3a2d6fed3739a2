r"""Regular expressions over what users send (logs, parameters): what they hold, and cost.

In filter patterns (``%...%``): letters, digits, ``:_#=@/;,-``, and the operators
``^ $ ? [] {} | \ * + .``; no groups. In queries (``/.../``): groups too, named or not.
Matching backtracks, so repetitions of what itself repeats or branches are refused: a message could
keep one thread, and with it the server, busy for ever.
Source: CloudWatch Logs User Guide, supported regular expressions syntax; Insights, parse and like.
"""

import re
import warnings
from typing import NamedTuple

from ecsd.decisions.balancers.rule_regex import TOKEN

_PLAIN = re.compile(r"[A-Za-z0-9:_#=@/;,\-^$?\[\]{}|\\*+.]*")
_ESCAPED = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|[dDsSwW]|[^A-Za-z0-9])")
_NAMED = re.compile(r"\(\?<(?=[A-Za-z_])")
MOST_REPEATS = 1000
LONGEST = 1024


class RegexFault(NamedTuple):
    """Why an expression cannot be used: the rest of a sentence."""

    words: str


class _Group:
    def __init__(self) -> None:
        self.varies = False  # whether one text can be matched in several ways


def filter_regex(text: str) -> re.Pattern[str] | RegexFault:
    """Return the expression between two ``%``, for ``search``."""
    if not _PLAIN.fullmatch(text):
        wrong = next(one for one in text if not _PLAIN.fullmatch(one))
        return RegexFault(f"'{wrong}' is not supported in a regular expression")
    for found in TOKEN.finditer(text):
        if found.lastgroup == "escape" and not _ESCAPED.fullmatch(found[0]):
            return RegexFault(f"'{found[0]}' is not supported in a regular expression")
    return query_regex(text)


def query_regex(text: str) -> re.Pattern[str] | RegexFault:
    """Return an expression of a query, for ``search``; ``(?<name>...)`` names a group."""
    if not text:
        return RegexFault("a regular expression is empty")
    if len(text) > LONGEST:
        return RegexFault(f"a regular expression is longer than {LONGEST} characters")
    problem = _cost(text)
    if problem:
        return RegexFault(problem)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # [[ is two literals
            return re.compile(_NAMED.sub("(?P<", text))
    except (re.error, OverflowError, RecursionError) as error:
        return RegexFault(f"the regular expression is not valid: {error}")


def _cost(text: str) -> str:
    """Return what makes an expression too costly, or nothing."""
    groups = [_Group()]
    closed: _Group | None = None  # the group that the token before has closed
    for found in TOKEN.finditer(text):
        token, kind = found[0], found.lastgroup
        if kind == "repeat":
            least, most = _bounds(token)
            if max(least, most or 0) > MOST_REPEATS:
                return f"more than {MOST_REPEATS} repetitions in a regular expression"
            if closed is not None and closed.varies and most != 1:
                return "a regular expression repeats a group that itself repeats or branches"
            groups[-1].varies |= least != most
        elif kind == "escape" and token[1:].isdigit():
            return "a regular expression refers back to a group"
        elif token == "|":
            groups[-1].varies = True
        elif kind == "group":
            groups.append(_Group())
        elif token == ")" and len(groups) > 1:
            closed = groups.pop()
            groups[-1].varies |= closed.varies
            continue
        closed = None
    return ""


def _bounds(token: str) -> tuple[int, int | None]:
    """Return how often at least and at most (None: no end) a quantifier repeats."""
    plain = {"*": (0, None), "+": (1, None), "?": (0, 1)}
    if token in plain:
        return plain[token]
    low, comma, high = token[1:-1].partition(",")
    return int(low), (int(high) if high else None) if comma else int(low)
