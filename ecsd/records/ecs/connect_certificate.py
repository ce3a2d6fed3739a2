"""Certificates of encrypted Service Connect. Source: ECS Developer Guide, Service Connect TLS."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record


class ConnectCertificate(Record, frozen=True, kw_only=True):
    """What the endpoints of a discovery name show to the proxies that ask them."""

    KIND: ClassVar[str] = "connect_certificate"
    KEY: ClassVar[str] = "discovery_arn"

    discovery_arn: str
    name: str  # that clients verify
    body: str  # PEM
    chain: str  # PEM: its issuer
    sealed_key: str
    issued_at: datetime
