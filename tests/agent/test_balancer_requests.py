"""Requests over the agent's socket become invocations, and answers of functions responses."""

import asyncio
import contextlib
import json
from base64 import b64decode
from io import BytesIO

import aiohttp
import pytest
from aiohttp import web
from msgspec.structs import replace

from ecsd.agent.drivers.function_probe import FunctionQuestion, ask_function
from ecsd.agent.traffic.balancer_requests import BalancerRequests
from ecsd.clock import SystemClock
from ecsd.decisions.balancers.function_event import LARGEST_ANSWER, LARGEST_BODY
from ecsd.decisions.balancers.target_health import Outcome
from tests.agent.functions import Functions
from tests.decisions.listener_plans import GROUP, function_group, plan

OWN = {"x-ecsd-function": GROUP}


@contextlib.asynccontextmanager
async def answering(folder, url, clock=None, **group):
    """Ask by ``ask(path, ...)``: status, headers and body come back."""
    requests = BalancerRequests(folder / "agent.sock", "", clock or SystemClock())
    requests.follow(plan(groups=(function_group(url, **group),)))
    await requests._server.start()
    try:
        connector = aiohttp.UnixConnector(str(requests.socket))
        async with aiohttp.ClientSession(connector=connector) as session:

            async def ask(path, method="GET", headers=OWN, **more):
                url = f"http://a.test{path}"
                async with session.request(method, url, headers=headers, **more) as response:
                    return response.status, response.headers, await response.read()

            ask.requests = requests
            yield ask
    finally:
        await requests._server.stop()
        await requests._functions.close()


async def test_a_request_is_an_invocation(tmp_path):
    async with Functions().serving() as functions, answering(tmp_path, functions.url) as ask:
        functions.answer = lambda: web.json_response(
            {"statusCode": 203, "headers": {"X-Own": "1"}, "body": "hello"}
        )
        headers = {**OWN, "Content-Type": "image/png"}
        status, answered, body = await ask("/a?b=%20", "POST", headers, data=b"\x00\xff")
        assert (status, answered["X-Own"], body) == (203, "1", b"hello")
        assert answered.getall("Server") == ["awselb/2.0"]
        [(name, event)] = functions.asked
        assert (name, event["path"], event["httpMethod"]) == ("check", "/a", "POST")
        assert event["queryStringParameters"] == {"b": "%20"}
        assert b64decode(event["body"]) == b"\x00\xff"
        assert event["headers"]["host"] == "a.test"
        assert not any(one.startswith("x-ecsd-") for one in event["headers"])
        assert event["requestContext"]["elb"]["targetGroupArn"] == GROUP


async def test_a_client_that_waits_for_leave_to_send_gets_it(tmp_path):
    async with Functions().serving() as functions, answering(tmp_path, functions.url) as ask:
        functions.answer = lambda: web.json_response({"statusCode": 200, "body": "hello"})
        reader, writer = await asyncio.open_unix_connection(ask.requests.socket)
        head = f"PUT http://a.test/x?y HTTP/1.1\r\nHost: a.test\r\nX-Ecsd-Function: {GROUP}\r\n"
        writer.write(f"{head}Content-Length: 2\r\nExpect: 100-continue\r\n\r\n".encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hi")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
        writer.close()
        await writer.wait_closed()
        [(_, event)] = functions.asked
        assert event["path"] == "/x"
        assert event["queryStringParameters"] == {"y": ""}


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=500, text="boom"),
        lambda: web.json_response({"statusCode": 200}, headers={"X-Amz-Function-Error": "x"}),
        lambda: web.json_response({"status": 200}),
        lambda: web.Response(body=b"x" * (LARGEST_ANSWER + 1)),
    ],
)
async def test_what_is_no_answer_is_a_bad_gateway(tmp_path, answer):
    async with Functions().serving() as functions, answering(tmp_path, functions.url) as ask:
        functions.answer = answer
        status, headers, body = await ask("/")
        assert (status, headers["Server"]) == (502, "awselb/2.0")
        assert b"502 Bad Gateway" in body


async def test_nobody_there_is_a_bad_gateway_too(tmp_path):
    async with answering(tmp_path, "http://127.0.0.1:9/x") as ask:
        assert (await ask("/"))[0] == 502


