"""ECS Exec: a data channel for each session, between a client and a command in a container.

This process serves it, not the server: a session lives on when the server is away. See
docs/decisions/011-exec-data-channel.md. Source: ecs_semantics 12 (ExecuteCommand).
"""

import asyncio
import hmac
import json
import logging
from http import HTTPStatus
from urllib.parse import urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from ecsd.agent.containers.exec_session import ExecSession
from ecsd.agent.containers.log_credentials import LogCredentials
from ecsd.agent.containers.log_streams import LogStreams
from ecsd.agent.drivers.engine import Engine
from ecsd.agent.rooms import Report
from ecsd.agent.task_roles import TaskRoles
from ecsd.clock import Clock
from ecsd.link.messages import HostFaults
from ecsd.records.observed import SessionOpened
from ecsd.records.plan import SessionPlan
from ecsd.settings import Settings

log = logging.getLogger(__name__)

PATH = "/v1/data-channel/"
PLAN_SECONDS = 10  # a client may be faster than its plan
TOKEN_SECONDS = 10
TAKEN_PAUSE = 5.0  # seconds until a port that is taken is tried again
LARGEST_MESSAGE = 1 << 20  # bytes
POLICY = 1008  # RFC 6455: the peer broke a rule


class HostSessions:
    """Implements ``rooms.Sessions``."""

    def __init__(self, settings: Settings, clock: Clock, roles: TaskRoles, report: Report) -> None:
        self._place = settings.exec_place
        self._clock = clock
        self._report = report
        self._engine = Engine(settings.docker_socket, str(settings.data_dir), clock)
        self._streams = LogStreams(LogCredentials(settings, clock, roles), clock)
        self._plans: dict[str, SessionPlan] = {}
        self._news = asyncio.Condition()
        self._fault: str | None = None

    async def run(self) -> None:
        """Serve until cancelled."""
        host, port = self._place
        try:
            while True:
                try:
                    async with serve(
                        self._connected,
                        host,
                        port,
                        process_request=_known_path,
                        max_size=LARGEST_MESSAGE,
                        compression=None,
                    ) as server:
                        self._tell(None)
                        await server.serve_forever()
                except OSError as error:
                    self._tell(f"ECS Exec cannot listen on {host}:{port}: {error.strerror}")
                await self._clock.sleep(TAKEN_PAUSE)
        finally:
            await self._engine.close()

    async def apply(self, plan: SessionPlan) -> None:
        """Let a session be opened."""
        async with self._news:
            self._plans[plan.session_id] = plan
            self._news.notify_all()

    async def remove(self, session_id: str) -> None:
        """Let it be opened no more."""
        self._plans.pop(session_id, None)

    def observe_all(self) -> None:
        """Report what is wrong again."""
        self._report(HostFaults(faults={"exec": self._fault} if self._fault else {}))

    def _tell(self, fault: str | None) -> None:
        if fault != self._fault:
            self._fault = fault
            if fault:
                log.warning("ECS Exec is not served", extra={"cause": fault})
            self.observe_all()

    async def _connected(self, connection: ServerConnection) -> None:
        request = connection.request
        session_id = urlsplit(request.path).path.removeprefix(PATH) if request else ""
        plan = await self._opened(connection, session_id)
        if plan is None:
            await connection.close(POLICY, "the session is not known, or its token is another")
            return
        self._report(SessionOpened(task_arn=plan.task_arn, session_id=session_id))
        log.info("a session begins", extra={"session": session_id, "task": plan.task_arn})
        session = ExecSession(plan, connection, self._engine, self._streams, self._clock)
        words = await session.run()
        log.info("a session has ended", extra={"session": session_id, "cause": words})

    async def _opened(self, connection: ServerConnection, session_id: str) -> SessionPlan | None:
        """Return the plan, taken away, of a client that shows its token."""
        try:
            async with self._clock.deadline(PLAN_SECONDS), self._news:
                await self._news.wait_for(lambda: session_id in self._plans)
        except TimeoutError:
            log.info("a client asks for an unknown session", extra={"session": session_id})
        token = await self._token(connection)
        plan = self._plans.get(session_id)
        if plan is None or not hmac.compare_digest(token.encode(), plan.token.encode()):
            return None
        return self._plans.pop(session_id, None)

    async def _token(self, connection: ServerConnection) -> str:
        try:
            async with self._clock.deadline(TOKEN_SECONDS):
                said = json.loads(await connection.recv())
        except (TimeoutError, ConnectionClosed, ValueError) as error:
            log.info("a client showed no token", extra={"cause": str(error)})
            return ""
        return str(said.get("TokenValue", "")) if isinstance(said, dict) else ""


def _known_path(connection: ServerConnection, request: Request) -> Response | None:
    if request.path.startswith(PATH):
        return None
    return connection.respond(HTTPStatus.NOT_FOUND, "Only data channels are served here.\n")
