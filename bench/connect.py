"""Service Connect: requests through a task's proxy against direct ones, and what a proxy weighs."""

import json
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import NamedTuple

from bench import machine
from bench.scene import Scene, answering, prepared
from bench.table import Group, Row, interleaved, share
from tests.integration.connect_world import Connected, inside, offer, space
from tests.integration.nlb_world import IMAGE
from tests.integration.sample import eventually

PORT, NAME = 8080, "web"
SECONDS, ROUNDS = 3, 5
STILL = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"]


class Pair(NamedTuple):
    """A client's task, and a server's, which answers at once."""

    scene: Scene
    asking: dict
    serving: dict


@contextmanager
def opened():
    """Two services that are connected."""
    with ExitStack() as stack:
        scene = stack.enter_context(prepared())
        world = Connected(scene.account)
        still = {"image": IMAGE, "command": STILL, "stopTimeout": 2}
        server = world.register("server", port=PORT, **still)
        client = scene.account.register("client", **still)
        world.service("server", server, offers=[offer(NAME, PORT)])
        (serving,) = world.running("server")
        world.service("client", client)
        (asking,) = world.running("client")
        stack.enter_context(answering(space(serving), PORT))
        pair = Pair(scene, asking, serving)
        url = f"http://{_connected(pair)}:{PORT}/"
        eventually(lambda: _answers(pair, url), every=0.2)
        yield pair


def _connected(pair):
    """Return the address by which the client's container knows the server."""

    def look():
        _, hosts = inside(pair.asking, "cat", "/etc/hosts")
        lines = [line.split() for line in hosts.splitlines()]
        return next((words[0] for words in lines if NAME in words[1:]), None)

    return eventually(look)


def _answers(pair, url):
    words = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url]
    try:
        return machine.run(*words, namespace=space(pair.asking)) == "200"
    except RuntimeError:
        return False  # nothing listens yet


def requests(pair):
    def measure(address):
        how = {"seconds": SECONDS, "connections": 16, "namespace": space(pair.asking)}
        return machine.good_rate(f"http://{address}:{PORT}/", headers=[f"Host: {NAME}"], **how)

    direct = pair.scene.account.address(pair.serving)
    turns = [partial(measure, _connected(pair)), partial(measure, direct)]
    return share(*interleaved(*turns, rounds=ROUNDS))


def memory(pair):
    """The proportional memory of the client's proxy, master and worker."""
    (folder,) = [
        one.parent
        for one in (pair.scene.ecsd.folder / "run" / "connect").glob("*/task")
        if one.read_text() == pair.asking["taskArn"]
    ]
    master = json.loads((folder / "running.json").read_text())["process"]
    return f"{sum(machine.pss(pid) for pid in machine.family(master)):.0f} MB"


GROUP = Group(
    opened,
    (
        Row("Service Connect requests/s against direct ones", "≥ 0.4", requests),
        Row("memory of a Service Connect proxy (PSS)", "—", memory),
    ),
)
