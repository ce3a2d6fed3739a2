"""The resolver at the wire: UDP and TCP sockets on this machine stand for a VPC's."""

import asyncio
import socket
import struct

import pytest
from msgspec.structs import replace

from ecsd.agent.drivers import upstream_names
from ecsd.agent.drivers.host_names import HostNames
from ecsd.agent.drivers.names import MOST_CONNECTED, NameServer
from ecsd.agent.drivers.upstream_names import UpstreamNames
from ecsd.clock import SystemClock
from ecsd.decisions.dns.message import (
    CNAME,
    SRV,
    A,
    Answer,
    address_record,
    encode,
    parse_answer,
    parse_question,
    shown,
)
from ecsd.ids import SeededIds
from ecsd.records.plan import ZoneInstance, ZonePlan, ZoneService
from ecsd.records.plan_network import VpcPlan
from tests.decisions.dns.test_names import packet

VPC = VpcPlan(vpc_id="vpc-1", number=1, cidr="10.0.0.0/16", dns_support=True)
OTHER = VpcPlan(vpc_id="vpc-2", number=2, cidr="10.0.0.0/16", dns_support=True)


class Here:
    """Stands for the visitor of namespaces: sockets are opened here, at ports of their own."""

    def __init__(self):
        self.opened = {}

    async def visit(self, path, _):
        while True:
            datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            datagrams.bind(("127.0.0.1", 0))
            try:
                connections = socket.create_server(datagrams.getsockname())
            except OSError:
                datagrams.close()  # another program has that port by TCP
                continue
            for one in (datagrams, connections):
                one.setblocking(False)
            self.opened.setdefault(path, datagrams.getsockname()[1])
            return [datagrams], connections


def zone(number, *, vpc_id="vpc-1", srv=False):
    instances = tuple(
        ZoneInstance(instance_id=f"i{n}", ipv4=f"10.0.0.{n}", port=80 if srv else None)
        for n in range(1, number + 1)
    )
    ttls = {"SRV": 10} if srv else {"A": 10}
    own = ZoneService(name="web.prod.local", ttls=ttls, instances=instances)
    far = ZoneService(
        name="far.prod.local",
        weighted=True,
        ttls={"CNAME": 10},
        instances=(ZoneInstance(instance_id="c", cname="example.com"),),
    )
    return ZonePlan(
        zone_id=f"ns-{vpc_id}",
        name="prod.local",
        public=vpc_id is None,
        vpc_ids=(vpc_id,) if vpc_id else (),
        services=(own, far),
    )


def by_udp(port, asked):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(asked, ("127.0.0.1", port))
        return client.recv(65535)


def by_tcp(port, asked):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(struct.pack(">H", len(asked)) + asked)
        stream = client.makefile("rb")
        (length,) = struct.unpack(">H", stream.read(2))
        return stream.read(length)


@pytest.fixture
def run():
    """Run ``scenario(server, ask)`` with a server in two VPCs."""

    def start(scenario):
        async def main():
            here = Here()
            server = NameServer(SystemClock(), here, SeededIds(1))
            async with asyncio.TaskGroup() as group:
                running = group.create_task(server.run())
                await server.serve(VPC, "vpc-1")
                await server.serve(OTHER, "vpc-2")

                async def ask(name, kind=A, *, vpc="vpc-1", by=by_udp):
                    return await asyncio.to_thread(by, here.opened[vpc], packet(name, kind))

                ask.port = here.opened["vpc-1"]
                try:
                    await scenario(server, ask)
                finally:
                    await server.stop("vpc-1")
                    await server.stop("vpc-2")
                    running.cancel()

        asyncio.run(main())

    return start


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """A resolver of the machine that answers everything with 192.0.2.1."""
    upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    upstream.bind(("127.0.0.1", 0))
    upstream.settimeout(5)
    conf = tmp_path / "resolv.conf"
    conf.write_text("nameserver 127.0.0.1\n")
    monkeypatch.setattr(upstream_names, "RESOLVERS", conf)
    monkeypatch.setattr(upstream_names, "PORT", upstream.getsockname()[1])

    def answer_one():
        asked, peer = upstream.recvfrom(512)
        question = parse_question(asked)
        told = Answer(answers=(address_record(question.name, "192.0.2.1", 5),))
        upstream.sendto(encode(asked, question, told), peer)
        return question.name

    yield answer_one
    upstream.close()


