"""OpenID Connect providers that an account trusts; stored in the account's global scope."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record
from ecsd.records.tag import Tag


class OidcProvider(Record, frozen=True, kw_only=True):
    """An issuer of web identity tokens, and the audiences (client ids) that are accepted.

    Attributes:
        url: with its scheme: what tokens have as ``iss``.
    """

    KIND: ClassVar[str] = "oidc_provider"
    KEY: ClassVar[str] = "arn"

    arn: str
    url: str
    created_at: datetime
    client_ids: tuple[str, ...] = ()
    thumbprints: tuple[str, ...] = ()
    tags: tuple[Tag, ...] = ()
