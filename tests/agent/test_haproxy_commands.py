"""Weights by HAProxy's runtime API: in which order they are told, and how they are read."""

from ecsd.agent.drivers.haproxy_commands import changes, read_servers
from ecsd.decisions.haproxy.backend import Server

BLUE = Server("10.0.0.5", 80, "", used=True, weight=256)
GREEN = Server("10.0.0.6", 80, "", used=True, weight=0)


def test_no_moment_is_without_a_server_that_has_a_weight():
    after = {"web:80": {"1": BLUE._replace(weight=0), "2": GREEN._replace(weight=256)}}
    before = {"web:80": {"1": BLUE, "2": GREEN}}
    there = ["set server web:80/2 weight 256", "set server web:80/1 weight 0"]
    assert changes(before, after) == there
    back = ["set server web:80/1 weight 256", "set server web:80/2 weight 0"]
    assert changes(after, before) == back
    assert changes(after, after) == []


def test_a_server_that_comes_is_ready_before_another_loses_its_weight():
    before = {"web:80": {"1": BLUE}}
    after = {"web:80": {"1": BLUE._replace(weight=0), "2": GREEN._replace(weight=256)}}
    add, ready, lighter = changes(before, after)
    assert add.startswith("add server web:80/2 10.0.0.6:80 weight 256 ")
    assert (ready, lighter) == ("set server web:80/2 state ready", "set server web:80/1 weight 0")


def test_the_weight_that_runs_is_read():
    """The line is HAProxy 2.6's own; its initial weight, the ninth field, is another."""
    line = "4 web:80 1 2 10.0.0.6 2 0 256 1 9 1 0 0 0 0 0 0 - 80 - 0 0 - - 0"
    found = read_servers([line], {"web:80": None})
    assert found == {"web:80": {"2": GREEN._replace(weight=256)}}