async def test_a_body_may_be_as_large_as_the_limit_and_no_larger(tmp_path):
    async with Functions().serving() as functions, answering(tmp_path, functions.url) as ask:
        functions.answer = lambda: web.json_response({"statusCode": 200})
        assert (await ask("/", "POST", data=BytesIO(b"x" * LARGEST_BODY)))[0] == 200
        assert (await ask("/", "POST", data=BytesIO(b"x" * (LARGEST_BODY + 1))))[0] == 413
        assert len(functions.asked) == 1


@pytest.mark.parametrize("purpose", ["login", "callback"])
async def test_whoever_logs_in_may_have_sent_any_body(tmp_path, purpose):
    async with answering(tmp_path, "http://127.0.0.1:9/x") as ask:
        body, headers = BytesIO(b"x" * (LARGEST_BODY + 1)), {f"x-ecsd-{purpose}": "arn:nobody"}
        status, _, page = await ask("/", "POST", headers, data=body)
        known = {"login": (503, b"503 Service"), "callback": (401, b"401 Authorization")}[purpose]
        assert (status, known[1] in page) == (known[0], True)


async def test_a_body_of_unknown_length_is_cut_off_at_the_limit(tmp_path):
    async def parts():
        for _ in range(2):
            yield b"x" * LARGEST_BODY

    async with answering(tmp_path, "http://127.0.0.1:9/x") as ask:
        try:
            assert (await ask("/", "POST", data=parts()))[0] == 413
        except aiohttp.ClientOSError:
            pass  # the answer was there before the body had been sent


async def test_a_group_that_is_gone_is_not_asked(tmp_path):
    async with Functions().serving() as functions, answering(tmp_path, functions.url) as ask:
        group = function_group(functions.url)
        leaving = replace(group, targets=(replace(group.targets[0], draining=True),))
        ask.requests.follow(plan(groups=(leaving,)))
        assert (await ask("/"))[0] == 503
        ask.requests.forget(plan().load_balancer_arn)
        assert (await ask("/"))[0] == 503
        assert functions.asked == []


class Impatient(SystemClock):
    """Whatever has to wait has waited too long."""

    def deadline(self, seconds):
        return super().deadline(0)


async def test_a_request_waits_its_turn_and_not_for_ever(tmp_path):
    async with (
        Functions().serving() as functions,
        answering(tmp_path, functions.url, Impatient()) as ask,
    ):
        functions.answer = lambda: web.json_response({"statusCode": 200})
        assert (await ask("/"))[0] == 200
        ask.requests._room = asyncio.Semaphore(0)
        assert (await ask("/"))[0] == 504
        assert len(functions.asked) == 1


async def test_a_request_without_a_purpose_is_an_error(tmp_path):
    async with answering(tmp_path, "http://127.0.0.1:9/x") as ask:
        assert (await ask("/", headers={}))[0] == 500


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (lambda: web.json_response({"statusCode": 204}), Outcome("passed")),
        (lambda: web.json_response({"statusCode": 500}), Outcome("code", 500)),
        (lambda: web.Response(text="nonsense"), Outcome("failed")),
        (lambda: web.Response(status=500), Outcome("failed")),
    ],
)
async def test_a_health_check_is_judged_by_its_matcher(answer, outcome):
    async with Functions().serving() as functions:
        functions.answer = answer
        question = FunctionQuestion(functions.url, GROUP, "/well", 5, "200-299")
        assert await ask_function(question, SystemClock()) == outcome
        assert json.loads(json.dumps(functions.asked[0][1]))["path"] == "/well"


async def test_a_health_check_ends_in_time():
    async with Functions().serving() as functions:
        never = asyncio.Event()
        functions.answer = never.wait
        question = FunctionQuestion(functions.url, GROUP, "/", 0, "200")
        assert await ask_function(question, SystemClock()) == Outcome("timeout")


async def test_only_the_agents_own_answers_are_marked_as_such(tmp_path):
    async with Functions().serving() as functions, answering(tmp_path, functions.url) as ask:
        claimed = {"X-Ecsd-Own": "LambdaUnhandled", "X-Kept": "1"}
        functions.answer = lambda: web.json_response({"statusCode": 502, "headers": claimed})
        _, headers, _ = await ask("/")
        assert ("X-Ecsd-Own" in headers, headers["X-Kept"]) == (False, "1")
        functions.answer = lambda: web.json_response({"no": "answer"})
        status, headers, _ = await ask("/")
        assert (status, headers["X-Ecsd-Own"]) == (502, "LambdaInvalidResponse")
