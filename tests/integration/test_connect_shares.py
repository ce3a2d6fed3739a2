"""Shares of a name in a real HAProxy: weights move while requests go on, without a reload."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import Request, urlopen

import grpc
import pytest
from msgspec.structs import replace

from ecsd.agent.drivers.haproxy import Haproxy
from ecsd.agent.traffic.served_config import ServedConfig
from ecsd.clock import SystemClock
from ecsd.decisions.connect.connect_traffic import given_back, sharing, weights
from ecsd.decisions.haproxy.config import Limits, Place
from ecsd.decisions.haproxy.connect import compile_proxy_config
from ecsd.records.plan import ProxyEndpoint, ProxyName, ProxyPlan

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]
BLUE, GREEN = "blue", "green"
H2 = str(Path(__file__).parent / "fake_h2_target.py")
TEST = {"X-Try": "2"}


@contextmanager
def answering(word):
    """Serve one word on a port of this machine's own; gives the endpoint's deployment and place."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(word)))
            self.end_headers()
            self.wfile.write(word.encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield word, "127.0.0.1", server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def answering_calls(word, address):
    """Say who answers by gRPC, at an address of this machine that is this test's own."""
    words = [sys.executable, H2, address, word]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout.readline() == "ready\n"
            yield word, address, 8080
        finally:
            server.kill()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Proxy:
    """A client's proxy with one name, and what stands behind it."""

    def __init__(self, folder, endpoints, protocol="http"):
        self.died = []
        self.haproxy = Haproxy(folder, None, SystemClock(), lambda: self.died.append(True))
        self.served = ServedConfig(folder, self.haproxy)
        self.place = Place(str(folder), Limits(500, 1))
        self.endpoints = endpoints  # (deployment, address, port)
        self.name = ProxyName(
            name="web",
            address="127.255.0.1",
            port=80,
            listener_port=free_port(),
            discovery_arn="arn:web",
            protocol=protocol,
            idle_timeout=30,
            request_timeout=5,
            test_header="X-Try",
            test_value="2",
        )

    async def bring(self, shares):
        heavy = weights(shares, [one for one, *_ in self.endpoints])
        endpoints = tuple(
            ProxyEndpoint(
                instance_id=f"{number}{deployment}",
                address=address,
                port=port,
                weight=weight,
                tested=shares is not None and shares.tested == deployment,
            )
            for number, ((deployment, address, port), weight) in enumerate(
                zip(self.endpoints, heavy, strict=True)
            )
        )
        name = replace(self.name, endpoints=endpoints)
        plan = ProxyPlan(task_arn="arn:task/1", task_id="1", names=(name,))
        await self.served.bring(compile_proxy_config(plan, self.place))

    def ask(self, number, headers=None):
        url = f"http://127.0.0.1:{self.name.listener_port}/"
        answers = Counter()
        for _ in range(number):
            with urlopen(Request(url, headers=headers or {}), timeout=5) as answer:
                answers[answer.read().decode()] += 1
        return dict(answers)

    def call(self, number, *metadata):
        """Call by gRPC, on one connection."""
        answers = Counter()
        with grpc.insecure_channel(f"127.0.0.1:{self.name.listener_port}") as channel:
            say = channel.unary_stream("/echo.Echo/Say")
            for _ in range(number):
                call = say(b"hello", timeout=5, metadata=metadata)
                assert [*call] == [b"hello", b"hello"]
                answers[dict(call.initial_metadata())["x-name"]] += 1
        return dict(answers)


def test_shares_and_test_traffic_are_kept_to_without_a_reload_or_a_failed_request(tmp_path):
    tested = partial(sharing, BLUE, GREEN, tested=True)
    stages = [
        (sharing(BLUE, GREEN, green_percent=0, tested=False), {BLUE: 100}, BLUE),
        (tested(green_percent=0), {BLUE: 100}, GREEN),
        (tested(green_percent=20), {BLUE: 80, GREEN: 20}, GREEN),
        (tested(green_percent=100), {GREEN: 100}, GREEN),
        (given_back(BLUE), {BLUE: 100}, BLUE),
        (tested(green_percent=100), {GREEN: 100}, GREEN),
    ]

    async def scenario(blue, other_blue, green):
        proxy = Proxy(tmp_path / "p", [blue, other_blue])

        async def ask(number, headers=None):
            return await asyncio.to_thread(proxy.ask, number, headers)

        try:
            await proxy.bring(None)
            assert await ask(20) == {BLUE: 20}
            admin = proxy.haproxy.admin  # of this generation: a reload makes another
            for number, (shares, wanted, test) in enumerate(stages):
                if number == 1:
                    proxy.endpoints.append(green)  # green has come to run
                going = asyncio.create_task(ask(60))
                await proxy.bring(shares)
                assert sum((await going).values()) == 60
                found = await ask(100)
                assert set(found) == set(wanted), number
                assert found == pytest.approx(wanted, abs=2)
                assert await ask(4, TEST) == {test: 4}
                assert set(await ask(4, {"X-Try": "3"})) <= set(wanted)
                assert proxy.haproxy.admin == admin
            # An agent that begins anew finds the weights that run, and says nothing anew.
            proxy.served = ServedConfig(tmp_path / "p", proxy.haproxy)
            await proxy.bring(tested(green_percent=50))
            assert await ask(100) == pytest.approx({BLUE: 50, GREEN: 50}, abs=2)
            # What was told by commands is in the file too.
            text = (tmp_path / "p" / "haproxy.cfg").read_text()
            assert "weight 256" in text
            assert proxy.haproxy.admin == admin
            proxy.endpoints = [green]  # and blue is cleaned up
            await proxy.bring(None)
            assert await ask(20) == {GREEN: 20}
        finally:
            await proxy.served.stop()

    with answering(BLUE) as blue, answering(BLUE) as other_blue, answering(GREEN) as green:
        asyncio.run(scenario(blue, other_blue, green))


def test_calls_on_one_connection_are_shared_and_tested_as_requests_are(tmp_path):
    async def scenario(*endpoints):
        proxy = Proxy(tmp_path / "p", list(endpoints), "grpc")
        try:
            for percent in (20, 60):
                await proxy.bring(sharing(BLUE, GREEN, green_percent=percent, tested=True))
                wanted = {BLUE: 100 - percent, GREEN: percent}
                found = await asyncio.to_thread(proxy.call, 100)
                assert found == pytest.approx(wanted, abs=2)
                tested = await asyncio.to_thread(proxy.call, 4, ("x-try", "2"))
                assert tested == {GREEN: 4}
        finally:
            await proxy.served.stop()

    with (
        answering_calls(BLUE, "127.77.0.1") as blue,
        answering_calls(GREEN, "127.77.0.2") as green,
    ):
        asyncio.run(scenario(blue, green))
