"""Real HAProxy in a namespace, real targets: what a load balancer promises."""

import asyncio
import http.client
import json
import os
import re
import signal
import socket
from collections import Counter

import pytest

from ecsd.errors import BalancerError
from ecsd.link.messages import PlanApplied
from tests.integration.balancer_world import (
    ADDRESS,
    ARN,
    DNS_NAME,
    ENTRANCE,
    Load,
    fetch,
    forward,
    group,
    opened_world,
    plan,
    rule,
)

pytestmark = pytest.mark.integration


@pytest.fixture
async def world():
    async with opened_world() as made:
        yield made


async def test_requests_are_spread_over_healthy_targets_with_elbs_headers(world):
    first, second = world.start_target(5), world.start_target(6)
    await world.balancers.apply(plan(group("a", first, second)))
    await world.healthy(first, second)

    answers = [json.loads((await world.get("/x?y=1")).text) for _ in range(10)]
    spread = Counter(one["name"] for one in answers)
    assert min(spread["t5"], spread["t6"]) >= 4
    headers = answers[0]["headers"]
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-port"] == "18080"
    assert headers["host"] == f"{DNS_NAME}:18080"
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", headers["x-amzn-trace-id"])
    assert answers[0]["path"] == "/x?y=1"


async def test_rules_decide_by_priority_and_all_kinds_of_conditions(world):
    target = world.start_target(5)

    def told(text):
        config = {"StatusCode": "200", "ContentType": "text/plain", "MessageBody": text}
        return {"Type": "fixed-response", "FixedResponseConfig": config}

    def when(field, config, **values):
        return {"Field": field, config: values}

    header, odd = "HttpHeaderConfig", "X-Kind!#$%&'*+.^_`|~"
    rules = [
        rule(1, when("host-header", "HostHeaderConfig", Values=["*.Shop.test"]), told("host")),
        rule(2, when("path-pattern", "PathPatternConfig", Values=["/Api/*", "/o?e"]), told("path")),
        rule(3, when("http-header", header, HttpHeaderName=odd, Values=["B?ta*"]), told("hdr")),
        rule(
            4,
            (
                when("query-string", "QueryStringConfig", Values=[{"Key": "v", "Value": "1*"}]),
                when("http-request-method", "HttpRequestMethodConfig", Values=["GET", "PUT"]),
            ),
            told("query"),
        ),
        rule(
            5, when("query-string", "QueryStringConfig", Values=[{"Value": "any"}]), told("value")
        ),
        rule(
            6, when("http-request-method", "HttpRequestMethodConfig", Values=["PUT"]), told("put")
        ),
        rule(7, when("source-ip", "SourceIpConfig", Values=["10.0.0.0/8"]), told("ip")),
        rule(8, when("path-pattern", "PathPatternConfig", Values=["*"]), *forward(("a", 1))),
    ]
    await world.balancers.apply(plan(group("a", target), rules=rules, default=(told("default"),)))
    await world.healthy(target)

    async def ask(*args, **more):
        return (await world.get(*args, **more)).text[:7]

    assert await ask("/", host="WWW.shop.TEST") == "host"
    assert await ask("/", host="shop.test") != "host"
    assert await ask("/Api/x?v=2") == "path"
    assert await ask("/api/x") == '{"name"'
    assert await ask("/ode") == "path"
    assert await ask("/ooode") == '{"name"'
    assert await ask("/", headers={odd.lower(): "BETA, two"}) == "hdr"
    assert await ask("/?a=b&V=12&c") == "query"
    assert await ask("/?v=12", method="POST") == '{"name"'
    assert await ask("/?x=ANY") == "value"
    assert await ask("/?any") == '{"name"'
    assert await ask("/", method="PUT") == "put"
    assert await ask("/Api/x", host="a.shop.test") == "host"


