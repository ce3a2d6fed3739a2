"""A caller as policies see it: who it is, its policies, and the condition keys it brings.

Source: IAM User Guide, AWS global condition context keys; Policy evaluation logic.
"""

from datetime import datetime
from typing import NamedTuple

from ecsd.decisions.iam.evaluation import Policies, Source
from ecsd.decisions.iam.principal import Principal, PrincipalKind
from ecsd.decisions.iam.settled import Settled
from ecsd.decisions.iam.statement import compile_policy
from ecsd.records.iam.role import Role
from ecsd.records.iam.session import Session
from ecsd.records.record import Record
from ecsd.records.tag import Tag
from ecsd.store.finders.iam import find_user_by_arn
from ecsd.store.finders.iam_policies import (
    IDENTITY,
    boundary_source,
    identity_sources,
    managed_source,
)
from ecsd.store.scope import GLOBAL, Scope
from ecsd.store.store import Store, View

Keys = dict[str, tuple[str, ...]]
EVERYTHING = "arn:aws:iam::aws:policy/AdministratorAccess"  # what root may
KEPT = 4096  # callers that are remembered
Noted = tuple[tuple[type[Record], str, Record | None], ...]


class Identity(NamedTuple):
    """A caller, its policies, and what it adds to a request's context.

    Attributes:
        session: the temporary credentials it uses, None for a long-term key.
    """

    principal: Principal
    policies: Policies
    context: Keys
    session: Session | None = None


class Known:
    """A caller, and what is settled about it.

    Attributes:
        records: what it was made from.
        checked: the store's ``callers`` when they were last the very same.
    """

    __slots__ = ("checked", "identity", "records", "settled")

    def __init__(self, identity: Identity, records: Noted, checked: object) -> None:
        self.identity = identity
        self.settled = Settled(identity.principal, identity.policies)
        self.records = records
        self.checked = checked


def identify(store: Store, account: str, arn: str, access_key_id: str) -> Identity:
    """Return the caller of an account by its ARN and key; what is gone has no policies."""
    return recall(store, account, arn, access_key_id).identity


def recall(store: Store, account: str, arn: str, access_key_id: str) -> Known:
    """Return the same with what is settled about it.

    It is remembered for as long as every record that it rests on is the very same.
    """
    place = (account, arn, access_key_id)
    known = _KNOWN.get(place)
    if known is not None and known.checked is store.callers:
        return known
    view = store.view(Scope(account, GLOBAL))
    if known is not None and view.still_has(known.records):
        known.checked = store.callers
        return known
    noting = view.noting()
    identity = _identify(noting, account, arn, access_key_id)
    if len(_KNOWN) >= KEPT:
        _KNOWN.clear()
    _KNOWN[place] = known = Known(identity, tuple(noting.noted), store.callers)
    return known


def _identify(view: View, account: str, arn: str, access_key_id: str) -> Identity:
    session = view.get(Session, access_key_id)
    if session is not None and session.role_name is not None:
        return _of_role(view, session)
    if session is not None and session.load_balancer_arn is not None:
        return _of_service(session, session.load_balancer_arn)
    if session is not None and session.federator_arn is not None:
        return _of_federated(view, session, session.federator_arn)
    if arn.endswith(":root"):
        return _with_session(
            Identity(
                Principal(PrincipalKind.ROOT, arn, account, account),
                Policies(),
                {"aws:principaltype": ("Account",), "aws:userid": (account,)},
            ),
            session,
        )
    return _with_session(_of_user(view, arn), session)


def identity_of_role(view: View, role: Role, session_name: str) -> Identity:
    """Return a role as its session of that name would be, without one. view: the global one."""
    arn = f"arn:aws:sts::{view.scope.account}:assumed-role/{role.role_name}/{session_name}"
    return Identity(
        Principal(PrincipalKind.SESSION, arn, view.scope.account, role.role_id, role.arn),
        Policies(identity_sources(view, role), boundary_source(view, role)),
        {
            "aws:principaltype": ("AssumedRole",),
            "aws:userid": (f"{role.role_id}:{session_name}",),
            **tag_keys("aws:principaltag", role.tags),
        },
    )


_KNOWN: dict[tuple[str, str, str], Known] = {}  # by account, ARN, access key


def context_of(identity: Identity, now: datetime, region: str) -> Keys:
    """Return the condition keys that every request has."""
    principal = identity.principal
    keys: Keys = {
        "aws:currenttime": (now.strftime("%Y-%m-%dT%H:%M:%SZ"),),
        "aws:epochtime": (str(int(now.timestamp())),),
        "aws:requestedregion": (region,),
        **identity.context,
    }
    if principal.account:
        keys["aws:principalarn"] = (principal.entity_arn,)
        keys["aws:principalaccount"] = (principal.account,)
    return keys


