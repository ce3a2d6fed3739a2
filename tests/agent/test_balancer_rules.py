"""The kernel's part of network load balancers: what is told to it, in which order, and again."""

import pytest
from msgspec.structs import replace

from ecsd.agent.traffic.balancer_rules import BalancerRules
from ecsd.agent.traffic.health_checks import Place
from ecsd.decisions.balancers.network_balancer_attributes import PROXY
from ecsd.decisions.balancers.nlb_plan import Ending
from ecsd.decisions.balancers.target_health import Health
from ecsd.decisions.haproxy.config import Limits
from ecsd.errors import BalancerError, NetworkError
from tests.decisions.balancers.test_nlb_plan import (
    ADDRESSES,
    ARN,
    balancer,
    group,
    healths,
    listener,
    target,
)
from tests.decisions.haproxy.test_relay import PEMS, tls

PLAN = balancer(group(target(1), target(2)))
LIMITS = Limits(100, 1)
FIRST = ("10.0.9.1", 7000)


class Kernel:
    """Networks that remember what they are told, and refuse as they are told."""

    def __init__(self):
        self.told = []
        self.refuses = ""

    async def translate(self, vpc_id, addresses, table):
        self.tell(table.name)
        self.addresses = addresses

    async def end_flows(self, vpc_id, endings):
        self.tell("end")
        self.ended = endings

    def tell(self, what):
        if what == self.refuses:
            raise NetworkError(f"no {what}")
        self.told.append(what)


class Relays:
    """An HAProxy that is told about and never runs."""

    def __init__(self, kernel, folder):
        self._kernel = kernel
        self.folder = folder
        self.admin = folder / "admin.sock"
        self.frame = None
        self.adopted = False
        self.commands = []
        self.replaced = []

    def adopt(self):
        self.adopted = True

    async def load(self, frame, render):
        self._kernel.tell("load")
        self.frame, self.text = frame, render("/admin.sock")

    async def note_counters(self):
        pass

    async def forget_counters(self, backend, server):
        pass

    async def command(self, commands):
        self._kernel.tell("command")
        self.commands += commands
        return []

    async def replace_certificate(self, file, pem):
        self._kernel.tell("certificate")
        self.replaced.append(pem)

    async def stop(self):
        self._kernel.tell("stop")
        self.frame = None


@pytest.fixture
def kernel():
    return Kernel()


@pytest.fixture
def relays(kernel, tmp_path):
    return Relays(kernel, tmp_path / "vpc-1" / "relays")


@pytest.fixture
def rules(kernel, relays, tmp_path):
    return BalancerRules(tmp_path / "vpc-1", "vpc-1", kernel, relays, LIMITS)


async def test_new_flows_are_led_elsewhere_before_old_ones_end(rules, kernel):
    await rules.bring([PLAN], healths(1, 2))
    assert kernel.told == ["ip nlb", "ip nlb_idle"]
    assert kernel.addresses == frozenset(ADDRESSES)
    await rules.bring([PLAN], healths(2))
    assert kernel.told[2:] == ["ip nlb", "ip nlb_idle", "end"]
    assert [one.target for one in kernel.ended] == [FIRST]
    await rules.bring([PLAN], healths(2))
    assert kernel.told.count("end") == 1


async def test_what_the_kernel_refuses_is_done_again(rules, kernel):
    await rules.bring([PLAN], healths(1, 2))
    for part in ("ip nlb", "end"):
        kernel.refuses = part
        with pytest.raises(BalancerError, match=f"no {part}"):
            await rules.bring([PLAN], healths(2))
    kernel.refuses = ""
    await rules.bring([PLAN], healths(2))
    assert [one.target for one in kernel.ended] == [FIRST]


async def test_a_kernel_without_idle_times_carries_flows_and_the_fault_is_told(rules, kernel):
    kernel.refuses = "ip nlb_idle"
    await rules.bring([PLAN], healths(1))
    assert kernel.told == ["ip nlb"]
    assert "no ip nlb_idle" in rules.faults["idle/vpc-1"]
    kernel.refuses = ""
    await rules.bring([PLAN], healths(1))
    assert rules.faults == {}


