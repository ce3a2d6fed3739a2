"""Certificates on their way into a running HAProxy: by its command socket, else by a reload."""

import asyncio
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from ecsd.agent.drivers.haproxy_commands import LARGEST_PAYLOAD, replace_certificate
from ecsd.agent.traffic.balancer_proxy import BalancerProxy
from ecsd.clock import SystemClock
from ecsd.decisions.haproxy.config import Limits, Place
from ecsd.decisions.haproxy.tls import certificate_path
from ecsd.errors import BalancerError
from ecsd.records.plan import BalancerPlan, ListenerPlan, TlsPlan, TrustStorePlan

ARN = "arn:aws:acm:us-east-1:000000000000:certificate/1"
OTHER = "arn:aws:acm:us-east-1:000000000000:certificate/2"


class FakeHaproxy:
    """Remembers what it was asked for; refuses what it is told to."""

    def __init__(self, folder):
        self.admin = folder / "admin.sock"
        self.frame = None
        self.loads = 0
        self.replaced = []
        self.refusal = None
        self.fault = None

    async def load(self, frame, render):
        if self.fault:
            raise BalancerError(self.fault)
        assert render("/s")
        self.frame = frame
        self.loads += 1

    async def replace_certificate(self, file, pem):
        self.replaced.append((file, pem))
        return self.refusal

    async def command(self, commands):
        return []

    async def note_counters(self):
        pass

    async def forget_counters(self, backend, server):
        pass

    async def stop(self):
        self.frame = None


def plan(arn=ARN, pem="one"):
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    listener = ListenerPlan(
        listener_arn="arn:listener",
        port=443,
        protocol="HTTPS",
        rules=(),
        default_actions=(fixed,),
        open_to_world=False,
        tls=TlsPlan(ssl_policy="ELBSecurityPolicy-2016-08", default_certificate=arn),
    )
    return BalancerPlan(
        load_balancer_arn="arn:lb",
        name="web",
        dns_name="web.elb.localhost",
        vpc_id="vpc-1",
        addresses=("10.0.0.1",),
        entrance="",
        listeners=(listener,),
        certificates={arn: pem},
    )


@pytest.fixture
def haproxy(tmp_path):
    return FakeHaproxy(tmp_path)


@pytest.fixture
def proxy(tmp_path, haproxy):
    return BalancerProxy(tmp_path, haproxy, Place("", Limits(100, 1)))


def path_of(folder, arn=ARN):
    return Path(certificate_path(str(folder), arn))


async def test_a_first_load_finds_the_files_and_gives_no_command(proxy, haproxy, tmp_path):
    await proxy.bring([plan()], {}, ())
    assert (haproxy.loads, haproxy.replaced) == (1, [])
    file = path_of(tmp_path)
    assert file.read_text() == "one"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    await proxy.bring([plan()], {}, ())
    assert (haproxy.loads, haproxy.replaced) == (1, [])


async def test_new_contents_go_by_the_command_socket_once(proxy, haproxy, tmp_path):
    await proxy.bring([plan()], {}, ())
    for _ in range(2):
        await proxy.bring([plan(pem="two")], {}, ())
    assert (haproxy.loads, haproxy.replaced) == (1, [(str(path_of(tmp_path)), "two")])
    assert path_of(tmp_path).read_text() == "two"


async def test_contents_that_are_refused_go_by_a_reload(proxy, haproxy, tmp_path):
    await proxy.bring([plan()], {}, ())
    haproxy.refusal = "no"
    await proxy.bring([plan(pem="two")], {}, ())
    assert haproxy.loads == 2
    await proxy.bring([plan(pem="two")], {}, ())
    assert (haproxy.loads, len(haproxy.replaced)) == (2, 1)


async def test_a_failed_reload_is_tried_again(proxy, haproxy, tmp_path):
    await proxy.bring([plan()], {}, ())
    haproxy.refusal = haproxy.fault = "no"
    with pytest.raises(BalancerError):
        await proxy.bring([plan(pem="two")], {}, ())
    haproxy.fault = None
    await proxy.bring([plan(pem="two")], {}, ())
    assert haproxy.loads == 2