def tag_keys(prefix: str, tags: tuple[Tag, ...]) -> Keys:
    """Return tags as condition keys, such as ``aws:principaltag/team``."""
    return {f"{prefix}/{tag.key.lower()}": (tag.value,) for tag in tags}


def _of_user(view: View, arn: str) -> Identity:
    user = find_user_by_arn(view, arn)
    if user is None:
        return Identity(Principal(PrincipalKind.USER, arn, view.scope.account), Policies(), {})
    return Identity(
        Principal(PrincipalKind.USER, arn, view.scope.account, user.user_id),
        Policies(identity_sources(view, user), boundary_source(view, user)),
        {
            "aws:principaltype": ("User",),
            "aws:userid": (user.user_id,),
            "aws:username": (user.user_name,),
            **tag_keys("aws:principaltag", user.tags),
        },
    )


def _of_role(view: View, session: Session) -> Identity:
    role = view.get(Role, session.role_name or "")
    role_id = session.user_id.partition(":")[0]
    if role is not None and role.role_id != role_id:
        role = None  # another role of the same name
    principal = Principal(
        PrincipalKind.SESSION,
        session.arn,
        view.scope.account,
        role_id,
        role.arn if role is not None else "",
    )
    policies = Policies()
    if role is not None:
        policies = Policies(
            identity_sources(view, role), boundary_source(view, role), _given(view, session)
        )
    context: Keys = {
        "aws:principaltype": ("AssumedRole",),
        "aws:userid": (session.user_id,),
        **tag_keys("aws:principaltag", role.tags if role is not None else ()),
        **tag_keys("aws:principaltag", session.tags),
    }
    if session.source_identity:
        context["aws:sourceidentity"] = (session.source_identity,)
    if session.provider_arn:
        context["aws:federatedprovider"] = (session.provider_arn,)
    return _with_session(Identity(principal, policies, context), session)


def _of_service(session: Session, source_arn: str) -> Identity:
    """Return a service that acts for a load balancer: only resources' policies can allow it."""
    context: Keys = {
        "aws:sourcearn": (source_arn,),
        "aws:sourceaccount": (source_arn.split(":")[4],),
    }
    return Identity(Principal(PrincipalKind.SERVICE, session.arn), Policies(), context, session)


def _of_federated(view: View, session: Session, federator_arn: str) -> Identity:
    """Return a federated user: what its federator may, as far as the session's policies allow.

    Without any it may nothing but what resources' policies let its own ARN do. Source: IAM User
    Guide, Permissions for GetFederationToken.
    """
    given = _given(view, session) or ()
    policies, behind = Policies(session=given), federator_arn
    tags: tuple[Tag, ...] = ()
    user = find_user_by_arn(view, federator_arn)
    if federator_arn.endswith(":root"):
        whole = managed_source(view, EVERYTHING)
        policies = Policies((whole,) if whole is not None else (), session=given)
    elif user is not None and user.user_id == session.federator_id:
        policies = Policies(identity_sources(view, user), boundary_source(view, user), given)
        tags = user.tags
    else:
        behind = ""  # gone: another user of the same name is none of its
    account = view.scope.account
    principal = Principal(
        PrincipalKind.FEDERATED_USER, session.arn, account, session.user_id, behind
    )
    context: Keys = {
        "aws:principaltype": ("FederatedUser",),
        "aws:userid": (session.user_id,),
        **tag_keys("aws:principaltag", tags),
        **tag_keys("aws:principaltag", session.tags),
    }
    return _with_session(Identity(principal, policies, context), session)


def _with_session(identity: Identity, session: Session | None) -> Identity:
    if session is None:
        return identity
    context = {
        **identity.context,
        "aws:tokenissuetime": (session.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),),
        "aws:multifactorauthpresent": ("false",),
    }
    return identity._replace(context=context, session=session)


def _given(view: View, session: Session) -> tuple[Source, ...] | None:
    """Return the policies that came with the session, None if none did."""
    if session.policy is None and not session.policy_arns:
        return None
    found = [managed_source(view, arn) for arn in session.policy_arns]
    sources = [one for one in found if one is not None]
    if session.policy is not None:
        sources.append(Source(compile_policy(session.policy), "session", IDENTITY))
    return tuple(sources)
