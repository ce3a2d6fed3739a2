"""Entrances on the host: whose they are, and which a dead agent has left."""

import pytest

from ecsd.agent.drivers import entrances
from ecsd.agent.drivers.entrances import Entrances
from ecsd.decisions.network.ruleset import read_table

TABLE = "ecsd_entrances"
FIRST, SECOND, THIRD = (f"127.64.0.{number}" for number in (1, 2, 3))


class Kernel:
    """What nftables holds, changed by the commands that it is given."""

    def __init__(self):
        self.gates = {}
        self.is_made = False

    def told(self):
        if not self.is_made:
            return None
        elements = [[here, there] for here, there in self.gates.items()]
        gates = {"name": "gates", "type": "ipv4_addr", "map": "ipv4_addr", "elem": elements}
        hooks = (("out", "output", -100), ("post", "postrouting", 90))
        chains = [
            {"name": name, "type": "nat", "hook": hook, "prio": prio, "policy": "accept"}
            for name, hook, prio in hooks
        ]
        return [{"map": gates}, *({"chain": one} for one in chains)]


@pytest.fixture
def kernel(monkeypatch):
    held = Kernel()

    class Library:
        def table(self, name):
            return held.told()

        def run(self, commands):
            held.is_made = True
            for line in commands.splitlines():
                for word in line.replace(",", " , ").split("{")[-1].split(","):
                    here, _, there = (part.strip(" }") for part in word.partition(" : "))
                    if not here.startswith("127."):
                        continue
                    if line.startswith("delete element"):
                        held.gates.pop(here)
                    else:
                        held.gates[here] = there

        def close(self):
            pass

    monkeypatch.setattr(entrances, "Nftables", Library)
    return held


def test_a_vpcs_entrances_come_and_go_with_it(kernel):
    own = Entrances(TABLE)
    own.lead("vpc-1", (FIRST,))
    own.lead("vpc-2", (SECOND, THIRD))
    assert kernel.gates == {
        FIRST: "240.64.0.1",
        SECOND: "240.64.0.2",
        THIRD: "240.64.0.3",
    }
    own.lead("vpc-2", (THIRD,))
    own.lead("vpc-1", ())
    assert set(kernel.gates) == {THIRD}


def test_what_a_dead_agent_left_goes_unless_somebody_wants_it(kernel):
    Entrances(TABLE).lead("vpc-1", (FIRST, SECOND))
    own = Entrances(TABLE)
    own.lead("vpc-3", (THIRD,))  # told after the plans that are kept
    own.keep([SECOND])
    assert set(kernel.gates) == {SECOND, THIRD}
    assert read_table(f"ip {TABLE}", kernel.told()).collections["gates"].elements == {
        f"{SECOND} : 240.64.0.2",
        f"{THIRD} : 240.64.0.3",
    }


def test_a_host_without_entrances_is_left_alone(kernel):
    Entrances(TABLE).keep([])
    assert not kernel.is_made
