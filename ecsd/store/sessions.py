"""Temporary credentials: made here, kept without anything that could sign.

The record has the secret sealed and the token as a digest; only the answer has both.
"""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from ecsd.ids import TEMPORARY, IdSource
from ecsd.records.iam.session import Session

TOKEN_LENGTH = 324
TOKEN_HEAD = "IQoJb3JpZ2luX2Vj"  # how AWS's tokens begin


class Seal(Protocol):
    """What seals, and marks what was given out here: ``certificates/sealing.py``."""

    def seal(self, text: str, about: str) -> str:
        """Return the text sealed; it opens for the same ``about`` alone."""
        ...

    def mark(self, text: str) -> str:
        """Return 32 hexadecimal digits by which a text is known again."""
        ...


class Credentials(NamedTuple):
    """What the holder of a session gets."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_at: datetime

    def shown(self) -> dict[str, Any]:
        """Return them in STS's members."""
        return {
            "AccessKeyId": self.access_key_id,
            "SecretAccessKey": self.secret_access_key,
            "SessionToken": self.session_token,
            "Expiration": self.expires_at,
        }


def new_session(
    ids: IdSource,
    seal: Seal,
    now: datetime,
    seconds: int,
    **who: Any,  # noqa: ANN401 - the record says what its members are
) -> tuple[Session, Credentials]:
    """Return a session to be stored and its credentials; ``who`` are the record's members."""
    key = ids.access_key_id(TEMPORARY)
    credentials = Credentials(
        access_key_id=key,
        secret_access_key=ids.secret(40),
        session_token=TOKEN_HEAD + ids.secret(TOKEN_LENGTH) + seal.mark(key),
        expires_at=now + timedelta(seconds=seconds),
    )
    session = Session(
        access_key_id=credentials.access_key_id,
        sealed_secret=seal.seal(credentials.secret_access_key, credentials.access_key_id),
        token_digest=token_digest(credentials.session_token),
        created_at=now,
        expires_at=credentials.expires_at,
        **who,
    )
    return session, credentials


def is_marked(seal: Seal, access_key_id: str, token: str) -> bool:
    """Tell whether a token was given out here with a key, be it known still or not."""
    return hmac.compare_digest(token[-32:].encode(), seal.mark(access_key_id).encode())


def token_digest(token: str) -> str:
    """Return what is kept of a session token."""
    return hashlib.sha256(token.encode()).hexdigest()
