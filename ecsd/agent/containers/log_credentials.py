"""Credentials for the Engine's awslogs driver, served on the host's loopback.

The driver asks ``http://169.254.170.2`` + its option, from the host's network. The option begins
with ``@``: what stands before becomes the URL's user name, so that the question comes here and no
link-local address has to be put on the host. See docs/decisions/007-awslogs-credentials.md.
A task with an execution role writes in that role's name. One without has no role that could be
asked: the access key id is then its account, by which the gateway knows whose log group is meant.
"""

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from http import HTTPStatus

from ecsd.agent.api_client import Keys
from ecsd.agent.task_roles import TaskRoles
from ecsd.clock import Clock
from ecsd.decisions.containers.task_endpoint import credentials_document, credentials_id
from ecsd.decisions.tasks.task_roles import EXECUTION
from ecsd.records.plan import TaskPlan
from ecsd.settings import Settings

log = logging.getLogger(__name__)

ADDRESS = "127.169.170.2"  # of the host's loopback network; 51679 is the ECS agent's port too
PORT = 51679  # and the next ones for further ecsd on one machine
REQUEST_SECONDS = 5
ROOT_ACCOUNT = "000000000000"


class LogCredentials:
    """A listener that answers one question."""

    def __init__(
        self, settings: Settings, clock: Clock, roles: TaskRoles, port: int | None = None
    ) -> None:
        self._settings = settings
        self._roles = roles
        self._clock = clock
        self._port = PORT + settings.instance if port is None else port

    def endpoint(self, plan: TaskPlan) -> str:
        """Return the ``awslogs-credentials-endpoint`` of a task."""
        if plan.execution_role:
            own = credentials_id(plan.endpoint_key, EXECUTION)
            return f"@{ADDRESS}:{self._port}/v2/credentials/{own}"
        return f"@{ADDRESS}:{self._port}/v2/credentials/{plan.account}/{self._token(plan.account)}"

    async def serve(self, ready: Callable[[], None]) -> None:
        """Listen until cancelled; ``ready`` is called once. Raises OSError: the port is taken."""
        server = await asyncio.start_server(self._converse, ADDRESS, self._port)
        ready()
        async with server:
            await server.serve_forever()

    def keys(self, account: str, task_arn: str = "") -> Keys:
        """Return what signs for a task's logs: its execution role's keys, or its account's."""
        execution = self._roles.execution(task_arn)
        if execution is not None:
            return Keys.of(execution)
        if self._settings.mode == "strict":
            return Keys(self._settings.access_key_id, self._settings.secret_access_key)
        return Keys(account, "local")

    def _token(self, account: str) -> str:
        """Return what only the Engine and we know, the same after every restart."""
        key = self._settings.secret_access_key.encode() or b"local"
        return hmac.new(key, f"awslogs {account}".encode(), hashlib.sha256).hexdigest()

    def answer(self, target: str) -> tuple[HTTPStatus, dict[str, str]]:
        """Return status and body for a request's path."""
        parts = target.strip("/").split("/")
        holder = self._roles.holder(parts[-1])
        if parts[:-1] == ["v2", "credentials"] and holder and holder.purpose == EXECUTION:
            return HTTPStatus.OK, credentials_document(holder.credentials)
        if len(parts) != 4 or parts[:2] != ["v2", "credentials"]:  # noqa: PLR2004 - the path's form
            return HTTPStatus.BAD_REQUEST, {"code": "InvalidIdInRequest", "message": target}
        account, token = parts[2:]
        if not hmac.compare_digest(token.encode(), self._token(account).encode()):
            return HTTPStatus.BAD_REQUEST, {"code": "InvalidIdInRequest", "message": account}
        if self._settings.mode == "strict" and account != ROOT_ACCOUNT:
            words = f"account {account} has no credentials for its logs in strict mode"
            return HTTPStatus.FORBIDDEN, {"code": "NoCredentialsAssociated", "message": words}
        keys = self.keys(account)
        return HTTPStatus.OK, {
            "AccessKeyId": keys.access_key_id,
            "SecretAccessKey": keys.secret_access_key,
        }

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with self._clock.deadline(REQUEST_SECONDS):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                words = head.split(maxsplit=2)
                status, body = self.answer(words[1] if words[0] == "GET" else "")
                content = json.dumps(body).encode()
                writer.write(
                    f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode()
                    + content
                )
                await writer.drain()
        except (
            TimeoutError,
            OSError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
        ) as error:
            log.info("log credentials were not asked for properly", extra={"cause": str(error)})
        finally:
            writer.close()
