"""Plain health checks over real sockets: by callbacks, and as steps would have judged them."""

import asyncio
import errno
import socket
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecsd.agent.drivers import plain_exchange
from ecsd.agent.drivers.beats import Beats
from ecsd.agent.drivers.target_probe import PlainProbe, Question, ask_by_channel
from ecsd.clock import SystemClock
from ecsd.decisions.balancers.target_health import Outcome

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class HandTimers:
    """Timers that a test lets run out."""

    def __init__(self):
        self.timers = []

    def after(self, seconds, callback):
        self.timers.append((seconds, callback))

    def run_out(self, seconds):
        for length, callback in self.timers:
            if length == seconds:
                callback()


@asynccontextmanager
async def probing(timers=None):
    probe = PlainProbe(timers or Beats(SystemClock()))
    try:
        yield probe
    finally:
        probe.stop()


async def ask(connection, question, timers=None):
    """Return how a plain check went."""
    outcome = asyncio.get_running_loop().create_future()
    async with probing(timers) as probe:
        probe.ask(connection, question, question.request(), outcome.set_result)
        return await outcome


class Target:
    """Says its pieces one by one, then hangs up unless it is to stay."""

    def __init__(self, pieces, *, stays=False):
        self.heard = b""
        self.at_end = asyncio.Event()
        self._pieces, self._stays = pieces, stays

    async def answer(self, reader, writer):
        try:
            self.heard = await reader.readuntil(b"\r\n\r\n")
            for piece in self._pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if self._stays:
                self.at_end.set()
                await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the check hung up first
        finally:
            self.at_end.set()
            writer.close()


@asynccontextmanager
async def listening(target):
    server = await asyncio.start_server(target.answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def stream():
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    opened.bind(("127.0.0.1", 0))
    return opened


def question(port, protocol="HTTP"):
    return Question("127.0.0.1", port, "/up", 5, "200-299", protocol)


async def asked(pieces, **how):
    target = Target(pieces, **how)
    async with listening(target) as port:
        connection = stream()
        outcome = await ask(connection, question(port))
        assert connection.fileno() == -1
    return outcome, target


async def test_the_status_decides_and_the_request_is_elbs():
    outcome, target = await asked([OK])
    assert outcome == Outcome("passed", 200)
    assert target.heard.startswith(b"GET /up HTTP/1.1\r\n")
    assert b"User-Agent: ELB-HealthChecker/2.0\r\n" in target.heard
    outcome, _ = await asked([OK.replace(b"200", b"503")])
    assert outcome == Outcome("code", 503)


async def test_what_is_not_http_or_nothing_at_all_has_failed():
    assert (await asked([b"SSH-2.0-x\r\n"]))[0] == Outcome("failed")
    assert (await asked([]))[0] == Outcome("failed")


async def test_a_port_where_nothing_listens_refuses():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert await ask(stream(), question(port)) == Outcome("refused")
    assert await ask(stream(), question(port, "TCP")) == Outcome("refused")


async def test_a_connection_is_an_answer_where_tcp_is_asked():
    async with listening(Target([])) as port:
        assert await ask(stream(), question(port, "TCP")) == Outcome("passed")


async def test_a_silent_target_is_given_its_seconds():
    timers, target = HandTimers(), Target([b"HTTP/1.1 "], stays=True)
    async with listening(target) as port, asyncio.TaskGroup() as group:
        under_way = group.create_task(ask(stream(), question(port), timers))
        await target.at_end.wait()
        assert not under_way.done()
        timers.run_out(5)
        assert await under_way == Outcome("timeout")


async def test_an_answer_that_does_not_end_is_heard_out_for_half_a_second():
    timers, target = HandTimers(), Target([OK], stays=True)
    async with listening(target) as port, asyncio.TaskGroup() as group:
        under_way = group.create_task(ask(stream(), question(port), timers))
        await target.at_end.wait()
        while len(timers.timers) < 2:
            assert not under_way.done()
            await asyncio.sleep(0)
        timers.run_out(5)  # the answer was in time
        for _ in range(3):
            await asyncio.sleep(0)
        assert not under_way.done()
        timers.run_out(plain_exchange.FAREWELL_SECONDS)
        assert await under_way == Outcome("passed", 200)


async def test_an_endless_answer_is_left():
    outcome, _ = await asked([OK, *[b"x" * 4096] * 40], stays=True)
    assert outcome == Outcome("passed", 200)


async def test_a_check_that_is_called_off_leaves_nothing():
    timers, target, told = HandTimers(), Target([], stays=True), []
    async with listening(target) as port:
        connection = stream()
        async with probing(timers) as probe:
            asked = question(port)
            probe.ask(connection, asked, asked.request(), told.append)
            await target.at_end.wait()
            readiness = probe._readiness
            assert connection.fileno() in readiness._callbacks
        assert connection.fileno() == -1
        assert not readiness._callbacks
        timers.run_out(5)
        assert not told


async def test_a_connection_that_takes_its_time_is_waited_for():
    """On a real network the first packet is not answered before the call returns."""
    target = Target([OK])
    async with listening(target) as port:
        slow = SlowSocket(stream())
        assert await ask(slow, question(port)) == Outcome("passed", 200)
        assert slow.tried == 2


async def test_a_connection_that_fails_while_it_is_waited_for_refuses():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert await ask(SlowSocket(stream()), question(port)) == Outcome("refused")


async def test_many_are_under_way_at_once():
    told, all_told = [], asyncio.Event()

    def tell(outcome):
        told.append(outcome)
        if len(told) == 200:
            all_told.set()

    async with listening(Target([OK])) as port, probing() as probe:
        asked = question(port)
        for _ in range(200):
            probe.ask(stream(), asked, asked.request(), tell)
        await all_told.wait()
        assert told == [Outcome("passed", 200)] * 200
        assert not probe._under_way
        assert not probe._readiness._callbacks


class SlowSocket:
    """A socket that is still connecting whenever it is asked."""

    def __init__(self, connection):
        self._connection, self.tried = connection, 0

    def connect_ex(self, place):
        self.tried += 1
        if self.tried == 1:
            self._connection.connect_ex(place)
            return errno.EINPROGRESS
        return errno.EALREADY

    def __getattr__(self, name):
        return getattr(self._connection, name)


async def by_channel(connection, question):
    return await ask_by_channel(connection, question, SystemClock())


answers = st.one_of(
    st.binary(max_size=40),
    st.builds(
        lambda code, rest: b"HTTP/1.1 %d Fine\r\n\r\n" % code + rest,
        st.integers(100, 599),
        st.binary(max_size=40),
    ),
)


@settings(max_examples=40, deadline=None)
@given(answers, st.lists(st.integers(0, 60), max_size=3))
def test_callbacks_judge_as_steps_do(answer, cuts):
    """However an answer is cut, both ways of asking hear the same."""
    places = [0, *sorted(cuts), len(answer)]
    pieces = [answer[one:other] for one, other in pairwise(places)]

    async def both():
        heard = []
        for way in (ask, by_channel):
            async with listening(Target(pieces)) as port:
                heard.append(await way(stream(), question(port)))
        return heard

    one, other = asyncio.run(both())
    assert one == other


@pytest.mark.parametrize(
    ("protocol", "version", "plain"),
    [
        ("HTTP", "HTTP1", True),
        ("TCP", "HTTP1", True),
        ("HTTPS", "HTTP1", False),
        ("HTTP", "HTTP2", False),
        ("HTTP", "GRPC", False),
    ],
)
def test_tls_and_http2_go_another_way(protocol, version, plain):
    assert Question("10.0.0.1", 80, "/", 5, "200", protocol, version).is_plain is plain
