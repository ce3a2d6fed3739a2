"""Service Connect: services reach each other by name through the proxies of their tasks."""

import pytest

from tests.integration.connect_world import Connected, ask, inside, nodes, offer
from tests.integration.sample import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]
KEEP = ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]


@pytest.fixture
def connected(account, monkeypatch):
    """A namespace with a cluster."""
    monkeypatch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")  # as ``ecsd env`` says
    one = Connected(account)
    yield one
    one.clean()


def test_a_service_is_reached_by_its_alias_through_both_proxies(connected):
    web = connected.register("web")
    connected.service("web", web, 2, [offer()])
    client = connected.register("client")
    connected.service("client", client)
    servers = connected.running("web", 2)
    (task,) = connected.running("client")
    status, body = eventually(lambda: (told := ask(task, "http://web/"))[0] == 200 and told)
    assert (status, "at 127.0.0.1," in body) == (200, True)  # the server's own proxy asked it
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
