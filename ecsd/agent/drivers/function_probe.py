"""Health checks of Lambda functions. Source: Application Load Balancers guide, Lambda functions."""

import json
from typing import NamedTuple

import aiohttp

from ecsd.agent.drivers.functions import functions_session, invoke
from ecsd.clock import Clock
from ecsd.decisions.balancers.function_event import (
    LARGEST_ANSWER,
    Malformed,
    check_event,
    function_answer,
)
from ecsd.decisions.balancers.target_health import Outcome, matches
from ecsd.errors import FunctionError


class FunctionQuestion(NamedTuple):
    """What to ask. url: of the function's Invoke. timeout: seconds for the whole check."""

    url: str
    target_group_arn: str
    path: str
    timeout: int
    matcher: str
    multi_value: bool = False


async def ask_function(question: FunctionQuestion, clock: Clock) -> Outcome:
    """Return how a check went."""
    event = check_event(question.path, question.target_group_arn, multi_value=question.multi_value)
    try:
        async with clock.deadline(question.timeout), functions_session() as session:
            payload = await invoke(
                session, question.url, json.dumps(event).encode(), LARGEST_ANSWER
            )
    except TimeoutError:
        return Outcome("timeout")
    except (aiohttp.ClientError, OSError, FunctionError):
        return Outcome("failed")
    answer = function_answer(payload, multi_value=question.multi_value)
    if isinstance(answer, Malformed):
        return Outcome("failed")
    if matches(question.matcher, answer.status):
        return Outcome("passed")
    return Outcome("code", answer.status)
