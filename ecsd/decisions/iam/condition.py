"""The Condition block of a statement, compiled: every operator that IAM has.

Keys are not case-sensitive. An absent key fails a positive operator and meets a negated one;
``IfExists`` and ``ForAllValues`` are met without it, ``ForAnyValue`` is not.
Source: IAM User Guide, IAM JSON policy elements: Condition operators; multivalued context keys.
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import NamedTuple

from ecsd.decisions.iam.pattern import (
    Context,
    Style,
    Token,
    keys_in,
    matcher,
    resolved,
    tokens_of,
    variables_in,
)

Test = Callable[[str, Context], bool]  # does one value of the request match one of the policy's?
OPERATOR = re.compile(
    r"(?:(?P<set>ForAllValues|ForAnyValue):)?"
    r"(?P<name>String(?:Not)?(?:Equals(?:IgnoreCase)?|Like)"
    r"|(?:Numeric|Date)(?:(?:Not)?Equals|(?:Less|Greater)Than(?:Equals)?)"
    r"|Bool|BinaryEquals|(?:Not)?IpAddress|Arn(?:Not)?(?:Equals|Like)|Null)"
    r"(?P<if_exists>IfExists)?",
    re.IGNORECASE,
)


class Condition(NamedTuple):
    """One key under one operator.

    Attributes:
        key: in lower case.
        names: keys that it asks for, those of variables in its values too → as spelled.
        keys: the same in lower case, and those of variables with a default.
        absent: whether it is met by a request without the key.
        of_all: every value of the request has to pass; else one is enough.
        null: for ``Null``: whether the key has to be absent; None for other operators.
    """

    key: str
    names: Mapping[str, str]
    keys: AbstractSet[str]
    test: Test
    negated: bool
    absent: bool
    of_all: bool
    null: bool | None = None

    def holds(self, context: Context) -> bool:
        """Return whether a request meets it."""
        given = context.get(self.key, ())
        if self.null is not None:
            return self.null is not bool(given)
        if not given:
            return self.absent
        test, negated = self.test, self.negated
        if self.of_all:
            return all(test(value, context) is not negated for value in given)
        return any(test(value, context) is not negated for value in given)


def compile_condition(
    operator: str, key: str, values: Iterable[object], *, variables: bool
) -> Condition:
    """Return a condition; the operator is one that the grammar knows."""
    found = OPERATOR.fullmatch(operator)
    if found is None:
        raise ValueError(f"no such condition operator: {operator}")
    name = found["name"].lower()
    texts = tuple(_text(value) for value in values)
    quantifier = (found["set"] or "").lower()
    negated = "not" in name
    absent = negated
    if found["if_exists"] or quantifier == "forallvalues":
        absent = True
    elif quantifier == "foranyvalue":
        absent = False
    test, names, keys = _test(name.replace("not", ""), texts, variables=variables)
    return Condition(
        key=key.lower(),
        names={key.lower(): key, **names},
        keys={key.lower(), *keys},
        test=test,
        negated=negated,
        absent=absent,
        of_all=quantifier == "forallvalues" or (negated and not quantifier),
        null="true" in {text.lower() for text in texts} if name == "null" else None,
    )


def moment(text: str) -> datetime | None:
    """Return a date in ISO 8601 or in seconds since 1970; None if it is neither."""
    try:
        if re.fullmatch(r"\d{4}(-\d{2})?", text):  # a year, a month
            text += "-01" if "-" in text else "-01-01"
        elif re.fullmatch(r"-?\d+(\.\d+)?", text):
            return datetime.fromtimestamp(float(text), UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


Tested = tuple[Test, dict[str, str], AbstractSet[str]]  # names and keys of variables


def _test(name: str, texts: tuple[str, ...], *, variables: bool) -> Tested:
    if name.startswith(("string", "arn")):
        return _patterns(name, texts, variables=variables)
    return _plain_test(name, texts), {}, frozenset()


def _plain_test(name: str, texts: tuple[str, ...]) -> Test:
    if name.startswith("numeric"):
        return _compared(name.removeprefix("numeric"), texts, _number)
    if name.startswith("date"):
        return _compared(name.removeprefix("date"), texts, moment)
    if name == "bool":
        return _among({text.lower() for text in texts}, str.lower)
    if name == "binaryequals":
        return _among({_binary(text) for text in texts} - {None}, _binary)
    if name == "ipaddress":
        networks = [network for network in map(_network, texts) if network is not None]
        return _in_networks(networks)
    return lambda value, context: False  # Null, which asks for no value


def _patterns(name: str, texts: tuple[str, ...], *, variables: bool) -> Tested:
    style = Style.ARN if name.startswith("arn") else Style.TEXT
    ignore_case = name.endswith("ignorecase")
    wildcards = style is Style.ARN or name.endswith("like")
    patterns: list[tuple[Token, ...]] = [
        tokens_of(text, variables=variables, wildcards=wildcards) for text in texts
    ]

    def test(value: str, context: Context) -> bool:
        for tokens in patterns:
            plain = resolved(tokens, context)
            if plain is not None and matcher(plain, style, ignore_case=ignore_case)(value):
                return True
        return False

    names: dict[str, str] = {}
    for tokens in patterns:
        names |= variables_in(tokens)
    return test, names, keys_in(token for tokens in patterns for token in tokens)


_ORDER: dict[str, Callable[[object, object], bool]] = {
    "equals": lambda a, b: a == b,
    "lessthan": lambda a, b: a < b,  # type: ignore[operator]
    "lessthanequals": lambda a, b: a <= b,  # type: ignore[operator]
    "greaterthan": lambda a, b: a > b,  # type: ignore[operator]
    "greaterthanequals": lambda a, b: a >= b,  # type: ignore[operator]
}


def _compared(name: str, texts: tuple[str, ...], read: Callable[[str], object]) -> Test:
    order = _ORDER[name]
    bounds = [bound for bound in map(read, texts) if bound is not None]

    def test(value: str, context: Context) -> bool:
        given = read(value)
        return given is not None and any(order(given, bound) for bound in bounds)

    return test


def _among(wanted: AbstractSet[object], read: Callable[[str], object]) -> Test:
    def test(value: str, context: Context) -> bool:
        return read(value) in wanted

    return test


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _in_networks(networks: list[Network]) -> Test:
    def test(value: str, context: Context) -> bool:
        given = _network(value)
        if given is None:
            return False
        return any(
            given.version == network.version and given.subnet_of(network)  # type: ignore[arg-type]
            for network in networks
        )

    return test


@lru_cache(4096)
def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _binary(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
