"""Lifecycle hooks over real HTTP: what a function says is reported, whatever it says."""

import asyncio
import contextlib
import json

import pytest
from aiohttp import web

from ecsd.agent.hooks import LARGEST_ANSWER, HostHooks
from ecsd.records.plan import HookPlan
from tests.agent.functions import Functions

ARN = "arn:aws:ecs:us-east-1:000000000000:service-deployment/prod/web/1"
NAME = f"{ARN}|h1"


@contextlib.asynccontextmanager
async def asking():
    """A running room, and the queue of what it reports."""
    reports = asyncio.Queue()
    hooks = HostHooks(reports.put_nowait)
    life = asyncio.create_task(hooks.run())
    try:
        yield hooks, reports
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)


def plan(url, call=1):
    return HookPlan(deployment_arn=ARN, hook_id="h1", call=call, url=url, payload={"a": call})


async def test_each_call_is_made_once_and_its_answer_reported_again_on_request():
    async with Functions().serving() as functions, asking() as (hooks, reports):
        await hooks.apply(plan(functions.url))
        first = await asyncio.wait_for(reports.get(), 5)
        assert (first.call, first.answer) == (1, {"hookStatus": "SUCCEEDED"})
        await hooks.apply(plan(functions.url))
        hooks.observe_all()
        assert await asyncio.wait_for(reports.get(), 5) == first
        await hooks.apply(plan(functions.url, call=2))
        assert (await asyncio.wait_for(reports.get(), 5)).call == 2
        assert functions.asked == [("check", {"a": 1}), ("check", {"a": 2})]
        await hooks.remove(NAME)
        hooks.observe_all()
        assert reports.empty()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda: web.Response(status=404, text="no such function"), "HTTP 404: no such function"),
        (lambda: web.Response(text="nonsense"), "Expecting value"),
        (lambda: web.json_response(["a"]), "no JSON object"),
        (lambda: web.Response(body=b"x" * (LARGEST_ANSWER + 1)), "more than"),
        (
            lambda: web.Response(
                text=json.dumps({"errorMessage": "boom"}),
                headers={"X-Amz-Function-Error": "Unhandled"},
            ),
            "boom",
        ),
    ],
)
async def test_whatever_is_no_answer_says_why(answer, words):
    async with Functions().serving() as functions, asking() as (hooks, reports):
        functions.answer = answer
        await hooks.apply(plan(functions.url))
        report = await asyncio.wait_for(reports.get(), 5)
        assert report.answer is None
        assert words in report.words


async def test_nobody_there_is_reported_too():
    async with asking() as (hooks, reports):
        await hooks.apply(plan("http://127.0.0.1:9/2015-03-31/functions/check/invocations"))
        assert "gave no answer" in (await asyncio.wait_for(reports.get(), 5)).words


async def test_a_hook_that_is_no_longer_wanted_is_not_waited_for():
    never = asyncio.Event()
    async with Functions().serving() as functions, asking() as (hooks, reports):
        functions.answer = never.wait
        await hooks.apply(plan(functions.url))
        await asyncio.wait_for(functions.was_asked.wait(), 5)
        await asyncio.wait_for(hooks.remove(NAME), 5)
        assert reports.empty()
        never.set()
