"""The block in the hosts file: ours alone, everything else byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.agent.drivers.hosts_file import HostsFile, with_block

BEGIN, END = "# ecsd begin", "# ecsd end"
OLD = "127.0.0.1 localhost\n\n# mine\n10.0.0.1 box"
LINES = st.lists(st.text("abc .#\t", max_size=8).map(lambda one: f"{one}\n"), max_size=6)


def test_a_block_comes_changes_and_goes(tmp_path):
    path = tmp_path / "hosts"
    path.write_text(OLD)
    path.chmod(0o640)
    hosts = HostsFile(str(path), "ecsd")
    hosts.write({"b.elb.localhost": "127.64.0.2", "a.elb.localhost": "127.64.0.1"})
    block = f"{BEGIN}\n127.64.0.1 a.elb.localhost\n127.64.0.2 b.elb.localhost\n{END}\n"
    assert path.read_text() == f"{OLD}\n{block}"
    assert path.stat().st_mode & 0o777 == 0o640
    path.write_text(path.read_text() + "10.0.0.2 later\n")
    hosts.write({"c.elb.localhost": "127.64.0.3"})
    assert path.read_text() == (
        f"{OLD}\n{BEGIN}\n127.64.0.3 c.elb.localhost\n{END}\n10.0.0.2 later\n"
    )
    hosts.write({})
    assert path.read_text() == f"{OLD}\n10.0.0.2 later\n"
    assert [one.name for one in tmp_path.iterdir()] == ["hosts"]


@given(LINES, LINES)
def test_what_is_around_the_block_stays(before, after):
    text = "".join(before)
    made = with_block(text, {"a": "127.64.0.1"}) + "".join(after)
    assert with_block(made, {}) == text + "".join(after)
    assert with_block(made, {"a": "127.64.0.1"}) == made


def test_a_cut_off_block_takes_only_its_own_mark_along():
    assert with_block(f"x\n{BEGIN}\n1.2.3.4 mine\n", {}) == "x\n1.2.3.4 mine\n"


def test_an_unchanged_file_is_not_written(tmp_path):
    path = tmp_path / "hosts"
    hosts = HostsFile(str(path), "ecsd")
    hosts.write({"a": "127.64.0.1"})
    before = path.stat()
    hosts.write({"a": "127.64.0.1"})
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_no_path_turns_it_off():
    HostsFile("", "ecsd").write({"a": "127.64.0.1"})


def test_a_file_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(OSError, match="directory"):
        HostsFile(str(tmp_path), "ecsd").write({"a": "127.64.0.1"})
