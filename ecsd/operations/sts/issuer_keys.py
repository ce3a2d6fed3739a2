"""The public keys of OpenID Connect issuers, asked for over HTTP and remembered.

Source: OpenID Connect Discovery 1.0, section 4; RFC 7517.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from ecsd.clock import Clock
from ecsd.errors import AwsError

if TYPE_CHECKING:  # loaded at first use
    import aiohttp

ANSWER_SECONDS = 5.0  # discovery and keys together
MOST_BYTES = 512 << 10
KEPT = timedelta(hours=1)
AGAIN = timedelta(minutes=1)  # an unknown key asks no more often
MOST_ISSUERS = 100
DISCOVERY = "/.well-known/openid-configuration"


class _Known(NamedTuple):
    keys: dict[str, dict[str, Any]]  # by key id; one without id is kept under ""
    read_at: datetime


class IssuerKeys:
    """Keys by issuer. One that nobody knows makes it ask again."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    async def key(self, issuer: str, key_id: str, clock: Clock) -> dict[str, Any] | None:
        """Return the JSON Web Key that an issuer signs with, None if it names no such key.

        Raises:
            AwsError: IDPCommunicationError: no usable answer in time.
        """
        now, known = clock.now(), self._known.get(issuer)
        stale = known is None or now - known.read_at > KEPT
        unknown = known is not None and key_id not in known.keys and now - known.read_at > AGAIN
        if known is None or stale or unknown:
            known = _Known(await _read(issuer, clock), now)
            if len(self._known) >= MOST_ISSUERS:
                self._known.clear()
            self._known[issuer] = known
        return known.keys.get(key_id)


async def _read(issuer: str, clock: Clock) -> dict[str, dict[str, Any]]:
    import aiohttp

    endless = aiohttp.ClientTimeout(total=None)  # the clock's deadline bounds it
    try:
        async with clock.deadline(ANSWER_SECONDS), aiohttp.ClientSession(timeout=endless) as http:
            place = (await _document(http, issuer + DISCOVERY)).get("jwks_uri")
            if not isinstance(place, str) or urlsplit(place).scheme != urlsplit(issuer).scheme:
                raise _no_answer(issuer, "its jwks_uri is no URL of its own scheme")
            found = (await _document(http, place)).get("keys", [])
    except (aiohttp.ClientError, OSError, ValueError) as error:  # late; no URL, no JSON
        raise _no_answer(issuer, str(error) or type(error).__name__) from error
    keys = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return {str(one.get("kid", "")): one for one in keys}


async def _document(http: "aiohttp.ClientSession", url: str) -> dict[str, Any]:
    async with http.get(url, allow_redirects=False) as response:
        if response.status != 200:  # noqa: PLR2004 - HTTP's OK
            raise _no_answer(url, f"it answered {response.status}")
        body = bytearray()
        async for part in response.content.iter_any():
            body += part
            if len(body) > MOST_BYTES:
                raise _no_answer(url, f"it answered more than {MOST_BYTES} bytes")
    document = msgspec.json.decode(body)
    return document if isinstance(document, dict) else {}


def _no_answer(url: str, cause: str) -> AwsError:
    return AwsError(
        "IDPCommunicationError",
        f"Couldn't retrieve verification key from your identity provider, {url}: {cause}",
    )
