"""Who signed a request, for which service and region: read, not verified.

Source: Signature Version 4, the credential of the Authorization header or of a presigned URL.
"""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from ecsd.protocol.message import HttpRequest

SCOPE = re.compile(
    r"Credential=(?P<key>[^/,\s]{1,128})/(?P<date>[0-9]{8})/(?P<region>[A-Za-z0-9-]{1,64})"
    r"/(?P<service>[A-Za-z0-9._-]{1,64})/aws4_request"
)
ACCOUNT = re.compile(r"[0-9]{12}")
DEFAULT_ACCOUNT = "000000000000"


class CredentialScope(NamedTuple):
    """A credential as a request carries it."""

    access_key_id: str
    date: str
    region: str
    service: str  # the signing name

    @property
    def account(self) -> str:
        """The account: a 12-digit access key id is one; else the default."""
        return account_of(self.access_key_id)


def account_of(access_key_id: str) -> str:
    """Return the account that local mode takes a key for: 12 digits are one; else the default."""
    return access_key_id if ACCOUNT.fullmatch(access_key_id) else DEFAULT_ACCOUNT


def credential_scope(request: HttpRequest) -> CredentialScope | None:
    """Return the credential of a request, or None when it carries none that can be read."""
    authorization = request.headers.get("authorization")
    if authorization:
        return _from_header(authorization[:512])
    if "X-Amz-Credential=" in request.query:
        return _from_query(request.query)
    return None


def _from_query(query: str) -> CredentialScope | None:
    _, _, rest = query.partition("X-Amz-Credential=")
    return _read("Credential=" + unquote(rest.partition("&")[0][:1024]))


@lru_cache(4096)
def _read(text: str) -> CredentialScope | None:
    found = SCOPE.search(text)
    return CredentialScope(*found.groups()) if found else None


def _from_header(authorization: str) -> CredentialScope | None:
    head, comma, _ = authorization.partition(",")  # the signature would spoil the cache
    if comma and "Credential=" in head:
        return _read(head)
    return _read(authorization)
