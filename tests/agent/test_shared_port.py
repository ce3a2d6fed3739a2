"""Queues of one port: who sends where, by the kernel itself."""

import select
import socket

import pytest

from ecsd.agent.drivers.shared_port import open_queues, queue_of


@pytest.fixture
def queues():
    opened = open_queues("127.0.0.1", 0, 8)
    yield opened
    for one in opened:
        one.close()


def test_all_of_an_address_comes_to_its_queue(queues):
    places = set()
    for last in range(1, 40):
        sender = f"127.0.{last}.4"
        for _ in range(4):  # ports of its own each time
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
                asking.bind((sender, 0))
                asking.sendto(b"?", queues[0].getsockname())
        ready, _, _ = select.select(queues, [], [], 5)
        assert [queues.index(one) for one in ready] == [queue_of(sender, 8)]
        assert [ready[0].recv(9) for _ in range(4)] == [b"?"] * 4
        places.add(queue_of(sender, 8))
    assert len(places) == 8


def test_a_taken_port_opens_nothing():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match="in use"):
            open_queues("127.0.0.1", taken.getsockname()[1], 8)
