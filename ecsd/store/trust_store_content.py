"""What trust stores hold, handed out for a while to whoever has been told where.

As with a presigned URL of S3 the address itself is the permission, and it ends.
"""

from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

import msgspec

from ecsd.errors import CertificateError
from ecsd.records.elbv2.trust_store import TrustStore, TrustStoreRevocation
from ecsd.settings import Settings
from ecsd.store.scope import Scope
from ecsd.store.store import Store

PATH = "/_ecsd/trust-stores/"  # + what is sealed
LIFE = timedelta(minutes=10)
ABOUT = "the content of a trust store"


class Seal(Protocol):
    """Seals what comes back unchanged, or not at all."""

    def seal(self, text: str, about: str) -> str:
        """Return the text sealed."""
        ...

    def unseal(self, sealed: str, about: str) -> str:
        """Return what was sealed."""
        ...


class Content(NamedTuple):
    """What is handed out: a revocation list, or without its id the authorities."""

    account: str
    region: str
    trust_store_arn: str
    revocation_id: int = 0


def location(content: Content, settings: Settings, seal: Seal, now: datetime) -> str:
    """Return the URL where something can be had for ten minutes."""
    ticket = msgspec.json.encode([content, now + LIFE]).decode()
    host, port = settings.api_place
    return f"http://{host}:{port}{PATH}{seal.seal(ticket, ABOUT)}"


def content_at(store: Store, sealed: str, seal: Seal, now: datetime) -> str | None:
    """Return what the last part of a location stands for; None: it is no such thing, or over."""
    try:
        ticket = seal.unseal(sealed, ABOUT)
    except CertificateError:
        return None
    content, until = msgspec.json.decode(ticket, type=tuple[Content, datetime])
    if now >= until:
        return None
    view = store.view(Scope(content.account, content.region))
    if not content.revocation_id:
        held = view.get(TrustStore, content.trust_store_arn)
        return held.authorities if held else None
    place = f"{content.trust_store_arn}/{content.revocation_id}"
    found = view.get(TrustStoreRevocation, place)
    return found.content if found else None
