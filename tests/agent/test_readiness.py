"""Sockets that are waited for, by an epoll of our own."""

import asyncio
import socket
from functools import partial

import pytest

from ecsd.agent.drivers.readiness import READABLE, WRITABLE, Readiness


@pytest.fixture
async def readiness():
    made = Readiness()
    yield made
    made.close()


@pytest.fixture
def pair():
    one, other = socket.socketpair()
    with one, other:
        one.setblocking(False)
        other.setblocking(False)
        yield one, other


async def ready(readiness, connection, events):
    """Wait until a socket is."""
    told = asyncio.Event()
    readiness.await_one(connection.fileno(), events, told.set)
    await told.wait()


async def test_what_is_awaited_last_counts(readiness, pair):
    one, other = pair
    await ready(readiness, one, WRITABLE)
    late = asyncio.create_task(ready(readiness, one, READABLE))
    await ready(readiness, other, WRITABLE)
    await ready(readiness, other, WRITABLE)
    assert not late.done()
    other.send(b"x")
    await late
    assert one.recv(9) == b"x"


async def test_a_forgotten_socket_calls_nobody_though_a_child_holds_it_still(readiness, pair):
    one, other = pair
    called = []
    readiness.await_one(one.fileno(), READABLE, lambda: called.append("first"))
    number, held = one.fileno(), one.dup()  # as between a fork and its exec
    readiness.forget(number)
    readiness.forget(number)
    one.close()
    fresh, end = socket.socketpair()
    with held, fresh, end:
        assert fresh.fileno() == number
        readiness.await_one(number, READABLE, lambda: called.append("second"))
        other.send(b"x")
        await ready(readiness, end, WRITABLE)
        await ready(readiness, end, WRITABLE)
        assert not called


async def test_one_may_forget_another_of_the_same_round(readiness, pair):
    called, failed = asyncio.Event(), []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: failed.append(context))

    def only(other):
        assert not called.is_set()
        called.set()
        readiness.forget(other.fileno())

    for own, other in (pair, pair[::-1]):
        readiness.await_one(own.fileno(), WRITABLE, partial(only, other))
    await called.wait()
    assert not failed
