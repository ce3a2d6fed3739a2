"""Temporary credentials that STS gave out; stored in the account's global scope."""

from datetime import datetime
from typing import ClassVar

from msgspec.structs import replace

from ecsd.records.record import Record
from ecsd.records.tag import Tag


class Session(Record, frozen=True, kw_only=True):
    """One set of temporary credentials, until it expires.

    Attributes:
        arn: who a caller with these credentials is, such as
            ``arn:aws:sts::000000000000:assumed-role/ROLE/SESSION``.
        user_id: what GetCallerIdentity answers, ``<role id>:<session name>``.
        sealed_secret: opens for the key's id.
        token_digest: SHA-256 of the session token, in hexadecimal: what is to be compared.
        role_name: None for GetSessionToken: the caller as it was; and for GetFederationToken.
        federator_arn, federator_id: of GetFederationToken: the user, or root, that opened it.
        policy, policy_arns: session policies that narrow what the role may do.
        provider_arn: the OpenID Connect provider by whose token the session was opened.
        load_balancer_arn: the balancer whose logs Elastic Load Balancing delivers with it.
        task_arn, purpose: the ECS task whose role it is, ``task`` or ``execution``.
        sealed_token: of a task's session: its host is told the token. Opens for the key's id.
        is_judged: its role's policies count in local mode too.
    """

    KIND: ClassVar[str] = "session"
    KEY: ClassVar[str] = "access_key_id"
    OF_CALLERS: ClassVar[bool] = True
    INDEXES: ClassVar[tuple[str, ...]] = ("role_name", "task_arn", "load_balancer_arn")

    access_key_id: str
    sealed_secret: str
    token_digest: str
    arn: str
    user_id: str
    role_name: str | None
    created_at: datetime
    expires_at: datetime
    policy: str | None = None
    policy_arns: tuple[str, ...] = ()
    source_identity: str | None = None
    tags: tuple[Tag, ...] = ()
    transitive_tag_keys: tuple[str, ...] = ()
    provider_arn: str | None = None
    federator_arn: str | None = None
    federator_id: str | None = None
    task_arn: str | None = None
    load_balancer_arn: str | None = None
    purpose: str | None = None
    sealed_token: str | None = None
    is_judged: bool = False

    def with_token(self, sealed: str) -> "Session":
        """Return it with the sealed token."""
        return replace(self, sealed_token=sealed)
