"""A proxy's log on its way to its stream: each line once, also across agents and reloads."""

import pytest

from ecsd.agent.containers.log_streams import LogStreamError, Place
from ecsd.agent.traffic.proxy_log import ProxyLog
from ecsd.records.plan import LogPlan

PLAN = LogPlan(
    task_arn="arn:aws:ecs:us-east-1:000000000000:task/c/a",
    endpoint="http://logs",
    account="1",
    region="r",
    group="/g",
    stream="s",
    create_group=True,
)


class Streams:
    """Keeps what it is given, or refuses."""

    def __init__(self):
        self.kept = []
        self.made = []
        self.away = False

    async def keep(self, place, group, stream, texts, *, create_group):
        if self.away:
            raise LogStreamError("nobody answers")
        assert place == Place("http://logs", "1", "r", PLAN.task_arn)
        self.made.append((group, stream, create_group))
        self.kept += texts


@pytest.fixture
def streams():
    return Streams()


async def test_lines_are_sent_once_and_whole(tmp_path, streams):
    proxy = ProxyLog(tmp_path, streams)
    await proxy.begin(PLAN)
    assert streams.made == [("/g", "s", True)]
    await proxy.send(PLAN)  # there is no file yet
    file = tmp_path / "haproxy.log"
    file.write_text("one\n\ntwo\nhal")
    await proxy.send(PLAN)
    assert streams.kept == ["one", "two"]
    file.write_text("one\n\ntwo\nhalf\n")
    await ProxyLog(tmp_path, streams).send(PLAN)
    await proxy.send(PLAN)
    assert streams.kept == ["one", "two", "half"]


async def test_a_file_that_begins_anew_is_sent_from_its_beginning(tmp_path, streams):
    proxy, file = ProxyLog(tmp_path, streams), tmp_path / "haproxy.log"
    file.write_text("a long line of the last generation\n")
    await proxy.send(PLAN)
    file.write_text("new\n")
    await proxy.send(PLAN)
    assert streams.kept[1:] == ["new"]


async def test_what_could_not_be_sent_is_sent_later(tmp_path, streams):
    proxy = ProxyLog(tmp_path, streams)
    (tmp_path / "haproxy.log").write_text("one\n")
    streams.away = True
    with pytest.raises(LogStreamError):
        await proxy.send(PLAN)
    streams.away = False
    await proxy.send(PLAN)
    assert streams.kept == ["one"]
