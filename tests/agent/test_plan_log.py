"""A log of plans gives back what was written, however its writer ended."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.agent import plan_log
from ecsd.agent.plan_log import PlanLog, applied
from ecsd.link.messages import Assign, Snapshot, Withdraw
from ecsd.records.plan_network import VpcPlan


def plan(number):
    return VpcPlan(
        vpc_id=f"vpc-{number}", number=number, cidr="10.0.0.0/16", dns_support=True, subnets=()
    )


keys = st.integers(0, 5).map(lambda number: f"vpc/vpc-{number}")
plans = st.integers(0, 99).map(plan)
messages = st.lists(
    st.one_of(
        st.builds(lambda held: Snapshot(plans=held), st.dictionaries(keys, plans)),
        st.builds(lambda key, one: Assign(key=key, plan=one), keys, plans),
        st.builds(lambda key: Withdraw(key=key), keys),
    ),
    min_size=1,
)


def written(file, told):
    """Write messages; return the file's size and the plans after each."""
    one, held, states = PlanLog(file), {}, []
    for message in told:
        held = applied(held, message)
        one.write(message, held)
        states.append((file.stat().st_size, dict(held)))
    one.close()
    return states


@given(messages)
def test_what_was_written_is_read(tmp_path_factory, told):
    file = tmp_path_factory.mktemp("log") / "plans"
    assert written(file, told)[-1][1] == PlanLog(file).read()


def test_nobody_else_reads_it(tmp_path):
    file = tmp_path / "plans"
    written(file, [Snapshot(plans={}), Assign(key="vpc/vpc-1", plan=plan(1))])
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_change_cut_off_anywhere_leaves_what_was_before(tmp_path):
    file = tmp_path / "plans"
    told = [
        Snapshot(plans={"vpc/vpc-1": plan(1)}),
        Assign(key="vpc/vpc-2", plan=plan(2)),
        Withdraw(key="vpc/vpc-1"),
    ]
    states = written(file, told)
    content = file.read_bytes()
    for size in range(states[0][0], len(content) + 1):
        file.write_bytes(content[:size])
        assert PlanLog(file).read() == [held for whole, held in states if whole <= size][-1]


def test_a_long_log_is_written_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(plan_log, "LEAST_TO_REWRITE", 1000)
    file = tmp_path / "plans"
    states = written(
        file, [Assign(key="vpc/vpc-1", plan=plan(number % 7)) for number in range(500)]
    )
    assert max(size for size, _ in states) < 2000
    assert PlanLog(file).read() == {"vpc/vpc-1": plan(499 % 7)}


def test_after_a_refused_change_the_next_one_writes_all(tmp_path, monkeypatch):
    file, one = tmp_path / "plans", PlanLog(tmp_path / "plans")
    one.write(Snapshot(plans={}), {})
    with monkeypatch.context() as disk:
        disk.setattr(PlanLog, "_append", _full)
        one.write(Assign(key="vpc/vpc-1", plan=plan(1)), {"vpc/vpc-1": plan(1)})
    assert PlanLog(file).read() == {}
    both = {"vpc/vpc-1": plan(1), "vpc/vpc-2": plan(2)}
    one.write(Assign(key="vpc/vpc-2", plan=plan(2)), both)
    one.close()
    assert PlanLog(file).read() == both


def _full(*_):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("content", [None, b"", b"\xc1", b"\0\0\0\1\xc1", b"\0\0\0\x07nothing"])
def test_what_is_not_a_log_says_nothing(tmp_path, content):
    file = tmp_path / "plans"
    if content is not None:
        file.write_bytes(content)
    assert PlanLog(file).read() == {}