async def test_the_next_agent_ends_what_this_one_could_not(rules, kernel, tmp_path):
    rules.plans[ARN] = PLAN
    known = healths(1, 2)
    await rules.bring([PLAN], known)
    rules.keep([(Place(ARN, "g", *place), health) for place, health in known[ARN, "g"].items()])

    relays = Relays(kernel, tmp_path / "vpc-1" / "relays")
    heir = BalancerRules(tmp_path / "vpc-1", "vpc-1", kernel, relays, LIMITS)
    assert heir.adopt()[Place(ARN, "g", *FIRST)] == Health("healthy")
    assert heir.plans == {ARN: PLAN}
    assert relays.adopted
    await heir.bring([PLAN], healths(2))
    assert [one.target for one in kernel.ended] == [FIRST]


async def test_a_balancer_that_goes_takes_its_flows_and_notes_with_it(rules, kernel, tmp_path):
    rules.plans[ARN] = PLAN
    await rules.bring([PLAN], healths(1, 2))
    rules.keep([])
    assert (tmp_path / "vpc-1").exists()
    rules.plans.clear()
    await rules.bring([], {})
    gone = (*ADDRESSES, "240.64.0.1")
    assert set(kernel.ended) == {
        Ending(gone, "tcp", 90, FIRST),
        Ending(gone, "tcp", 90, ("10.0.9.2", 7000)),
    }
    assert kernel.addresses == frozenset()
    assert not (tmp_path / "vpc-1").exists()


async def test_unreadable_notes_are_told_and_forgotten(rules, tmp_path, caplog):
    (tmp_path / "vpc-1").mkdir()
    (tmp_path / "vpc-1" / "kept.msgpack").write_bytes(b"\xc1")
    assert rules.adopt() == {}
    assert "unreadable" in caplog.text


async def test_relays_are_there_before_flows_are_led_to_them_and_go_after(rules, kernel, relays):
    told = balancer(group(target(1), target(2), **{PROXY: "true"}))
    await rules.bring([told], healths(1, 2))
    assert kernel.told == ["load", "ip nlb", "ip nlb_idle"]
    await rules.bring([told], healths(1, 2))
    assert kernel.told.count("load") == 1
    await rules.bring([told], healths(2))
    assert kernel.told[-5:] == ["command", "command", "ip nlb", "ip nlb_idle", "end"]
    assert kernel.told.count("load") == 1
    assert {one.split()[0] for one in relays.commands} == {"set", "del"}
    assert kernel.ended == [Ending((*ADDRESSES, "240.64.0.1"), "tcp", 90, FIRST, relayed=True)]
    await rules.bring([PLAN], healths(2))
    assert kernel.told[-3:] == ["ip nlb", "ip nlb_idle", "stop"]


async def test_certificates_of_tls_listeners_are_served_from_files_and_renewed_without_a_reload(
    rules, kernel, relays
):
    made = balancer(group(target(1)), listeners=(tls(),))
    await rules.bring([replace(made, certificates=dict(PEMS))], healths(1))
    assert kernel.told == ["load", "ip nlb", "ip nlb_idle"]
    files = {one.read_text() for one in relays.folder.glob("c-*.pem")}
    assert files == set(PEMS.values())
    renewed = replace(made, certificates=PEMS | {"arn:default": "NEW"})
    await rules.bring([renewed], healths(1))
    assert (kernel.told.count("load"), relays.replaced) == (1, ["NEW"])
    # A share of the weight is the kernel's affair alone.
    other = group(target(2), name="other")
    shared = balancer(group(target(1)), other, listeners=(tls(("g", 1), ("other", 0)),))
    known = healths(1) | healths(2, name="other")
    await rules.bring([replace(shared, certificates=PEMS)], known)
    loads = kernel.told.count("load")
    shifted = replace(shared, certificates=PEMS, listeners=(tls(("g", 0), ("other", 1)),))
    del kernel.told[:]
    relays.commands.clear()
    await rules.bring([shifted], known)
    assert (loads, kernel.told, relays.commands) == (2, ["ip nlb", "ip nlb_idle"], [])


async def test_decrypted_flows_are_cut_and_plain_ones_to_the_same_target_forgotten(rules, kernel):
    made = balancer(group(target(1), target(2)), listeners=(listener(("g", 1)), tls()))
    made = replace(made, certificates=PEMS)
    await rules.bring([made], healths(1, 2))
    await rules.bring([made], healths(2))
    ways = {(one.port, one.target, one.relayed) for one in kernel.ended}
    assert ways == {(90, FIRST, False), (443, FIRST, True)}


async def test_notes_that_cannot_be_kept_cost_only_that(rules, tmp_path, caplog):
    rules.plans[ARN] = PLAN
    (tmp_path / "vpc-1" / "kept.msgpack.new").mkdir(parents=True)
    rules.keep([])
    assert "cannot be kept" in caplog.text
