"""Service Connect: services reach each other by name through the proxies of their tasks."""

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.connect_world import Asking, Connected, ask, inside, nodes, offer
from tests.integration.sample import eventually
from tests.integration.totals import Totals

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]
CHECK = {
    "command": ["CMD-SHELL", "curl -sf http://127.0.0.1/health"],
    "interval": 5,
    "timeout": 2,
    "retries": 2,
    "startPeriod": 0,
}


@pytest.fixture
def connected(account, monkeypatch):
    """A namespace with a cluster."""
    monkeypatch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")  # as ``ecsd env`` says
    one = Connected(account)
    yield one
    one.clean()


class Counts:
    """What a client's proxies counted of ``web``, and what those of ``web`` did."""

    def __init__(self, ecsd, client_arn):
        service = ("ServiceName", "ClusterName")
        arns = client_arn, client_arn.replace("client", "web")
        self.client, self.web = (Totals(ecsd, one, "TargetDiscoveryName", *service) for one in arns)
        self.come = Totals(ecsd, arns[1], "DiscoveryName", *service)

    def agree(self, missing):
        """Tell whether all requests were counted once, on both sides of them."""
        found = self.client.of("HTTPCode_Target_2XX_Count")
        own = self.web.of("HTTPCode_Target_2XX_Count")
        asked = found + missing + own + 1  # one went to a task's address
        told = self.client.of("HTTPCode_Target_4XX_Count"), self.come.of("RequestCount")
        return (*told, own) == (missing, asked, 1) and found + missing

    def check(self, connected, task):
        """Count requests, also the last ones of a task that ends."""
        for _ in range(7):
            assert ask(task, "http://web/missing")[0] == 404
        sent = eventually(lambda: self.agree(7), 20)
        assert self.client.of("RequestCountPerTarget") == sent / 2
        assert 0 < self.client.of("TargetResponseTime") < 1000 * sent
        assert self.client.of("TargetProcessedBytes") > 100 * sent
        assert self.come.of("ProcessedBytes") > self.client.of("TargetProcessedBytes")
        assert ask(task, "http://web/missing")[0] == 404
        connected.update("client", desiredCount=0)
        eventually(lambda: self.agree(8), 20)


def test_a_service_is_reached_by_its_alias_through_both_proxies(ecsd, connected):
    web = connected.register("web")
    connected.service("web", web, 2, [offer()])
    client = connected.register("client")
    counts = Counts(ecsd, connected.service("client", client)["serviceArn"])
    servers = connected.running("web", 2)
    (task,) = connected.running("client")
    status, body = eventually(lambda: (told := ask(task, "http://web/"))[0] == 200 and told)
    assert (status, "at 127.0.0.1," in body) == (200, True)  # the server's own proxy asked it
    # The proxy counts as the task's own: its limits are the task's.
    process = processes(ecsd, task)["process"]
    assert f"/ecsd/{_id(task)}/service-connect" in Path(f"/proc/{process}/cgroup").read_text()
    hosts = {one["containers"][0]["taskArn"] for one in servers}
    assert len(hosts) == len(nodes(task, "http://web/")) == 2
    _, told = inside(task, "cat", "/etc/hosts")
    assert "127.255.0.1\tweb" in told
    # The server reaches itself by its name too, and others know it by its address.
    assert ask(servers[0], "http://web/")[0] == 200
    address = connected.account.address(servers[0])
    assert "at 127.0.0.1," in ask(task, f"http://{address}/")[1]
    # Nothing but the alias answers at its address, though nginx listens everywhere.
    assert ask(task, "http://web:81/")[0] == 0
    counts.check(connected, task)


def test_a_rolling_update_of_one_fails_no_request_of_the_other(connected):
    connected.service(
        "web", connected.register("web", release="1", healthCheck=CHECK), 2, [offer()]
    )
    connected.service("client", connected.register("client"))
    (task,) = connected.running("client")
    connected.steady("web")
    with Asking(task, "http://web/") as asking:
        second = connected.register("web", release="2", healthCheck=CHECK)
        connected.update("web", taskDefinition=second)
        eventually(lambda: "release 2" in ask(task, "http://web/")[1], 90)
        connected.steady("web")
        connected.update("web", desiredCount=1)
        connected.running("web", 1)
    assert set(asking.answers) == {"200"}, asking.answers
    assert sum(asking.answers.values()) > 100
    assert "release 2" in ask(task, "http://web/")[1]
    assert len(nodes(task, "http://web/")) == 1


