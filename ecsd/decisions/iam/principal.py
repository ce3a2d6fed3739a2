"""Who makes a request, and whom a policy's Principal names.

Source: IAM User Guide, IAM JSON policy elements: Principal, NotPrincipal.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple


class PrincipalKind(Enum):
    """What sort of caller it is."""

    ROOT = "root"
    USER = "user"
    SESSION = "session"  # of a role
    FEDERATED_USER = "federated user"  # of GetFederationToken
    SERVICE = "service"
    FEDERATED = "federated"  # comes with another provider's token
    ANONYMOUS = "anonymous"  # nobody: only what names everybody is for it


class Principal(NamedTuple):
    """A caller as policies see it.

    Attributes:
        arn: of the user, the root, or the session; a service's name; a provider's ARN.
        account: empty for services and federated callers.
        unique_id: AIDA… of a user, AROA… of a session's role.
        role_arn: of a session's role; of the user, or root, behind a federated user.
    """

    kind: PrincipalKind
    arn: str
    account: str = ""
    unique_id: str = ""
    role_arn: str = ""

    @property
    def entity_arn(self) -> str:
        """The ARN as ``aws:PrincipalArn`` has it: the role's, for a session."""
        if self.kind is PrincipalKind.FEDERATED_USER:
            return self.arn
        return self.role_arn or self.arn


class Naming(Enum):
    """How a policy names a caller: that decides which other limits still count."""

    ITSELF = "itself"  # user, session, service, or everybody
    ROLE = "role"  # the role whose session it is, or the user behind a federated one
    ACCOUNT = "account"  # the account, which may hand the permission on


class Principals:
    """The compiled Principal or NotPrincipal of a statement."""

    def __init__(self, element: object, *, inverted: bool) -> None:
        self._inverted = inverted
        self.everybody = element == "*"
        named: Mapping[str, Any] = element if isinstance(element, Mapping) else {}
        self._aws = _strings(named.get("AWS"))
        self._services = _strings(named.get("Service"))
        self._federated = _strings(named.get("Federated"))
        self.everybody |= "*" in self._aws

    def naming(self, principal: Principal) -> Naming | None:
        """Return how the caller is named, None if it is not."""
        if self._inverted:
            return None if self._names_itself(principal) else Naming.ITSELF
        if self._names_itself(principal):
            by_role = principal.role_arn and principal.arn not in self._aws
            return Naming.ROLE if by_role and not self.everybody else Naming.ITSELF
        return Naming.ACCOUNT if self._names_account(principal.account) else None

    def _names_itself(self, principal: Principal) -> bool:
        if self.everybody:
            return True
        if principal.kind is PrincipalKind.ANONYMOUS:
            return False
        if principal.kind is PrincipalKind.SERVICE:
            return principal.arn in self._services
        if principal.kind is PrincipalKind.FEDERATED:
            return principal.arn in self._federated
        if principal.kind is PrincipalKind.ROOT:
            return self._names_account(principal.account)
        own = {principal.arn, principal.unique_id, principal.role_arn} - {""}
        return not own.isdisjoint(self._aws)

    def _names_account(self, account: str) -> bool:
        return bool(account) and (
            account in self._aws or f"arn:aws:iam::{account}:root" in self._aws
        )


def _strings(value: object) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset((value,))
    return frozenset(value) if isinstance(value, list | tuple) else frozenset()
