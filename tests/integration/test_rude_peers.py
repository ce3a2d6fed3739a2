"""Clients and targets that behave badly: what an answer is then, and that others notice nothing."""

import asyncio
import resource
import socket
from http.client import IncompleteRead

import pytest

from tests.integration.balancer_world import ENTRANCE, Load, group, opened_world, plan

pytestmark = pytest.mark.integration

IDLE = 10_000
SLOW = 50  # clients that never finish a head
PLACE = (ENTRANCE, 18080)


@pytest.fixture
async def world():
    async with opened_world() as made:
        yield made


@pytest.fixture
def many_files():
    """Room for the connections; the machine's hard limit has to grant it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = IDLE + 1000
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"only {hard} open files are granted here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_targets_that_break_the_protocol_are_answered_for(world):
    rude = world.start_target(5, program="fake_rude_target.py")
    idle = {"idle_timeout.timeout_seconds": "1"}
    await world.balancers.apply(plan(group("a", rude), attributes=idle))
    await world.healthy(rude)

    for path in ("/garbage", "/reset", "/half-head", "/two-lengths", "/huge-head"):
        answer = await world.get(path)
        assert (path, answer.status) == (path, 502)
        assert "<h1>502 Bad Gateway</h1>" in answer.text
    assert (await world.get("/silent")).status == 504
    with pytest.raises(IncompleteRead):
        await world.get("/truncated")
    assert (await world.get("/half-close")).text == "good"
    assert (await world.get("/")).text == "good"
    assert world.states() == {rude: "healthy"}


async def test_idle_and_slow_clients_hold_up_nobody(world, many_files):
    target = world.start_target(5)
    idle = {"idle_timeout.timeout_seconds": "4"}
    await world.balancers.apply(plan(group("a", target), attributes=idle))
    await world.healthy(target)

    held = await asyncio.to_thread(lambda: [socket.create_connection(PLACE) for _ in range(IDLE)])
    slow = held[:SLOW]
    for one in slow:
        one.sendall(b"GET / HTTP/1.1\r\n")
    try:
        with Load(connections=4) as load:
            begun = asyncio.get_running_loop().time()
            ended: set[socket.socket] = set()
            while len(ended) < SLOW:
                await asyncio.sleep(0.5)
                ended |= {one for one in slow if _is_ended(one)}
                # A byte now and then is no request: the whole head has its time.
                assert asyncio.get_running_loop().time() - begun < 8
        assert load.failures == []
        assert load.answers > 100
    finally:
        for one in held:
            one.close()


def _is_ended(one):
    """Send another byte of the head; return whether the balancer has ended it."""
    one.setblocking(False)
    try:
        one.send(b"x")
        return one.recv(4096).startswith(b"HTTP/1.1 408 ")
    except BlockingIOError:
        return False
    except OSError:
        return True


async def test_heads_beyond_the_limits_are_refused_and_cost_no_one_else(world):
    target = world.start_target(5)
    await world.balancers.apply(plan(group("a", target)))
    await world.healthy(target)
    with Load(connections=2) as load:
        for headers in (
            {"X-Long": "a" * 200_000},
            {f"X-{number}": "a" * 1000 for number in range(200)},
        ):
            try:
                answer = await world.get("/", headers=headers)
            except (BrokenPipeError, ConnectionResetError):
                continue  # it was refused before all was sent
            assert answer.status in {400, 431}
        assert (await world.get("/" + "a" * 200_000)).status in {400, 414}
    assert load.failures == []
    assert load.answers > 0