async def test_another_certificate_is_another_frame_and_the_old_file_goes(proxy, haproxy, tmp_path):
    await proxy.bring([plan()], {}, ())
    await proxy.bring([plan(OTHER)], {}, ())
    assert (haproxy.loads, haproxy.replaced) == (2, [])
    assert not path_of(tmp_path).exists()
    assert path_of(tmp_path, OTHER).exists()
    assert len([*tmp_path.glob("l-*.list")]) == 1


async def test_other_authorities_or_lists_are_a_reload_and_old_files_go(proxy, haproxy, tmp_path):
    def verifying(*texts):
        made = plan()
        tls = replace(made.listeners[0].tls, trust_store="arn:t")
        store = TrustStorePlan(authorities=texts[0], revocations=texts[1:])
        own = replace(made.listeners[0], tls=tls)
        return replace(made, listeners=(own,), trust_stores={"arn:t": store})

    for loads, texts in enumerate([("CA",), ("CA", "CRL"), ("CA", "CRL 2"), ("CA 2",)], 1):
        for _ in range(2):
            await proxy.bring([verifying(*texts)], {}, ())
        assert (haproxy.loads, haproxy.replaced) == (loads, [])
        files = sorted([*tmp_path.glob("a-*.pem"), *tmp_path.glob("r-*.pem")])
        assert [one.read_text() for one in files] == [*texts]
        assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}


async def test_an_agent_that_adopts_says_everything_again(proxy, haproxy, tmp_path):
    await proxy.bring([plan()], {}, ())
    later = BalancerProxy(tmp_path, haproxy, Place("", Limits(100, 1)))
    await later.bring([plan()], {}, ())
    assert (haproxy.loads, haproxy.replaced) == (1, [(str(path_of(tmp_path)), "one")])


async def test_a_disk_that_refuses_is_told(proxy, haproxy, tmp_path):
    path_of(tmp_path).mkdir()
    with pytest.raises(BalancerError, match="certificates cannot be written"):
        await proxy.bring([plan()], {}, ())
    assert haproxy.loads == 0


async def test_notes_with_keys_are_private(proxy, tmp_path):
    made = plan()
    await proxy.bring([made], {}, ())
    proxy.plans = {made.load_balancer_arn: replace(made, certificates={ARN: "PRIVATE KEY"})}
    proxy.keep([])
    assert b"PRIVATE KEY" in (tmp_path / "kept.msgpack").read_bytes()
    assert stat.S_IMODE((tmp_path / "kept.msgpack").stat().st_mode) == 0o600


class CommandSocket:
    """A command socket that answers from a script."""

    def __init__(self, path, answers):
        self.path = path
        self.answers = list(answers)
        self.heard = []

    async def __aenter__(self):
        self.server = await asyncio.start_unix_server(self.serve, self.path)
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()

    async def serve(self, reader, writer):
        first = await reader.readline()
        text = first
        if first.endswith(b"<<\n"):
            while not text.endswith(b"\n\n"):
                text += await reader.readline()
        self.heard.append(text.decode())
        writer.write(self.answers.pop(0).encode())
        await writer.drain()
        writer.close()


TAKEN = "Transaction created for certificate /c.pem!\n\n"


async def test_a_certificate_is_set_then_committed(tmp_path):
    async with CommandSocket(tmp_path / "s", [TAKEN, "Committing /c.pem.\nSuccess!\n\n"]) as held:
        assert await replace_certificate(held.path, "/c.pem", "A\nB\n", SystemClock()) is None
    assert held.heard == ["set ssl cert /c.pem <<\nA\nB\n\n", "commit ssl cert /c.pem\n"]


async def test_a_refused_certificate_is_told_and_its_transaction_given_up(tmp_path):
    async with CommandSocket(tmp_path / "s", ["unable to load\n"]) as held:
        words = await replace_certificate(held.path, "/c.pem", "A", SystemClock())
    assert words == "unable to load"
    async with CommandSocket(tmp_path / "s", [TAKEN, "inconsistencies\n", "aborted\n"]) as held:
        words = await replace_certificate(held.path, "/c.pem", "A", SystemClock())
    assert words == "inconsistencies"
    assert held.heard[-1] == "abort ssl cert /c.pem\n"


async def test_what_is_too_long_for_the_socket_is_not_sent(tmp_path):
    pem = "A" * (LARGEST_PAYLOAD + 1)
    words = await replace_certificate(tmp_path / "nobody", "/c.pem", pem, SystemClock())
    assert "more than" in words
