"""What the agent's process keeps from one start to the next."""

from ecsd.processes.agent import kept_name


def test_a_host_keeps_its_first_name(tmp_path):
    file = tmp_path / "host-name"
    assert kept_name(file, "rack-1") == "rack-1"
    assert kept_name(file, "renamed") == "rack-1"
