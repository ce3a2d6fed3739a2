"""The raw Docker Engine, by its API over the unix socket: what launches are held against."""

import http.client
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

SOCKET = "/var/run/docker.sock"
PAUSE, APP = "ecsd/pause:1", "ecsd/sample-app:1"


class _Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(SOCKET)


def call(method, path, body=None):
    """Return the Engine's answer."""
    connection = _Connection("docker", timeout=120)
    try:
        payload = json.dumps(body).encode() if body is not None else None
        connection.request(method, path, payload, {"content-type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {content[:200]!r}")
        return json.loads(content) if content else None
    finally:
        connection.close()


def start_pair():
    """Create and start a pause and an app in its network, one after the other; return their ids."""
    pause = call(
        "POST", "/containers/create", {"Image": PAUSE, "HostConfig": {"NetworkMode": "none"}}
    )
    call("POST", f"/containers/{pause['Id']}/start")
    host = {"NetworkMode": f"container:{pause['Id']}"}
    app = call("POST", "/containers/create", {"Image": APP, "HostConfig": host})
    call("POST", f"/containers/{app['Id']}/start")
    return pause["Id"], app["Id"]


def remove_pair(pair):
    """Remove what start_pair made, app first."""
    for container in reversed(pair):
        call("DELETE", f"/containers/{container}?force=true&v=true")


def sequential(count):
    """Return the seconds that each of ``count`` pairs took."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        pair = start_pair()
        taken.append(time.perf_counter() - began)
        remove_pair(pair)
    return taken


def together(count, at_once):
    """Return the seconds that ``count`` pairs took, ``at_once`` at a time."""
    with ThreadPoolExecutor(at_once) as pool:
        began = time.perf_counter()
        pairs = list(pool.map(lambda _: start_pair(), range(count)))
        taken = time.perf_counter() - began
    for pair in pairs:
        remove_pair(pair)
    return taken


def replaced(count, at_once):
    """Return the seconds to start ``count`` pairs and then remove as many older ones."""
    with ThreadPoolExecutor(at_once) as pool:
        old = list(pool.map(lambda _: start_pair(), range(count)))
        began = time.perf_counter()
        new = list(pool.map(lambda _: start_pair(), range(count)))
        list(pool.map(_stop_pair, old))
        taken = time.perf_counter() - began
    for pair in new:
        remove_pair(pair)
    return taken


def _stop_pair(pair):
    """End the app as a task is ended, by its stop signal; then remove both."""
    call("POST", f"/containers/{pair[1]}/stop?t=5")
    remove_pair(pair)
