"""Lifecycle hooks: Lambda functions asked over HTTP, once for each call that a plan names.

A process that starts anew asks again what was not answered: a function may be asked twice, as
AWS's may. Source: AWS Lambda API Reference, Invoke.
"""

import asyncio
import json
import logging

import aiohttp

from ecsd.agent.drivers.functions import functions_session, invoke
from ecsd.agent.rooms import Report
from ecsd.errors import FunctionError
from ecsd.records.observed import HookObserved
from ecsd.records.plan import HookPlan

log = logging.getLogger(__name__)

LARGEST_ANSWER = 256 * 1024  # bytes
LONGEST_WORDS = 300


class HostHooks:
    """Implements ``rooms.Hooks``."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._plans: dict[str, HookPlan] = {}  # asked, or to be asked
        self._answers: dict[str, HookObserved] = {}
        self._calls: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._early: list[str] = []

    async def run(self) -> None:
        """Ask until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                for name in self._early:
                    self._begin(name)
                await asyncio.get_running_loop().create_future()
            finally:
                self._group = None

    async def apply(self, plan: HookPlan) -> None:
        """Ask, unless this very call was asked before."""
        name = f"{plan.deployment_arn}|{plan.hook_id}"
        known = self._plans.get(name)
        if known is not None and known.call == plan.call:
            return
        self._plans[name] = plan
        self._begin(name)

    async def remove(self, name: str) -> None:
        """Forget a hook."""
        self._plans.pop(name, None)
        self._answers.pop(name, None)
        call = self._calls.pop(name, None)
        if call is not None:
            call.cancel()
            await asyncio.wait([call])

    def observe_all(self) -> None:
        """Report every answer again."""
        for answer in self._answers.values():
            self._report(answer)

    def _begin(self, name: str) -> None:
        if self._group is None:
            self._early.append(name)
        elif name in self._plans:
            self._calls[name] = self._group.create_task(self._ask(name, self._plans[name]))

    async def _ask(self, name: str, plan: HookPlan) -> None:
        answer, words = None, None
        try:
            answer = await _invoked(plan)
        except (aiohttp.ClientError, OSError, ValueError, FunctionError) as error:
            words = f"gave no answer: {str(error) or type(error).__name__}"[:LONGEST_WORDS]
            log.warning("a lifecycle hook gave no answer", extra={"hook": name, "cause": words})
        observed = HookObserved(
            deployment_arn=plan.deployment_arn,
            hook_id=plan.hook_id,
            call=plan.call,
            answer=answer,
            words=words,
        )
        self._answers[name] = observed
        self._report(observed)


async def _invoked(plan: HookPlan) -> dict[str, object]:
    """Return what the function answers.

    Raises:
        FunctionError, ValueError: it answers no JSON object, or with an error of its own.
    """
    async with functions_session() as session:
        body = await invoke(session, plan.url, json.dumps(plan.payload).encode(), LARGEST_ANSWER)
    answer = json.loads(body)
    if not isinstance(answer, dict):
        raise FunctionError(f"no JSON object: {body.decode(errors='replace')}")
    return answer
