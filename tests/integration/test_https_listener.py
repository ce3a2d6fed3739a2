"""HTTPS on a real HAProxy: certificates by name, policies, HTTP/2, changes that drop nothing."""

import asyncio
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import tempfile

import pytest
from msgspec.structs import replace

from ecsd.agent.drivers.haproxy_commands import LARGEST_PAYLOAD
from ecsd.link.messages import PlanApplied
from tests.integration.balancer_world import (
    DNS_NAME,
    ENTRANCE,
    Load,
    group,
    plan,
)
from tests.integration.tls_world import (
    AUTHORITY,
    DEFAULT,
    MODERN,
    NOW,
    PORT,
    TLS12,
    Secure,
    at_edge,
    fetch,
    handshake,
    https,
    names_of,
    negotiated,
    serial,
    served,
    trusting,
    world,
)

pytestmark = pytest.mark.integration
__all__ = ["world"]  # the fixture


async def test_requests_come_over_tls_and_targets_hear_so(world):
    target = world.start_target(5)
    attributes = {"routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "true"}
    await world.balancers.apply(https(target, DEFAULT, attributes=attributes))
    await world.healthy(target)
    headers = (await asyncio.to_thread(fetch, "/x"))["headers"]
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-port"] == str(PORT)
    assert headers["host"] == f"{DNS_NAME}:{PORT}"
    assert headers["x-amzn-tls-version"] == "TLSv1.3"
    assert headers["x-amzn-tls-cipher-suite"].startswith("TLS_AES_")
    plain = json.loads((await world.get("/x")).text)["headers"]
    assert plain["x-forwarded-proto"] == "http"
    assert "x-amzn-tls-version" not in plain
    await world.balancers.apply(https(target, DEFAULT))
    assert "x-amzn-tls-version" not in (await asyncio.to_thread(fetch, "/x"))["headers"]


async def test_the_name_picks_the_certificate(world):
    target = world.start_target(5)
    shop = served("shop", "shop.test", "www.shop.test")
    wild = served("wild", "*.example.test", key="RSA_2048")
    exact = served("exact", "a.example.test")
    rsa = served("rsa", "both.test", key="RSA_2048")
    ecdsa = served("ecdsa", "both.test")
    await world.balancers.apply(https(target, DEFAULT, shop, wild, exact, rsa, ecdsa))

    async def picked(name, context=None):
        shown, _ = await asyncio.to_thread(handshake, name, context)
        return shown.serial_number

    assert await picked(None) == serial(DEFAULT)
    assert await picked("nobody.test") == serial(DEFAULT)
    assert await picked("shop.test") == serial(shop)
    assert await picked("WWW.Shop.test") == serial(shop)
    assert await picked("b.example.test") == serial(wild)
    assert await picked("a.example.test") == serial(exact)
    assert await picked("b.a.example.test") == serial(DEFAULT)
    assert await picked("both.test") == serial(ecdsa)
    old = trusting(check_hostname=False, maximum_version=ssl.TLSVersion.TLSv1_2)
    old.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    assert await picked("both.test", old) == serial(rsa)


async def test_the_best_of_equal_kind_is_picked_even_if_a_wildcard(world):
    target = world.start_target(5)
    exact = served("exact", "a.example.test")
    wild = served("wild", "*.example.test", key="EC_secp384r1")
    await world.balancers.apply(https(target, DEFAULT, exact, wild))
    shown, _ = await asyncio.to_thread(handshake, "a.example.test")
    assert names_of(shown) == ["*.example.test"]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
async def test_a_policy_says_which_tls_is_spoken(world):
    target = world.start_target(5)

    async def spoken(version, ciphers=None):
        context = trusting(check_hostname=False)
        context.minimum_version = context.maximum_version = version
        context.set_ciphers(ciphers or "ALL:@SECLEVEL=0")
        try:
            return (await asyncio.to_thread(handshake, DNS_NAME, context))[1]
        except (ssl.SSLError, ConnectionError):
            return None

    version = ssl.TLSVersion
    await world.balancers.apply(https(target, DEFAULT, policy=TLS12))
    assert await spoken(version.TLSv1_1) == "TLSv1.1"
    assert await spoken(version.TLSv1_2) == "TLSv1.2"
    assert await spoken(version.TLSv1_3) is None
    await world.balancers.apply(https(target, DEFAULT))
    assert await spoken(version.TLSv1_1) is None
    assert await spoken(version.TLSv1_2) == "TLSv1.2"
    assert await spoken(version.TLSv1_2, "ECDHE-ECDSA-AES128-SHA") is None
    assert await spoken(version.TLSv1_3) == "TLSv1.3"
    await world.balancers.apply(https(target, DEFAULT, policy=MODERN))
    assert await spoken(version.TLSv1_2) is None
    assert await spoken(version.TLSv1_3) == "TLSv1.3"


async def test_http2_is_spoken_unless_it_is_turned_off(world):
    target = world.start_target(5)

    async def spoken():
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as root:
            root.write(AUTHORITY.root(NOW))
            root.flush()
            command = [
                *("curl", "-sS", "--cacert", root.name, "--http2", "-w", " %{http_version}"),
                *("--resolve", f"{DNS_NAME}:{PORT}:{ENTRANCE}", f"https://{DNS_NAME}:{PORT}/x"),
            ]
            done = await asyncio.to_thread(
                subprocess.run, command, capture_output=True, text=True, check=True
            )
        body, _, version = done.stdout.rpartition(" ")
        return version, json.loads(body)["headers"]

    await world.balancers.apply(https(target, DEFAULT))
    await world.healthy(target)
    version, headers = await spoken()
    assert version == "2"
    assert headers["host"] == f"{DNS_NAME}:{PORT}"
    await world.balancers.apply(
        https(target, DEFAULT, attributes={"routing.http2.enabled": "false"})
    )
    assert (await spoken())[0] == "1.1"


async def test_a_renewed_certificate_is_served_without_a_reload_and_drops_nothing(world):
    target = world.start_target(5)
    await world.balancers.apply(https(target, DEFAULT))
    await world.healthy(target)
    loads = world.loads()
    weak = trusting(maximum_version=ssl.TLSVersion.TLSv1_2)
    weak.set_ciphers("ECDHE-RSA-AES128-SHA")
    with Load(4, connect=Secure) as load:
        await asyncio.sleep(0.3)
        for _ in range(3):
            renewed = served("default", DNS_NAME, key="RSA_2048")
            await world.balancers.apply(https(target, renewed))
            shown, _ = await asyncio.to_thread(handshake, DNS_NAME)
            assert shown.serial_number == serial(renewed)
            assert await asyncio.to_thread(negotiated, "h2", "http/1.1") == "h2"
            assert await asyncio.to_thread(negotiated, "http/1.1") == "http/1.1"
            with pytest.raises(ssl.SSLError):  # the policy has no cipher of TLS 1.2 with CBC
                await asyncio.to_thread(handshake, DNS_NAME, weak)
            await asyncio.sleep(0.3)
    assert load.failures == []
    assert load.answers > 10
    assert world.loads() == loads
    # The file says the same to a HAProxy that starts anew.
    os.kill(world.master(), signal.SIGKILL)
    await world.until(lambda world: world.loads() > loads)
    shown, _ = await asyncio.to_thread(handshake, DNS_NAME)
    assert shown.serial_number == serial(renewed)


async def test_another_list_and_another_policy_drop_nothing(world):
    target = world.start_target(5)
    more = served("more", "more.test")
    await world.balancers.apply(https(target, DEFAULT))
    await world.healthy(target)
    with Load(4, connect=Secure) as load:
        await asyncio.sleep(0.3)
        await world.balancers.apply(https(target, DEFAULT, more))
        shown, _ = await asyncio.to_thread(handshake, "more.test")
        assert shown.serial_number == serial(more)
        await asyncio.sleep(0.3)
        await world.balancers.apply(https(target, DEFAULT, policy=MODERN))
        shown, spoken = await asyncio.to_thread(handshake, "more.test")
        assert (shown.serial_number, spoken) == (serial(DEFAULT), "TLSv1.3")
        await asyncio.sleep(0.3)
    assert load.failures == []
    folder = world.folder / "haproxy/vpc-1"
    assert len(list(folder.glob("c-*.pem"))) == 1
    assert len(list(folder.glob("l-*.list"))) == 1


async def test_private_keys_are_roots_alone(world):
    target = world.start_target(5)
    await world.balancers.apply(https(target, DEFAULT))
    await world.healthy(target)
    holders = [
        path
        for path in (world.folder / "haproxy").rglob("*")
        if path.is_file() and b"PRIVATE KEY" in path.read_bytes()
    ]
    assert {path.name[:2] for path in holders} == {"c-", "ke"}  # its file, the balancer's notes
    assert {stat.S_IMODE(path.stat().st_mode) for path in holders} == {0o600}


async def test_the_next_agent_serves_what_is_wanted_now(world):
    target = world.start_target(5)
    await world.balancers.apply(https(target, DEFAULT))
    await world.healthy(target)
    loads = world.loads()
    await world.end()
    renewed = served("default", DNS_NAME)
    [file] = (world.folder / "haproxy/vpc-1").glob("c-*.pem")
    file.write_text(renewed.pem)  # as an agent leaves it that dies before HAProxy heard of it
    await world.begin()
    await world.balancers.apply(https(target, renewed))
    shown, _ = await asyncio.to_thread(handshake, DNS_NAME)
    assert shown.serial_number == serial(renewed)
    assert world.loads() == loads


async def test_http_is_led_to_https(world):
    target = world.start_target(5)
    made = https(target, DEFAULT)
    config = {"Protocol": "HTTPS", "Port": str(PORT), "StatusCode": "HTTP_301"}
    plain = replace(
        made.listeners[0],
        default_actions=({"Type": "redirect", "RedirectConfig": config},),
    )
    back = {"Type": "redirect", "RedirectConfig": {"Path": "/y", "StatusCode": "HTTP_302"}}
    secure = replace(made.listeners[1], default_actions=(back,))
    await world.balancers.apply(replace(made, listeners=(plain, secure)))
    answer = await world.get("/x?y=1")
    assert (answer.status, answer.headers["location"]) == (
        301,
        f"https://{DNS_NAME}:{PORT}/x?y=1",
    )

    def located():
        connection = Secure()
        connection.request("GET", "/x", headers={"Host": DNS_NAME})
        found = connection.getresponse().getheader("location")
        connection.close()
        return found

    assert await asyncio.to_thread(located) == f"https://{DNS_NAME}:{PORT}/y"


async def test_targets_that_speak_https_are_checked_and_reached(world):
    """Whatever their certificate says: this one is for another name."""
    stranger = served("target", "stranger.test")
    first = world.start_target(5, stranger.pem)
    second = world.start_target(6, stranger.pem)
    plain = world.start_target(7)
    made = https(first, DEFAULT)
    secure = replace(group("a", first, protocol="HTTPS"), protocol="HTTPS")
    await world.balancers.apply(replace(made, target_groups=(secure,)))
    await world.healthy(first)
    heard = await asyncio.to_thread(fetch, "/x")
    assert (heard["name"], heard["headers"]["x-forwarded-proto"]) == ("t5", "https")
    assert json.loads((await world.get("/x")).text)["name"] == "t5"
    # Those that come later are reached by TLS too; one that speaks none is not well.
    more = replace(group("a", first, second, plain, protocol="HTTPS"), protocol="HTTPS")
    loads = world.loads()
    await world.balancers.apply(replace(made, target_groups=(more,)))
    await world.until(
        lambda world: world.states() == {first: "healthy", second: "healthy", plain: "unhealthy"}
    )
    names = {(await asyncio.to_thread(fetch))["name"] for _ in range(8)}
    assert names == {"t5", "t6"}
    assert world.loads() == loads


async def test_a_target_that_speaks_no_tls_is_a_bad_gateway(world):
    plain = world.start_target(5)
    made = https(plain, DEFAULT)
    await world.balancers.apply(
        replace(made, target_groups=(replace(group("a", plain), protocol="HTTPS"),))
    )
    await world.healthy(plain)  # its check is HTTP's
    assert (await world.get()).status == 502


async def test_the_edge_passes_tls_to_the_balancer_that_has_the_name(world):
    target = world.start_target(5)
    shop, wild = served("shop", "shop.test"), served("wild", "*.wild.test")
    await world.balancers.apply(https(target, DEFAULT, shop, wild))
    await world.healthy(target)
    names, heard = await asyncio.to_thread(at_edge, DNS_NAME)
    assert names == [DNS_NAME]
    assert heard["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert heard["headers"]["x-forwarded-proto"] == "https"
    assert (await asyncio.to_thread(at_edge, "shop.test"))[0] == ["shop.test"]
    assert (await asyncio.to_thread(at_edge, "a.wild.test"))[0] == ["*.wild.test"]
    for stranger in ("a.a.wild.test", "nobody.test", None):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.to_thread(at_edge, stranger)


async def test_one_port_of_the_edge_serves_both_protocols(world):
    """Two balancers, one with HTTP and one with HTTPS on the same port."""
    target, address = world.start_target(5), world.start_target(21)
    await world.balancers.apply(https(target, DEFAULT))
    other = plan(
        group("b", target),
        port=PORT,
        load_balancer_arn="arn:other",
        dns_name="other.elb.localhost",
        entrance="127.64.201.2",
        addresses=(address,),
    )
    plain = replace(
        other, listeners=(replace(other.listeners[0], listener_arn="arn:other-listener"),)
    )
    await world.balancers.apply(plain)
    await world.healthy(target)
    await world.healthy(target, group="b")
    assert (await asyncio.to_thread(at_edge, DNS_NAME))[0] == [DNS_NAME]
    answer = await world.get(host="other.elb.localhost", at=("127.0.0.1", PORT))
    assert answer.status == 200
    stranger = await world.get(host="nobody.test", at=("127.0.0.1", PORT))
    assert (stranger.status, "other.elb.localhost" in stranger.text) == (404, True)


async def test_a_certificate_of_many_names_is_listed_and_renewed(world):
    """Its lines in the list are several; its contents are almost too long for a command."""
    target = world.start_target(5)
    names = tuple(f"host-{number}.many.test" for number in range(470))
    await world.balancers.apply(https(target, DEFAULT, served("many", *names)))
    await world.healthy(target)
    loads = world.loads()
    renewed = served("many", *names)
    assert 14_000 < len(renewed.pem) < LARGEST_PAYLOAD
    await world.balancers.apply(https(target, DEFAULT, renewed))
    for name in (names[0], names[-1]):
        shown, _ = await asyncio.to_thread(handshake, name)
        assert shown.serial_number == serial(renewed)
    assert world.loads() == loads
    longer = served("many", *names, *(f"more-{number}.many.test" for number in range(200)))
    await world.balancers.apply(https(target, DEFAULT, longer))
    shown, _ = await asyncio.to_thread(handshake, "more-199.many.test")
    assert shown.serial_number == serial(longer)
    assert world.loads() == loads + 1


async def test_a_taken_port_closes_the_edge_for_tls_only_and_is_told(world):
    target = world.start_target(5)
    with socket.create_server(("127.0.0.1", PORT)):
        await world.balancers.apply(https(target, DEFAULT))
        await world.healthy(target)
        assert (await asyncio.to_thread(fetch))["name"] == "t5"  # at its own address
        assert (await world.get(at=("127.0.0.1", 18080))).status == 200
        told = [one for one in world.reports if isinstance(one, PlanApplied)]
        faults = [one for one in told if one.fault is not None]
        assert [one.key for one in faults] == [f"edge/127.0.0.1:{PORT}"]
        assert f"port {PORT} of 127.0.0.1 cannot be used" in faults[0].fault
    await world.balancers.apply(https(target, DEFAULT))
    assert (await asyncio.to_thread(at_edge, DNS_NAME))[0] == [DNS_NAME]


async def test_ports_of_the_edge_are_moved_and_turned_off_by_settings(world):
    """Port 443 is a setting's to move; 0 leaves HTTPS out, and HTTP as it is."""
    target = world.start_target(5)
    made = https(target, DEFAULT)
    secure = replace(made.listeners[1], port=443)
    made = replace(made, listeners=(made.listeners[0], secure))
    for edge_port, led in ((18445, {18080, 18445}), (0, {18080})):
        await world.end()
        world.settings = replace(world.settings, edge_tls_port=edge_port)
        await world.begin()
        await world.balancers.apply(made)
        edge = (world.folder / "haproxy/edge/haproxy.cfg").read_text()
        binds = [line.split(":")[1] for line in edge.splitlines() if "bind 127.0.0.1" in line]
        assert {int(one.split()[0]) for one in binds} == led
