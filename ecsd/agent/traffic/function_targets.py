"""Lambda functions behind load balancers of this host: a request becomes an invocation."""

import json
import logging

import aiohttp

from ecsd.agent.drivers.functions import functions_session, invoke
from ecsd.decisions.balancers.balancer_attributes import MULTI_VALUE
from ecsd.decisions.balancers.function_event import (
    LARGEST_ANSWER,
    Answered,
    Asked,
    Malformed,
    function_answer,
    function_event,
)
from ecsd.decisions.haproxy.error_pages import error_answer
from ecsd.decisions.haproxy.observation import OWN
from ecsd.errors import FunctionError
from ecsd.records.plan import BalancerPlan, TargetGroupPlan

log = logging.getLogger(__name__)
LONGEST_WORDS = 300

NO_REASON = "-"


def refused(status: int, reason: str) -> Answered:
    """Return the page of an error, marked for HAProxy: it is no function's answer.

    reason: as access logs have it in ``error_reason``.
    """
    page = error_answer(status)
    return page._replace(headers=[*page.headers, (OWN, reason)])


class FunctionTargets:
    """The functions of the plans that it follows."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[str, TargetGroupPlan]] = {}  # balancer → group's ARN → group
        self._session: aiohttp.ClientSession | None = None

    def follow(self, plan: BalancerPlan) -> None:
        """Know a balancer's groups, and nothing that an earlier plan of it said."""
        self._groups[plan.load_balancer_arn] = {
            one.target_group_arn: one for one in plan.target_groups if one.is_function
        }

    def forget(self, load_balancer_arn: str) -> None:
        """Know nothing of a balancer any more."""
        self._groups.pop(load_balancer_arn, None)

    async def answer(self, target_group_arn: str, asked: Asked) -> Answered:
        """Return what a group's function answers; 502 where that is no answer."""
        group = next(
            (of[target_group_arn] for of in self._groups.values() if target_group_arn in of), None
        )
        target = next((one for one in group.targets if not one.draining), None) if group else None
        if group is None or target is None:
            return refused(503, NO_REASON)
        multi_value = group.attributes.get(MULTI_VALUE) == "true"
        event = function_event(asked, target_group_arn, multi_value=multi_value)
        try:
            payload = await invoke(
                self._opened(), target.address, json.dumps(event).encode(), LARGEST_ANSWER
            )
        except (aiohttp.ClientError, OSError, FunctionError) as error:
            words = (str(error) or type(error).__name__)[:LONGEST_WORDS]
            self._log(target.target_id, words)
            if isinstance(error, TimeoutError):
                return refused(504, "LambdaConnectionTimeout")
            failed = isinstance(error, FunctionError)
            return refused(502, "LambdaUnhandled" if failed else "LambdaConnectionError")
        found = function_answer(payload, multi_value=multi_value)
        if isinstance(found, Malformed):
            self._log(target.target_id, found.words)
            return refused(502, "LambdaInvalidResponse")
        told = [one for one in found.headers if one[0].lower() != OWN]
        return found._replace(headers=told)

    async def close(self) -> None:
        """Hang up."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = functions_session()
        return self._session

    def _log(self, function: str, words: str) -> None:
        log.warning(
            "a function behind a load balancer gave no answer",
            extra={"function": function, "cause": words},
        )
