"""Sockets of a VPC, opened several at a time by a thread that is not real here."""

import socket
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.agent.drivers.socket_stock import MOST, SocketStock, next_count
from ecsd.agent.networks import HostNetworks
from ecsd.clock import VIRTUAL_START, SystemClock
from ecsd.errors import NetworkError
from ecsd.settings import Settings

HERE = "/proc/self/ns/net"


class Moved(SystemClock):
    def __init__(self):
        self.moment = VIRTUAL_START

    def now(self):
        return self.moment


class Visits:
    """A visitor of this process's own namespace, that counts."""

    def __init__(self):
        self.opened = []
        self.during = None
        self.fault = None

    async def visit(self, path, work):
        if self.fault is not None:
            raise self.fault
        found = work()
        self.opened.append(len(found[1]))
        if self.during is not None:
            self.during()
        return found


@pytest.fixture
def visits():
    return Visits()


@pytest.fixture
def clock():
    return Moved()


@pytest.fixture
def stock(visits, clock):
    made = SocketStock(visits, HERE, clock)
    yield made
    made.close()


async def test_one_socket_is_opened_where_one_is_asked_for_now_and_then(stock, visits, clock):
    for _ in range(3):
        clock.moment += timedelta(seconds=30)
        (await stock.take()).close()
    assert visits.opened == [1, 1, 1]


async def test_more_are_opened_at_once_the_more_are_used(stock, visits):
    for _ in range(40):
        taken = await stock.take()
        assert taken.type == socket.SOCK_STREAM
        assert not taken.getblocking()
        taken.close()
    assert visits.opened == [1, 2, 4, 8, 16, 32]


async def test_what_is_at_hand_can_be_had_at_once(stock, visits):
    assert stock.spare() is None
    for _ in range(2):
        (await stock.take()).close()
    spare = stock.spare()
    assert not spare.getblocking()
    spare.close()
    assert stock.spare() is None
    assert visits.opened == [1, 2]


async def test_spare_ones_are_closed_with_the_stock(stock):
    for _ in range(2):
        (await stock.take()).close()
    (spare,) = stock._spare
    stock.close()
    assert spare.fileno() == -1


async def test_what_is_opened_while_the_stock_closes_is_closed(stock, visits):
    visits.during = stock.close
    with pytest.raises(NetworkError, match="goes"):
        await stock.take()
    assert not stock._spare


async def test_sockets_of_a_namespace_that_had_the_name_before_are_not_handed_out(stock, visits):
    for _ in range(2):
        (await stock.take()).close()
    (spare,) = stock._spare
    stock._namespace = 7  # as if the name meant another one since
    fresh = await stock.take()
    assert spare.fileno() == -1
    assert fresh is not spare
    fresh.close()
    assert len(visits.opened) == 3


async def test_what_is_at_hand_of_such_a_namespace_is_not_either(stock):
    for _ in range(2):
        (await stock.take()).close()
    stock._namespace = 7
    assert stock.spare() is None
    assert not stock._spare


async def test_without_the_namespace_there_is_no_socket_though_some_are_spare(
    visits, clock, tmp_path
):
    name = tmp_path / "namespace"
    name.symlink_to(HERE)
    stock = SocketStock(visits, str(name), clock)
    for _ in range(2):
        (await stock.take()).close()
    name.unlink()
    with pytest.raises(NetworkError, match="no namespace"):
        await stock.take()
    assert not stock._spare


async def test_a_visit_that_fails_is_told_and_tried_again(stock, visits):
    visits.fault = NetworkError("cannot enter")
    with pytest.raises(NetworkError, match="cannot enter"):
        await stock.take()
    visits.fault = None
    (await stock.take()).close()


@given(st.integers(0, MOST), st.floats(0, 100), st.integers(1, 3000))
def test_never_none_and_never_more_than_the_most(count, seconds, waiting):
    assert min(waiting, MOST) <= next_count(count, seconds, waiting) <= MOST


class Stocked:
    """A stock that is closed or not."""

    closed = False

    def close(self):
        self.closed = True


async def test_a_vpc_that_goes_takes_its_sockets_along_and_so_does_the_agent():
    networks = HostNetworks(Settings(instance=7), SystemClock(), lambda _: None)
    with pytest.raises(NetworkError, match="no namespace"):
        await networks.open_socket("vpc-none")
    going, stays = Stocked(), Stocked()
    networks._sockets |= {"vpc-none": going, "vpc-other": stays}
    await networks.remove("vpc-none")
    assert (going.closed, stays.closed) == (True, False)
    await networks.release()
    assert stays.closed
    assert not networks._sockets