@pytest.fixture
def unanswered(monkeypatch, tmp_path):
    """The host's resolvers, none of which ever answers."""
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    conf = tmp_path / "resolv.conf"
    conf.write_text("nameserver 127.0.0.1\n")
    monkeypatch.setattr(upstream_names, "RESOLVERS", conf)
    monkeypatch.setattr(upstream_names, "PORT", silent.getsockname()[1])
    yield UpstreamNames(SystemClock())
    silent.close()


def test_a_namespace_answers_in_its_vpc_alone(run, elsewhere):
    async def scenario(server, ask):
        server.apply(zone(2))
        told = parse_answer(await ask("web.prod.local"))
        assert sorted(map(shown, told.answers)) == ["10.0.0.1", "10.0.0.2"]
        _, told = await asyncio.gather(
            asyncio.to_thread(elsewhere), ask("web.prod.local", vpc="vpc-2")
        )
        assert [*map(shown, parse_answer(told).answers)] == ["192.0.2.1"]

    run(scenario)


def test_a_plan_is_in_force_as_soon_as_it_is_applied(run):
    async def scenario(server, ask):
        server.apply(zone(1))
        server.apply(zone(3))
        assert len(parse_answer(await ask("web.prod.local")).answers) == 3
        server.apply(zone(0))
        assert parse_answer(await ask("web.prod.local")).code == 3

    run(scenario)


def test_a_public_namespace_answers_everywhere(run):
    async def scenario(server, ask):
        server.apply(zone(1, vpc_id=None))
        for vpc in ("vpc-1", "vpc-2"):
            assert len(parse_answer(await ask("web.prod.local", vpc=vpc)).answers) == 1

    run(scenario)


def test_a_large_answer_comes_whole_by_tcp(run):
    async def scenario(server, ask):
        long = "x" * 60
        instances = tuple(
            ZoneInstance(instance_id=f"{long}{n}", ipv4=f"10.0.0.{n}", port=80) for n in range(8)
        )
        own = ZoneService(name="web.prod.local", ttls={"SRV": 1}, instances=instances)
        server.apply(
            ZonePlan(zone_id="ns-1", name="prod.local", vpc_ids=("vpc-1",), services=(own,))
        )
        cut = parse_answer(await ask("web.prod.local", SRV))
        assert (cut.truncated, cut.answers) == (True, ())
        whole = parse_answer(await ask("web.prod.local", SRV, by=by_tcp))
        assert (whole.truncated, len(whole.answers)) == (False, 8)

    run(scenario)


def test_a_cname_that_leads_away_is_followed_by_asking_elsewhere(run, elsewhere):
    async def scenario(server, ask):
        server.apply(zone(1))
        asked, told = await asyncio.gather(asyncio.to_thread(elsewhere), ask("far.prod.local"))
        assert asked == "example.com"
        found = parse_answer(told).answers
        assert [(one.name, one.kind, shown(one)) for one in found] == [
            ("far.prod.local", CNAME, "example.com"),
            ("example.com", A, "192.0.2.1"),
        ]

    run(scenario)


def test_a_namespace_that_is_gone_is_asked_for_elsewhere(run, elsewhere):
    async def scenario(server, ask):
        server.apply(zone(1))
        server.remove("ns-vpc-1")
        name, _ = await asyncio.gather(asyncio.to_thread(elsewhere), ask("web.prod.local"))
        assert name == "web.prod.local"

    run(scenario)


def test_what_another_resolver_said_is_remembered_for_all_vpcs(run, elsewhere):
    async def scenario(server, ask):
        first, _ = await asyncio.gather(ask("example.org"), asyncio.to_thread(elsewhere))
        again = await ask("example.org", vpc="vpc-2")  # nobody answers there a second time
        assert [*map(shown, parse_answer(first).answers)] == ["192.0.2.1"]
        assert parse_answer(again).answers == parse_answer(first).answers

    run(scenario)


def test_one_askers_questions_elsewhere_leave_room_for_anothers(unanswered):
    async def scenario():
        upstream = unanswered
        waiting = [
            asyncio.create_task(upstream.ask(packet(f"n{number}.test"), "10.0.0.1"))
            for number in range(upstream_names.MOST_OF_ONE)
        ]
        await asyncio.sleep(0)
        assert upstream.is_busy("10.0.0.1")
        assert parse_answer(await upstream.ask(packet("more.test"), "10.0.0.1")).code == 2
        assert not upstream.is_busy("10.0.0.2")
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert not upstream.is_busy("10.0.0.1")

    asyncio.run(scenario())


