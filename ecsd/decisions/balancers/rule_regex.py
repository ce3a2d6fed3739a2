r"""Regular expressions in listener rules: what they may hold, and what they cost at most.

Source: Application Load Balancers guide, listener rules: no lookaheads, lookbehinds,
backreferences, atomic groups, possessive quantifiers, subroutines, recursion, Unicode classes.
What is left means the same here, where PCRE2 matches it, and the checks see to it that PCRE2 takes
it; a match that would try for long is given up instead (pcre2pattern, LIMIT_MATCH).
"""

import re
import warnings
from collections.abc import Container, Iterator

LIMIT = "(*LIMIT_MATCH=200000)"  # some ten milliseconds; counted as no match
TOKEN = re.compile(
    r"""(?P<escape>\\x[0-9A-Fa-f]{2}|\\.?)
    |(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\]?)
    |(?P<group>\((?:\?(?::|[ims]{1,3}[:)]|P?<[A-Za-z_]\w{0,31}>))?)
    |(?P<repeat>\{[0-9]{1,4}(?:,[0-9]{0,4})?\}|[*+?])
    |(?P<other>.)""",
    re.ASCII | re.DOTALL | re.VERBOSE,
)
MEANINGS = frozenset("dDwWsSbBAztnrfv")  # of escaped letters; anything else escaped is itself
IN_SET = MEANINGS - frozenset("bBAz")
MOST_REPEATS, MOST_CODE = 1000, 20_000
REFERENCE = re.compile(r"\$(?:\{(\d{1,2})\}|(\d))", re.ASCII)
MOST_GROUPS = 9


def check_regex(pattern: str) -> Iterator[str]:
    """Yield what keeps a regular expression from being used, in words."""
    problem = next(_syntax(pattern), None)
    if problem is None:
        problem = _invalid(pattern)
    if problem is not None:
        yield f"The regular expression '{pattern}' is not valid: {problem}"


def check_replacement(regex: str, replacement: str) -> Iterator[str]:
    """Yield references to groups that a valid regular expression does not have."""
    groups = _compiled(regex).groups
    for number in _references(replacement):
        if number > min(groups, MOST_GROUPS):
            yield f"The replacement '{replacement}' refers to a group that is not there: ${number}"


def replacement_parts(replacement: str) -> list[str | int]:
    """Return a replacement as literal texts and numbers of groups."""
    parts: list[str | int] = []
    end = 0
    for found in REFERENCE.finditer(replacement):
        parts += [replacement[end : found.start()], int(found[1] or found[2])]
        end = found.end()
    return [one for one in (*parts, replacement[end:]) if one != ""]


def _references(replacement: str) -> list[int]:
    return [one for one in replacement_parts(replacement) if isinstance(one, int)]


def _syntax(pattern: str) -> Iterator[str]:
    """Yield what the balancer's language of expressions does not have."""
    code = len(pattern)
    before = ""
    for found in TOKEN.finditer(pattern):
        token = found[0]
        match found.lastgroup:
            case "escape":
                yield from _escape(token, MEANINGS)
            case "set":
                yield from _set(token)
            case "repeat":
                yield from _repeat(token, before)
                if before == ")":  # a group is written out so often
                    code *= max(1, *map(int, re.findall("[0-9]+", token)), 1)
            case "other" if token in "{}":
                yield f"'{token}' must be escaped"
            case _:
                pass
        before = token
    if code > MOST_CODE:
        yield "it is too complex"


def _escape(token: str, meanings: Container[str]) -> Iterator[str]:
    letter = token[1:2]
    if not letter:
        yield "it ends with a backslash"
    elif letter.isalnum() and letter not in meanings and len(token) == 2:  # noqa: PLR2004
        yield f"'{token}' is not supported here"


def _set(token: str) -> Iterator[str]:
    inside = token[1:-1]
    for found in TOKEN.finditer(inside):
        if found.lastgroup == "escape":
            yield from _escape(found[0], IN_SET)
        elif found.lastgroup == "set":
            yield "'[' inside a class must be escaped"


def _repeat(token: str, before: str) -> Iterator[str]:
    if before == "(":
        yield f"'({token}' is not supported"
    if token == "+" and before[-1:] in {"*", "+", "?", "}"} and before[0] in "*+?{":
        yield "possessive quantifiers are not supported"
    if any(int(one) > MOST_REPEATS for one in re.findall("[0-9]+", token)):
        yield f"more than {MOST_REPEATS} repetitions"


def _invalid(pattern: str) -> str | None:
    try:
        _compiled(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return str(error)
    return None


def _compiled(pattern: str) -> re.Pattern[str]:
    """Python's own expressions agree with PCRE2 on what ``_syntax`` lets through."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return re.compile(pattern.replace(r"\z", r"\Z").replace("(?<", "(?P<"), re.ASCII)
