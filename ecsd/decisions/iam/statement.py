"""A policy document compiled: what each statement speaks of, asked quickly and often.

Source: IAM User Guide, IAM JSON policy elements and grammar.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from ecsd.decisions.iam.condition import Condition, compile_condition
from ecsd.decisions.iam.pattern import (
    Context,
    Matcher,
    Style,
    Token,
    any_matcher,
    keys_in,
    matcher,
    resolved,
    tokens_of,
    variables_in,
)
from ecsd.decisions.iam.positions import Span, statement_spans
from ecsd.decisions.iam.principal import Principals

WITH_VARIABLES = "2012-10-17"  # the version from which on ${…} is a variable
COMPILED = 4096  # documents kept compiled
KEPT = 1024  # actions, and actions on resources, that one document remembers


def statements_of(policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the statements of a decoded document; a single one may stand without its list."""
    statement = policy.get("Statement", [])
    return [statement] if isinstance(statement, dict) else list(statement)


class Statement:
    """One statement.

    Attributes:
        allows: its effect; False: it denies.
        principals: of a policy attached to a resource; None for identities' policies.
        span: where it stands in the document.
        names: every condition key that it asks for, in lower case → as spelled.
        keys: the same in lower case, and those of variables with a default.
        needs: those without which it cannot be judged.
    """

    def __init__(self, statement: Mapping[str, Any], span: Span, *, variables: bool) -> None:
        self.sid = str(statement.get("Sid", ""))
        self.allows = statement["Effect"] == "Allow"
        self.span = span
        self.principals = _principals(statement)
        self._actions = _actions(statement)
        self._not_action = "NotAction" in statement
        self._resources = _Resources(statement, variables=variables)
        self.conditions = tuple(_conditions(statement, variables=variables))
        self.names = dict(self._resources.names)
        self.keys = set(self._resources.keys)
        for condition in self.conditions:
            self.names |= condition.names
            self.keys |= condition.keys
        asked = {one.key for one in self.conditions if one.null is None}
        unneeded = {one.key for one in self.conditions if one.null is not None} - asked
        self.needs = {key: name for key, name in self.names.items() if key not in unneeded}

    @property
    def is_unlimited(self) -> bool:
        """Whether it holds for every resource and request."""
        return self._resources.are_all and not self.conditions

    def speaks_of_action(self, action: str) -> bool:
        """Return whether it is about an action, such as ``ecs:RunTask``; case does not count."""
        return any(matches(action) for matches in self._actions) is not self._not_action

    def may_speak_of(self, resource: str) -> bool:
        """Return whether some request could make it speak of a resource's ARN."""
        return bool(self._resources.needs_context) or self._resources.match(resource, {})

    def holds(self, resource: str, context: Context) -> bool:
        """Return whether resource and conditions fit; action and resource are known to be meant."""
        if self._resources.needs_context and not self._resources.match(resource, context):
            return False
        for condition in self.conditions:  # noqa: SIM110 - the hottest line: no generator
            if not condition.holds(context):
                return False
        return True


class About(NamedTuple):
    """Statements that may apply, by effect. keys: the condition keys that count for them."""

    denying: tuple[Statement, ...]
    allowing: tuple[Statement, ...]
    keys: frozenset[str]