async def test_redirects_and_fixed_responses(world):
    def redirect(**config):
        return ({"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301"} | config},)

    body = 'a "quoted" %[src] ${HOME} #\nsecond line\\'
    config = {"StatusCode": "418", "ContentType": "application/json", "MessageBody": body}
    path = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/fixed"]}}
    other = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/other/*"]}}
    empty = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/empty"]}}
    rules = [
        rule(1, path, {"Type": "fixed-response", "FixedResponseConfig": config}),
        rule(
            2,
            other,
            *redirect(Host="new.#{host}", Path="/p/#{path}/e", Query="b=%41&#{query}", Port="81"),
        ),
        rule(3, empty, {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "204"}}),
    ]
    secure = redirect(Protocol="HTTPS", Port="443")
    await world.balancers.apply(plan(group("a"), rules=rules, default=secure))

    fixed = await world.get("/fixed")
    assert (fixed.status, fixed.text) == (418, body)
    assert fixed.headers["content-type"] == "application/json"
    assert fixed.headers["server"] == "awselb/2.0"
    assert (await world.get("/empty")).status == 204
    moved = await world.get("/a/b?c=d", host=f"{DNS_NAME}:18080")
    assert (moved.status, moved.headers["location"]) == (301, f"https://{DNS_NAME}:443/a/b?c=d")
    assert (await world.get("/a")).headers["location"] == f"https://{DNS_NAME}:443/a"
    assert (await world.get("/other/x?q=1", host="h.test")).headers["location"] == (
        "http://new.h.test:81/p/other/x/e?b=%41&q=1"
    )


async def test_weights_split_and_a_sticky_client_keeps_its_group(world):
    first, second = world.start_target(5), world.start_target(6)
    groups = group("a", first), group("b", second), group("c", second)
    shares = ("a", 80), ("b", 20), ("c", 0)
    await world.balancers.apply(plan(*groups, default=forward(*shares)))
    await world.healthy(first)
    await world.healthy(second, group="b")

    def names(count, **more):
        return Counter(json.loads(fetch("/", **more).text)["name"] for _ in range(count))

    split = await asyncio.to_thread(names, 400)
    assert 250 < split["t5"] < 385
    assert split["t6"] > 15

    await world.balancers.apply(plan(*groups, default=forward(*shares, sticky=100)))
    given = await world.get()
    name = json.loads(given.text)["name"]
    assert "Expires=" in given.cookies["AWSALBTG"]
    assert given.cookies["AWSALBTGCORS"].endswith("SameSite=None")
    cookie = given.cookies["AWSALBTG"].partition(";")[0]
    assert await asyncio.to_thread(names, 60, headers={"Cookie": cookie}) == {name: 60}


@pytest.mark.parametrize("kind", ["lb_cookie", "app_cookie"])
async def test_a_sticky_client_keeps_its_target_until_that_drains(world, kind):
    first, second, third = (world.start_target(number) for number in (5, 6, 7))
    attributes = {
        "stickiness.enabled": "true",
        "stickiness.type": kind,
        "stickiness.app_cookie.cookie_name": "session",
    }
    await world.balancers.apply(plan(group("a", first, second, attributes=attributes)))
    await world.healthy(first, second)
    await world.balancers.apply(plan(group("a", first, second, third, attributes=attributes)))
    await world.healthy(first, second, third)

    given = await world.get("/cookie")
    name = json.loads(given.text)["name"]
    own = given.cookies["AWSALB" if kind == "lb_cookie" else "AWSALBAPP-0"].partition(";")[0]
    headers = {"Cookie": f"session=1; {own}"}
    names = [json.loads((await world.get("/", headers=headers)).text)["name"] for _ in range(9)]
    assert names == [name] * 9

    kept = f"10.201.1.{name.removeprefix('t')}"
    rest = {first, second, third} - {kept}
    await world.balancers.apply(plan(group("a", *rest, draining=[kept], attributes=attributes)))
    names = {json.loads((await world.get("/", headers=headers)).text)["name"] for _ in range(9)}
    assert name not in names


async def test_a_failing_target_says_why_and_gets_nothing_until_it_is_well_again(world):
    first, second = world.start_target(5), world.start_target(6)
    await world.balancers.apply(plan(group("a", first, second)))
    await world.healthy(first, second)

    await asyncio.to_thread(_tell, world, first, 503)
    await world.until(lambda world: world.states() == {first: "unhealthy", second: "healthy"})
    seen = {one.target_id: one for one in world.heard[-1].targets}[first]
    assert seen.reason == "Target.ResponseCodeMismatch"
    assert seen.description == "Health checks failed with these codes: [503]"
    assert {json.loads((await world.get()).text)["name"] for _ in range(6)} == {"t6"}

    await asyncio.to_thread(_tell, world, first, 200)
    await world.healthy(first, second)
    assert {json.loads((await world.get()).text)["name"] for _ in range(6)} == {"t5", "t6"}

    world.stop_target(first)
    await world.until(lambda world: world.states() == {first: "unhealthy", second: "healthy"})
    seen = {one.target_id: one for one in world.heard[-1].targets}[first]
    assert (seen.reason, seen.description) == ("Target.FailedHealthChecks", "Health checks failed")


async def test_traffic_fails_open_and_errors_are_elbs(world):
    first = world.start_target(5)
    await world.balancers.apply(plan(group("a", first, path="/status/500")))
    await world.until(lambda world: world.states() == {first: "unhealthy"})
    assert (await world.get()).status == 200

    none = group("a", draining=[first])
    await world.balancers.apply(plan(none))
    answer = await world.get()
    assert answer.status == 503
    assert "<h1>503 Service Temporarily Unavailable</h1>" in answer.text
    assert answer.headers["server"] == "awselb/2.0"

    await world.balancers.apply(plan(group("a", first)))
    await world.healthy(first)
    assert (await world.get("/die")).status == 502
    assert (await world.get("/status/503")).status == 503
    world.stop_target(first)
    answer = await world.get()
    assert answer.status == 502
    assert "<h1>502 Bad Gateway</h1>" in answer.text
    assert "x-ecsd-no-connection" not in answer.headers


def _tell(world, address, status):
    """Set what a target's health page answers, from inside the VPC."""
    opened = world.networks.within(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    with opened as connection:
        connection.settimeout(5)
        connection.connect((address, 8080))
        connection.sendall(f"POST /health/{status} HTTP/1.0\r\nContent-Length: 0\r\n\r\n".encode())
        assert b" 200 " in connection.recv(1000)


async def test_rolling_targets_and_reloads_under_load_fail_nothing(world):
    old = [world.start_target(number) for number in (5, 6)]
    await world.balancers.apply(plan(group("a", *old)))
    await world.healthy(*old)
    with Load() as load:
        for number in range(7, 13):
            new = await asyncio.to_thread(world.start_target, number)
            await world.balancers.apply(plan(group("a", *old, new)))
            await world.healthy(*old, new)
            gone, *old = old
            old.append(new)
            await world.balancers.apply(plan(group("a", *old, draining=[gone])))
            await asyncio.to_thread(fetch, "/slow")
            world.stop_target(gone)
            await world.balancers.apply(plan(group("a", *old)))
            path = {"Field": "path-pattern", "PathPatternConfig": {"Values": [f"/{number}"]}}
            await world.balancers.apply(
                plan(group("a", *old), rules=[rule(1, path, *forward(("a", 1)))])
            )
            await world.balancers.apply(plan(group("a", *old)))
    assert load.failures == []
    assert load.answers > 500
    assert {json.loads((await world.get()).text)["name"] for _ in range(6)} == {"t11", "t12"}


async def test_connections_to_targets_are_used_again_however_the_target_came(world):
    first, second = world.start_target(5), world.start_target(6)
    await world.balancers.apply(plan(group("a", first)))
    await world.healthy(first)
    await world.balancers.apply(plan(group("a", first, second)))  # added to a running HAProxy
    await world.healthy(first, second)

    def ask() -> list[dict]:
        connection = http.client.HTTPConnection(ENTRANCE, 18080)
        answers = []
        for _ in range(40):
            connection.request("GET", "/", headers={"Host": DNS_NAME})
            answers.append(json.loads(connection.getresponse().read()))
        connection.close()
        return answers

    answers = await asyncio.to_thread(ask)
    assert {one["name"] for one in answers} == {"t5", "t6"}
    assert len({tuple(one["peer"]) for one in answers}) <= 6


async def test_a_killed_haproxy_comes_back(world):
    target = world.start_target(5)
    await world.balancers.apply(plan(group("a", target)))
    await world.healthy(target)
    killed = world.master()
    os.kill(killed, signal.SIGKILL)
    await world.until(lambda world: world.loads() == 2)
    assert world.master() != killed
    assert (await world.get()).status == 200


async def test_the_next_agent_adopts_haproxy_and_healths(world):
    first, second = world.start_target(5), world.start_target(6)
    await world.balancers.apply(plan(group("a", first, second, interval=5)))
    await world.healthy(first, second)
    before = world.master()
    with Load() as load:
        await world.end()
        world.heard.clear()
        await world.begin()
        assert await world.balancers.present() == {ARN}
        await world.balancers.apply(plan(group("a", first, second, interval=5)))
        assert world.states() == {first: "healthy", second: "healthy"}
        await world.balancers.apply(plan(group("a", second, draining=[first], interval=5)))
        names = {json.loads((await world.get()).text)["name"] for _ in range(6)}
        assert names == {"t6"}
    assert world.master() == before
    assert load.failures == []


async def test_the_host_finds_a_balancer_by_name(world):
    target = world.start_target(5)
    await world.balancers.apply(plan(group("a", target)))
    await world.healthy(target)
    answer = await world.get("/", at=("127.0.0.1", 18080))
    heard = json.loads(answer.text)["headers"]
    assert (heard["x-forwarded-for"], heard["x-forwarded-port"]) == ("127.0.0.1", "18080")
    unknown = await world.get("/", host="nobody.elb.localhost", at=("127.0.0.1", 18080))
    assert unknown.status == 404
    assert DNS_NAME in unknown.text
    assert f"{ENTRANCE} {DNS_NAME}\n" in world.hosts.read_text()

    await world.balancers.apply(plan(group("a", target), open_to_world=False))
    assert DNS_NAME not in world.hosts.read_text()
    for address in (ENTRANCE, "127.0.0.1"):
        with pytest.raises(OSError, match="refused"):
            await world.get("/", at=(address, 18080))

    await world.balancers.remove(ARN)
    assert world.hosts.read_text() == "127.0.0.1 localhost\n"
    # What is left is the agent's own: where it answers for functions and hears, while it runs.
    left = {one.name for one in (world.folder / "haproxy").iterdir()}
    assert left == {"agent.sock", "buckets.map", "log.sock"}


def told_of_edge(world):
    told = [one for one in world.reports if isinstance(one, PlanApplied)]
    return [one for one in told if one.key.startswith("edge/")]


async def test_a_taken_port_closes_that_way_only_and_is_told(world):
    target = world.start_target(5)
    with socket.create_server(("127.0.0.1", 18080)):
        await world.balancers.apply(plan(group("a", target)))
        await world.healthy(target)
        assert (await world.get()).status == 200
        faults = told_of_edge(world)
        assert [one.key for one in faults] == ["edge/127.0.0.1:18080"]
        assert "port 18080 of 127.0.0.1 cannot be used" in faults[0].fault
    await world.balancers.apply(plan(group("a", target)))
    assert (await world.get("/", at=("127.0.0.1", 18080))).status == 200
    assert told_of_edge(world)[-1].fault is None


async def test_a_refused_configuration_leaves_the_old_one_in_force(world):
    target = world.start_target(5)
    await world.balancers.apply(plan(group("a", target)))
    await world.healthy(target)
    with pytest.raises(BalancerError, match="parsing"):
        await world.balancers.apply(plan(group("a", target), addresses=(ADDRESS, "no address")))
    assert (await world.get()).status == 200
    await world.balancers.apply(plan(group("a", target)))
    assert (await world.get()).status == 200


async def test_applying_twice_changes_nothing(world):
    target = world.start_target(5)
    await world.balancers.apply(plan(group("a", target)))
    await world.healthy(target)
    state = world.folder / "haproxy/vpc-1/running.json"
    before = state.read_bytes()
    await world.balancers.apply(plan(group("a", target)))
    assert state.read_bytes() == before
