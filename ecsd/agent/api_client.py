"""The agent as a client of the public API: in a role's name, as the ECS agent is.

Source: AWS General Reference, Signature Version 4; AWS JSON 1.1 protocol.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp

from ecsd.clock import Clock
from ecsd.errors import EcsdError
from ecsd.protocol.signing import Signer
from ecsd.records.plan import RoleCredentials

CONTENT_TYPE = "application/x-amz-json-1.1"
ANSWER_SECONDS = 5


class Keys(NamedTuple):
    """What a request is signed with. token: of temporary credentials."""

    access_key_id: str
    secret_access_key: str
    token: str = ""

    @classmethod
    def of(cls, given: RoleCredentials) -> "Keys":
        """Return a role's."""
        return cls(given.access_key_id, given.secret_access_key, given.token)


class ApiError(EcsdError):
    """A service's refusal. code: such as ``AccessDeniedException``; empty: nobody answered."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.code = code
        self.message = message


class ApiClient:
    """Asks services of one endpoint that speak JSON 1.1."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def ask(
        self,
        place: tuple[str, str],
        keys: Keys,
        target: tuple[str, str],
        members: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Return an operation's answer.

        Args:
            place: the endpoint's URL, and the region.
            keys: that sign.
            target: the service's signing name, and ``X-Amz-Target``.
            members: of the request.

        Raises:
            ApiError: refused, or no answer in time.
        """
        endpoint, region = place
        service, operation = target
        body = json.dumps(members).encode()
        headers = {
            "content-type": CONTENT_TYPE,
            "host": urlsplit(endpoint).netloc,
            "x-amz-date": self._clock.now().strftime("%Y%m%dT%H%M%SZ"),
            "x-amz-target": operation,
        }
        if keys.token:
            headers["x-amz-security-token"] = keys.token
        signer = Signer(keys.access_key_id, keys.secret_access_key, region, service)
        headers["authorization"] = signer.authorization("POST", "/", headers, body)
        try:
            async with self._clock.deadline(ANSWER_SECONDS):
                status, text = await _post(f"{endpoint}/", body, headers)
        except (aiohttp.ClientError, TimeoutError) as error:
            words = str(error) or "no answer"
            raise ApiError("", f"RequestError: send request failed caused by: {words}") from error
        answer: dict[str, Any] = json.loads(text or "{}")
        if status == 200:  # noqa: PLR2004 - HTTP's OK
            return answer
        code = str(answer.get("__type", status)).rpartition("#")[2]
        raise ApiError(code, str(answer.get("message", answer.get("Message", ""))))


async def _post(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    endless = aiohttp.ClientTimeout(total=None)
    async with (
        aiohttp.ClientSession(timeout=endless) as session,
        session.post(url, data=body, headers=headers) as response,
    ):
        return response.status, await response.text()