class Policy:
    """A compiled document: its statements, remembered by what requests were about.

    Attributes:
        names: every condition key that it asks for, in lower case → as spelled.
    """

    def __init__(self, document: str) -> None:
        policy = msgspec.json.decode(document)
        variables = policy.get("Version") == WITH_VARIABLES
        self.statements = tuple(
            Statement(statement, span, variables=variables)
            for statement, span in zip(
                statements_of(policy), statement_spans(document), strict=True
            )
        )
        self.names: dict[str, str] = {}
        for one in self.statements:
            self.names |= one.names
        self._about_action: dict[str, tuple[Statement, ...]] = {}
        self._about: dict[tuple[str, str], About] = {}

    def about(self, action: str, resource: str) -> About:
        """Return the denying and the allowing statements about an action on a resource."""
        found = self._about.get((action, resource))
        if found is None:
            some = [one for one in self._speaking(action) if one.may_speak_of(resource)]
            found = About(
                tuple(one for one in some if not one.allows),
                tuple(one for one in some if one.allows),
                frozenset(key for one in some for key in one.keys),
            )
            if len(self._about) >= KEPT:
                self._about.clear()
            self._about[action, resource] = found
        return found

    def allows_everywhere(self, action: str) -> bool | None:
        """Tell whether it allows an action on every resource; None: it may deny it."""
        some = self._speaking(action)
        if not all(one.allows for one in some):
            return None
        return any(one.is_unlimited for one in some)

    def _speaking(self, action: str) -> tuple[Statement, ...]:
        found = self._about_action.get(action)
        if found is None:
            found = tuple(one for one in self.statements if one.speaks_of_action(action))
            if len(self._about_action) >= KEPT:
                self._about_action.clear()
            self._about_action[action] = found
        return found


@lru_cache(COMPILED)
def compile_policy(document: str) -> Policy:
    """Return a well-formed document compiled; the same text is compiled once."""
    return Policy(document)


class _Resources:
    """The Resource or NotResource of a statement; trust policies have none and mean their own."""

    def __init__(self, statement: Mapping[str, Any], *, variables: bool) -> None:
        self._inverted = "NotResource" in statement
        element = statement.get("NotResource", statement.get("Resource", "*"))
        texts = [element] if isinstance(element, str) else list(element)
        self._all = "*" in texts
        self.are_all = self._all and not self._inverted
        patterns = [tokens_of(text, variables=variables) for text in texts]
        fixed = [plain for tokens in patterns if (plain := _without_variables(tokens)) is not None]
        self._fixed = any_matcher(fixed, Style.RESOURCE)
        self._variable: list[tuple[Token, ...]] = [
            tokens for tokens in patterns if _without_variables(tokens) is None
        ]
        self.names: dict[str, str] = {}
        for tokens in self._variable:
            self.names |= variables_in(tokens)
        self.keys = keys_in(token for tokens in self._variable for token in tokens)
        self.needs_context = bool(self._variable)

    def match(self, resource: str, context: Context) -> bool:
        """Return whether a resource is meant."""
        named = self._all or bool(self._fixed and self._fixed(resource))
        if not named and self._variable:
            named = self._by_variable(resource, context)
        return named is not self._inverted

    def _by_variable(self, resource: str, context: Context) -> bool:
        for tokens in self._variable:
            plain = resolved(tokens, context)
            if plain is not None and matcher(plain, Style.RESOURCE)(resource):
                return True
        return False


def _without_variables(tokens: tuple[Token, ...]) -> tuple[Any, ...] | None:
    return tokens if not any(isinstance(token, tuple) for token in tokens) else None


def _actions(statement: Mapping[str, Any]) -> list[Matcher]:
    element = statement.get("NotAction", statement.get("Action", ()))
    texts = [element] if isinstance(element, str) else list(element)
    return [matcher(tuple(_plain(text)), Style.TEXT, ignore_case=True) for text in texts]


def _plain(text: str) -> Iterator[Any]:
    yield from tokens_of(text, variables=False)


def _principals(statement: Mapping[str, Any]) -> Principals | None:
    if "NotPrincipal" in statement:
        return Principals(statement["NotPrincipal"], inverted=True)
    if "Principal" in statement:
        return Principals(statement["Principal"], inverted=False)
    return None


def _conditions(statement: Mapping[str, Any], *, variables: bool) -> Iterator[Condition]:
    for operator, keys in statement.get("Condition", {}).items():
        for key, value in keys.items():
            values = value if isinstance(value, list) else [value]
            yield compile_condition(operator, key, values, variables=variables)
