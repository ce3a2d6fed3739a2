"""What a person means by the ends of a connection, and what is told of it."""

import pytest
from msgspec.structs import replace

from ecsd.cli import why_connect
from ecsd.cli.why_connect import End, UnclearError, explain_connection, parsed_port, place_of
from ecsd.decisions.network.security_group import Flow
from ecsd.settings import Settings
from tests.decisions.vpc.test_reachability import CLIENT, WEB, plan

PLANS = {"vpc-1": plan()}


def between(first: str, second: str, vpc_id: str | None = None) -> tuple:
    return End("a", vpc_id, (first,)), End("b", None, (second,)), first, second


@pytest.mark.parametrize(
    ("text", "flow"),
    [
        ("80", Flow("tcp", "", "", 80)),
        ("53/udp", Flow("udp", "", "", 53)),
        ("443/tcp", Flow("tcp", "", "", 443)),
        ("icmp", Flow("icmp", "", "", 8)),
    ],
)
def test_a_port_says_its_protocol(text, flow):
    assert parsed_port(text) == flow


@pytest.mark.parametrize("text", ["http", "65536", "80/sctp", ""])
def test_what_is_no_port_is_said(text):
    with pytest.raises(UnclearError, match="is no port"):
        parsed_port(text)


def test_an_address_is_sought_in_every_vpc():
    assert place_of(PLANS, *between(CLIENT, WEB)) is PLANS["vpc-1"]
    assert place_of(PLANS, *between("203.0.113.9", WEB)) is PLANS["vpc-1"]
    with pytest.raises(UnclearError, match="neither"):
        place_of(PLANS, *between("203.0.113.9", "203.0.113.10"))
    twins = PLANS | {"vpc-2": replace(PLANS["vpc-1"], vpc_id="vpc-2")}
    with pytest.raises(UnclearError, match="several VPCs"):
        place_of(twins, *between(CLIENT, WEB))
    assert place_of(twins, *between(CLIENT, WEB, "vpc-2")) is twins["vpc-2"]


@pytest.mark.parametrize(("port", "passes"), [("80", True), ("81", False)])
def test_the_facts_begin_with_whether_it_passes_and_name_what_refuses(monkeypatch, port, passes):
    monkeypatch.setattr(why_connect.Api, "inspect", lambda self, what: told())
    result, facts = explain_connection(Settings(), CLIENT, WEB, port)
    assert result is passes
    does = "gets through" if passes else "does not get through"
    assert facts[0] == f"{CLIENT} to {WEB}, {port}: {does}"
    assert any(one.startswith("it stops here: no ingress rule of sg-w") for one in facts) is (
        not passes
    )


def told() -> list[dict]:
    import msgspec

    return [{"plan": msgspec.to_builtins(one)} for one in PLANS.values()]
