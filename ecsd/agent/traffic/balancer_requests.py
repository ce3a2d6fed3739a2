"""Requests that HAProxies of this host hand to the agent, by what their headers say."""

import asyncio
import logging
from pathlib import Path

from ecsd.agent.drivers.request_server import Bodies, RequestServer
from ecsd.agent.traffic.function_targets import FunctionTargets, refused
from ecsd.agent.traffic.user_logins import UserLogins
from ecsd.clock import Clock
from ecsd.decisions.balancers.function_event import LARGEST_BODY, Answered, Asked
from ecsd.decisions.haproxy.agent import CALLBACK, FUNCTION, LOGIN, MOST_AT_ONCE, OWN, WAIT
from ecsd.decisions.haproxy.error_pages import error_answer
from ecsd.ids import IdSource
from ecsd.records.plan import BalancerPlan

log = logging.getLogger(__name__)


class BalancerRequests:
    """Answers while it runs. socket: where; user: that HAProxy's workers run as."""

    def __init__(self, socket: Path, user: str, clock: Clock) -> None:
        self.socket = socket
        self._clock = clock
        self._functions = FunctionTargets()
        self._logins = UserLogins(clock, IdSource())
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        bodies = Bodies(
            LARGEST_BODY, refused(413, "LambdaBadRequest"), frozenset({LOGIN, CALLBACK})
        )
        self._server = RequestServer(socket, user, self._answer, bodies)

    async def run(self) -> None:
        """Answer until cancelled."""
        await self._server.start()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await self._server.stop()
            await self._functions.close()
            await self._logins.close()

    def follow(self, plan: BalancerPlan) -> None:
        """Answer what a plan says."""
        self._functions.follow(plan)
        self._logins.follow(plan)

    def forget(self, load_balancer_arn: str) -> None:
        """Answer nothing of a balancer any more."""
        self._functions.forget(load_balancer_arn)
        self._logins.forget(load_balancer_arn)

    async def _answer(self, asked: Asked) -> Answered:
        told = {
            name.lower(): value for name, value in asked.headers if name.lower().startswith(OWN)
        }
        headers = [one for one in asked.headers if not one[0].lower().startswith(OWN)]
        asked = asked._replace(headers=headers)
        if FUNCTION in told:
            return await self._invoked(told[FUNCTION], asked)
        if CALLBACK in told:
            return await self._logins.receive(told[CALLBACK], asked)
        if LOGIN in told:
            return await self._logins.admit(told[LOGIN], asked)
        log.error("HAProxy hands on a request without a purpose", extra={"path": asked.target})
        return error_answer(500)

    async def _invoked(self, target_group_arn: str, asked: Asked) -> Answered:
        """Return a function's answer, when it is its turn; HAProxies of all VPCs share the room."""
        try:
            async with self._clock.deadline(WAIT):
                await self._room.acquire()
        except TimeoutError:
            log.warning("too many functions are being invoked", extra={"group": target_group_arn})
            return refused(504, "LambdaConnectionTimeout")
        try:
            return await self._functions.answer(target_group_arn, asked)
        finally:
            self._room.release()