def test_an_endpoint_that_fails_is_put_aside_and_comes_back(connected):
    """nginx answers 503 at /health where /tmp/unhealthy is; nobody's check asks for that here."""
    account = connected.account
    account.logs.create_log_group(logGroupName="/connect")
    options = {"awslogs-group": "/connect", "awslogs-region": "us-east-1"}
    logging = {"logDriver": "awslogs", "options": options | {"awslogs-stream-prefix": "proxy"}}
    connected.service("web", connected.register("web"), 2, [offer()])
    more = {"connect": {"logConfiguration": logging}}
    connected.service("client", connected.register("client"), **more)
    sick, well = connected.running("web", 2)
    (task,) = connected.running("client")
    url = "http://web/health"
    eventually(lambda: len(nodes(task, "http://web/")) == 2)
    here = time.monotonic()
    eventually(lambda: time.monotonic() - here > 30)  # past the check that each begins with
    inside(sick, "touch", "/tmp/unhealthy")
    began = time.monotonic()
    # Each is asked in turn until the sick one has failed five times.
    assert Counter(ask(task, url)[0] for _ in range(24)) == {200: 19, 503: 5}
    assert node(well) in nodes(task, "http://web/", 12)
    assert node(sick) not in nodes(task, "http://web/", 12)
    inside(sick, "rm", "/tmp/unhealthy")
    eventually(lambda: len(nodes(task, "http://web/", 4)) == 2)
    assert time.monotonic() - began > 29
    # The proxy said so, in its log.
    stream = f"proxy/ecs-service-connect/{_id(task)}"

    def said(words):
        read = account.logs.get_log_events(logGroupName="/connect", logStreamName=stream)
        return [one for one in read["events"] if words in one["message"]]

    eventually(lambda: said(f"Server web:80/{_id(sick)} is DOWN"))
    eventually(lambda: said(f"Server web:80/{_id(sick)} is UP"))
    # Where every one fails, every one is asked nevertheless.
    for one in (sick, well):
        inside(one, "touch", "/tmp/unhealthy")
    for _ in range(20):
        ask(task, url)
    assert len(nodes(task, "http://web/")) == 2


def test_traffic_does_not_notice_that_the_agent_is_killed(ecsd, connected):
    connected.service("web", connected.register("web"), 2, [offer()])
    connected.service("client", connected.register("client"))
    servers = connected.running("web", 2)
    (task,) = connected.running("client")
    eventually(lambda: len(nodes(task, "http://web/")) == 2)
    proxies = processes(ecsd, task)
    with Asking(task, "http://web/") as asking:
        killed = ecsd.pids()["agent"]
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: ecsd.pids().get("agent", killed) != killed)
        connected.update("web", desiredCount=3)
        connected.running("web", 3)
        eventually(lambda: len(nodes(task, "http://web/")) == 3)
    assert set(asking.answers) == {"200"}, asking.answers
    assert processes(ecsd, task) == proxies
    # A proxy that dies is there again, and knows what it knew.
    os.kill(proxies["process"], signal.SIGKILL)
    eventually(lambda: len(nodes(task, "http://web/", 12)) == 3)
    assert processes(ecsd, task) != proxies
    connected.update("web", desiredCount=0)
    eventually(lambda: not any(processes(ecsd, one) for one in servers))


def _id(task):
    return task["taskArn"].rpartition("/")[2]


def processes(ecsd, task):
    """Return what is noted of a task's proxy; nothing where it has ended."""
    file = ecsd.folder / "run" / "connect" / _id(task) / "running.json"
    return json.loads(file.read_text()) if file.exists() else {}


def node(task):
    """Return what the sample app of a task calls itself."""
    return f"task {inside(task, 'hostname')[1].strip()}"