def test_one_asker_holds_only_so_many_connections(run):
    async def scenario(server, ask):
        server.apply(zone(1))
        place = ("127.0.0.1", ask.port)
        held = [await asyncio.open_connection(*place) for _ in range(MOST_CONNECTED)]
        reader, writer = await asyncio.open_connection(*place)
        assert await asyncio.wait_for(reader.read(), 5) == b""  # hung up on
        writer.close()
        last, leaving = held.pop()
        leaving.write_eof()
        assert await last.read() == b""  # the server has seen that it is left
        leaving.close()
        assert parse_answer(await ask("web.prod.local", by=by_tcp)).code == 0
        for _, one in held:
            one.close()

    run(scenario)


def test_without_dns_support_nothing_is_answered(run):
    async def scenario(server, ask):
        server.apply(zone(1))
        await server.serve(
            VpcPlan(vpc_id="vpc-1", number=1, cidr="10.0.0.0/16", dns_support=False), ""
        )
        for by in (by_udp, by_tcp):
            assert parse_answer(await ask("web.prod.local", by=by)).code == 2

    run(scenario)


def test_what_is_remembered_holds_until_a_plan_changes(run):
    async def scenario(server, ask):
        async def told(identifier):
            asked = identifier + packet("web.prod.local", A)[2:]
            answered = await asyncio.to_thread(by_udp, ask.port, asked)
            assert answered[:2] == identifier
            found = parse_answer(answered)
            return found.code, [*map(shown, found.answers)]

        server.apply(zone(1))
        assert [await told(bytes((n, n))) for n in range(3)] == [(0, ["10.0.0.1"])] * 3
        server.apply(zone(0))
        assert (await told(b"ab"))[0] == 3
        server.apply(zone(1))
        assert await told(b"cd") == (0, ["10.0.0.1"])
        await server.serve(replace(VPC, dns_support=False), "vpc-1")
        assert (await told(b"ef"))[0] == 2

    run(scenario)


def test_what_chance_has_a_part_in_is_drawn_for_each_question(run):
    async def scenario(server, ask):
        server.apply(zone(8))
        heard = {
            tuple(map(shown, parse_answer(await ask("web.prod.local")).answers)) for _ in range(8)
        }
        assert len(heard) > 1

    run(scenario)


def test_the_host_is_told_of_zones_alone(run):
    async def scenario(server, ask):
        server.apply(zone(1))
        told = parse_answer(server.answered_on_host(packet("web.prod.local", A)))
        assert [*map(shown, told.answers)] == ["10.0.0.1"]
        told = parse_answer(server.answered_on_host(packet("far.prod.local", A)))
        assert [*map(shown, told.answers)] == ["example.com"]  # the asker follows it
        assert parse_answer(server.answered_on_host(packet("none.prod.local", A))).code == 3
        assert parse_answer(server.answered_on_host(packet("example.com", A))).code == 5
        server.apply(zone(1, vpc_id="vpc-9"))  # a VPC that is not on this host
        server.remove("ns-vpc-1")
        assert parse_answer(server.answered_on_host(packet("web.prod.local", A))).code == 5

    run(scenario)


def test_the_host_asks_by_udp_and_tcp_and_a_taken_port_is_told(run):
    async def scenario(server, ask):
        server.apply(zone(1))
        heard = asyncio.Queue()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            place = free.getsockname()
        taken = asyncio.create_task(
            HostNames(SystemClock(), server, ("127.0.0.1", ask.port), heard.put_nowait).run()
        )
        names = asyncio.create_task(HostNames(SystemClock(), server, place, heard.put_nowait).run())
        told = [await heard.get(), await heard.get()]
        assert None in told
        assert any("in use" in one for one in told if one)
        for by in (by_udp, by_tcp):
            told = await asyncio.to_thread(by, place[1], packet("web.prod.local", A))
            assert [*map(shown, parse_answer(told).answers)] == ["10.0.0.1"]
        for one in (taken, names):
            one.cancel()
        await asyncio.gather(taken, names, return_exceptions=True)

    run(scenario)
