"""What policies decide about a request: explicit deny, allow, or implicit deny.

Source: IAM User Guide, Policy evaluation logic: how requests are evaluated within one account and
across accounts; Permissions boundaries; Session policies.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import NamedTuple

from ecsd.decisions.iam.principal import Naming, Principal, PrincipalKind
from ecsd.decisions.iam.statement import Policy, Statement

# Callers that have no policies of their own.
WITHOUT_POLICIES = (PrincipalKind.SERVICE, PrincipalKind.FEDERATED, PrincipalKind.ANONYMOUS)


class Request(NamedTuple):
    """What somebody wants to do.

    Attributes:
        action: such as ``ecs:RunTask``.
        resource: its ARN, or ``*`` where the operation is about no single one.
        context: condition keys in lower case and their values, those of the caller included.
        owner: the account that the resource belongs to; empty: the caller's own.
    """

    principal: Principal
    action: str
    resource: str
    context: Mapping[str, tuple[str, ...]]
    owner: str = ""


class Source(NamedTuple):
    """A compiled policy, and what it is called: kinds as IAM's PolicySourceType."""

    policy: Policy
    name: str
    kind: str = "none"


class Policies(NamedTuple):
    """The policies that count for a request.

    Attributes:
        identity: of the user with its groups, or of the role.
        boundary: the permissions boundary; None: there is none.
        session: what was given when the session was opened; None: nothing was.
        resource: the policy of the resource; None: it has none.
        resource_decides: the resource's policy has to allow even inside one account: roles' trust.
    """

    identity: tuple[Source, ...] = ()
    boundary: Source | None = None
    session: tuple[Source, ...] | None = None
    resource: Source | None = None
    resource_decides: bool = False


class Outcome(Enum):
    """The decision, as IAM's simulator spells it."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicitDeny"
    IMPLICIT_DENY = "implicitDeny"


class Side(Enum):
    """Which sort of policy decided, or was lacking, in AWS's words."""

    IDENTITY = "identity-based policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"
    RESOURCE = "resource-based policy"


SIDES = tuple(Side)


class Match(NamedTuple):
    """A statement that applies to a request."""

    side: Side
    source: Source
    statement: Statement


class Decision(NamedTuple):
    """What was decided and why.

    Attributes:
        side: whose statement decided; for an implicit deny, which sort of policy allows nothing.
        match: the statement that decided; None for an implicit deny, and for the root user.
    """

    outcome: Outcome
    side: Side
    match: Match | None = None

    @property
    def allowed(self) -> bool:
        """Whether the request may go on."""
        return self.outcome is Outcome.ALLOWED


def decide(request: Request, policies: Policies) -> Decision:
    """Return the decision with its first reason."""
    for one in SIDES:
        denied = _first(request, policies, one, allows=False)
        if denied is not None:
            return Decision(Outcome.EXPLICIT_DENY, denied.side, denied)
    side, allowed = _allowance(request, policies)
    if allowed:
        return Decision(Outcome.ALLOWED, side, _first(request, policies, side, allows=True))
    return Decision(Outcome.IMPLICIT_DENY, side)


def matches(request: Request, policies: Policies, *, allows: bool) -> Iterator[Match]:
    """Yield every statement of one effect that applies, sort by sort."""
    for side in SIDES:
        yield from _on_side(request, policies, side, allows=allows)


def missing_keys(request: Request, policies: Policies) -> tuple[str, ...]:
    """Return the condition keys that statements about action and resource ask for in vain."""
    wanted: dict[str, str] = {}
    for side in Side:
        for source in _sources(policies, side):
            about = source.policy.about(request.action, request.resource)
            for statement in (*about.denying, *about.allowing):
                wanted |= statement.needs
    return tuple(sorted(name for key, name in wanted.items() if key not in request.context))


def keys_asked(action: str, resource: str, policies: Policies) -> set[str]:
    """Return the condition keys that count for an action on a resource: of any other, none does."""
    keys: set[str] = set()
    for side in SIDES:
        for source in _sources(policies, side):
            keys |= source.policy.about(action, resource).keys
    return keys


def side_allows(request: Request, policies: Policies, side: Side) -> bool:
    """Return whether one sort of policy allows by itself, nothing denied considered."""
    return _first(request, policies, side, allows=True) is not None


def _allowance(request: Request, policies: Policies) -> tuple[Side, bool]:
    """Return the side that grants and True, or the one that lacks and False."""
    naming = _granted_by_resource(request, policies)
    across = bool(request.owner) and request.owner != request.principal.account
    if naming is None and (policies.resource_decides or across):
        return Side.RESOURCE, False
    if naming is not None and not across and naming is not Naming.ACCOUNT:
        if naming is Naming.ITSELF:
            return Side.RESOURCE, True
        lacking = _lacking_limit(request, policies)
        return (lacking, False) if lacking is not None else (Side.RESOURCE, True)
    if request.principal.kind in WITHOUT_POLICIES:
        return Side.RESOURCE, naming is not None
    if request.principal.kind is not PrincipalKind.ROOT and not side_allows(
        request, policies, Side.IDENTITY
    ):
        return Side.IDENTITY, False
    lacking = _lacking_limit(request, policies)
    return (lacking, False) if lacking is not None else (Side.IDENTITY, True)


def _lacking_limit(request: Request, policies: Policies) -> Side | None:
    """Return which limit, boundary or session policy, does not allow."""
    if policies.boundary is not None and not side_allows(request, policies, Side.BOUNDARY):
        return Side.BOUNDARY
    if policies.session is not None and not side_allows(request, policies, Side.SESSION):
        return Side.SESSION
    return None


def _granted_by_resource(request: Request, policies: Policies) -> Naming | None:
    """Return how the resource's policy names whom it allows: the most direct way."""
    if policies.resource is None:
        return None
    found = {
        naming
        for match in _on_side(request, policies, Side.RESOURCE, allows=True)
        if (naming := _naming(match.statement, request.principal)) is not None
    }
    return next((naming for naming in Naming if naming in found), None)


def _naming(statement: Statement, principal: Principal) -> Naming | None:
    return None if statement.principals is None else statement.principals.naming(principal)


def _sources(policies: Policies, side: Side) -> Iterable[Source]:
    if side is Side.IDENTITY:
        return policies.identity
    if side is Side.SESSION:
        return policies.session or ()
    one = policies.boundary if side is Side.BOUNDARY else policies.resource
    return () if one is None else (one,)


def _first(request: Request, policies: Policies, side: Side, *, allows: bool) -> Match | None:
    """Return the first of ``_on_side``: most decisions need no more, and no generator."""
    for source in _sources(policies, side):
        about = source.policy.about(request.action, request.resource)
        for statement in about.allowing if allows else about.denying:
            if _applies(request, side, statement):
                return Match(side, source, statement)
    return None


def _applies(request: Request, side: Side, statement: Statement) -> bool:
    if not statement.holds(request.resource, request.context):
        return False
    return side is not Side.RESOURCE or _naming(statement, request.principal) is not None


def _on_side(request: Request, policies: Policies, side: Side, *, allows: bool) -> Iterator[Match]:
    for source in _sources(policies, side):
        about = source.policy.about(request.action, request.resource)
        for statement in about.allowing if allows else about.denying:
            if _applies(request, side, statement):
                yield Match(side, source, statement)
