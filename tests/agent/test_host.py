"""What the host's own settings do to VPCs, and that they are put back."""

import pytest

from ecsd.agent.drivers import host


@pytest.fixture
def switch(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "FORWARDING", tmp_path / "ip_forward")
    monkeypatch.setattr(host, "NOTE", tmp_path / "before")
    return tmp_path / "ip_forward"


@pytest.mark.parametrize("before", ["0\n", "1\n"])
def test_forwarding_is_as_it_was_afterwards(switch, before):
    switch.write_text(before)
    host.turn_forwarding_on()
    host.turn_forwarding_on()
    assert switch.read_text() == "1\n"
    host.put_forwarding_back(needed=False)
    assert switch.read_text() == before
    host.put_forwarding_back(needed=False)
    assert switch.read_text() == before


def test_forwarding_stays_on_for_whoever_came_to_need_it(switch):
    switch.write_text("0\n")
    host.turn_forwarding_on()
    host.put_forwarding_back(needed=True)
    assert switch.read_text() == "1\n"
    host.put_forwarding_back(needed=False)
    assert switch.read_text() == "1\n"


def chain(**more) -> dict[str, object]:
    facts = {"family": "inet", "table": "fw", "name": "forward", "hook": "forward"}
    return facts | {"policy": "drop"} | more


@pytest.mark.parametrize(
    ("found", "dropping"),
    [
        (chain(), "inet fw forward"),
        (chain(family="ip"), "ip fw forward"),
        (chain(policy="accept"), None),
        (chain(hook="input"), None),
        (chain(family="bridge"), None),
        (chain(family="ip", table="filter", name="FORWARD"), None),
        ({"family": "inet", "table": "fw", "name": "jumped_to"}, None),
    ],
)
def test_a_chain_that_drops_forwarded_packets_by_policy_is_found(found, dropping):
    assert host.dropping_chain([chain(hook="input"), found]) == dropping


def test_a_folder_mounted_on_itself_is_known_by_the_table_of_mounts(tmp_path, monkeypatch):
    table = tmp_path / "mountinfo"
    monkeypatch.setattr(host, "MOUNTS", table)
    folder = tmp_path / "netns"
    table.write_text("44 27 254:0 / / rw - ext4 /dev/vda rw\n")
    assert not host.is_ready_folder(folder)
    assert folder.is_dir()
    table.write_text(f"45 44 254:0 {folder} {folder} rw shared:1 - ext4 /dev/vda rw\n")
    assert host.is_ready_folder(folder)
