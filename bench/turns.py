"""From the answer to RegisterTargets and DeregisterTargets to the target's first, last request."""

import statistics
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.scene import answering, flowing
from bench.table import Group, Row
from tests.integration.nlb_world import PORT
from tests.integration.sample import eventually

ASKING = Path(__file__).parent / "asking.py"
ROUNDS = 7
REST = 0.4  # seconds after a change in which its effects are looked for


class Asked(NamedTuple):
    """A request: when it was begun and answered (monotonic seconds), and by whom."""

    began: float
    ended: float
    by: str


class Change(NamedTuple):
    """A group whose second target comes and goes, and a client that asks all the while."""

    account: object
    group: str
    coming: object
    client: "Client"


class Client:
    """A process that asks; ``heard`` grows."""

    def __init__(self, namespace, address, port, host):
        self.heard = []
        enter = ["nsenter", f"--net={namespace}", sys.executable, str(ASKING)]
        self._process = subprocess.Popen(
            [*enter, address, str(port), host],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._thread = threading.Thread(target=self._hear)
        self._thread.start()

    def _hear(self):
        for line in self._process.stdout:
            began, ended, by = line.split()
            self.heard.append(Asked(float(began), float(ended), by))

    def of(self, name, after):
        """Return what one target answered, of what was begun after a moment."""
        return [one for one in [*self.heard] if one.by == name and one.began >= after]

    def failures(self):
        return len(self.of("-", 0))

    def close(self):
        self._process.stdin.close()
        self._process.wait(10)
        self._thread.join()


@contextmanager
def changing(kind):
    """An application or a network load balancer with a target that stays and one that comes."""
    with ExitStack() as stack:
        scene, flows = stack.enter_context(flowing())
        staying, coming, asking = flows.tasks("a", "a", "a")
        for one in (staying, coming):
            stack.enter_context(answering(one.path, PORT, one.address))
        account = scene.account
        if kind == "application":
            account.load_balancer(delay=0)
            group, port = account.group, 80
            address = _own_address(account)
        else:
            address, port = flows.balancer()["a"], PORT
            group = flows.target_group("flows")
            flows.listen(port, group)
        account.elbv2.register_targets(TargetGroupArn=group, Targets=_target(staying))
        flows.healthy(group, staying)
        client = Client(asking.path, address, port, account.dns_name)
        stack.callback(client.close)
        eventually(lambda: client.of(staying.address, 0))
        yield Change(account, group, coming, client)


def _own_address(account):
    """Return an application load balancer's address in the first zone."""
    found = account.ec2.describe_network_interfaces(
        Filters=[{"Name": "description", "Values": ["ELB app/*"]}]
    )["NetworkInterfaces"]
    return min(found, key=lambda one: one["AvailabilityZone"])["PrivateIpAddress"]


def _target(place):
    return [{"Id": place.address, "Port": PORT}]


def measure(change):
    """Return the medians: answered → first request's answer there; answered → last new request."""
    account, group, coming, client = change
    come, gone = [], []
    for _ in range(ROUNDS):
        asked = time.monotonic()
        account.elbv2.register_targets(TargetGroupArn=group, Targets=_target(coming))
        answered = time.monotonic()
        first = eventually(lambda since=asked: client.of(coming.address, since), every=0.005)[0]
        come.append(max(0.0, first.ended - answered))
        time.sleep(REST)
        asked = time.monotonic()
        account.elbv2.deregister_targets(TargetGroupArn=group, Targets=_target(coming))
        answered = time.monotonic()
        time.sleep(REST)
        last = client.of(coming.address, asked)
        gone.append(max([0.0, *(one.began - answered for one in last)]))
        eventually(lambda: _is_unused(account, group, coming))
    if client.failures():
        raise RuntimeError(f"{client.failures()} of {len(client.heard)} requests failed")
    return statistics.median(come), statistics.median(gone)


def _is_unused(account, group, place):
    found = account.elbv2.describe_target_health(TargetGroupArn=group)
    ids = [one["Target"]["Id"] for one in found["TargetHealthDescriptions"]]
    return place.address not in ids


def rows_of(kind, name):
    """Return the group of one kind of load balancer."""

    @contextmanager
    def opened():
        with changing(kind) as change:
            yield measure(change)

    return Group(
        opened,
        (
            Row(
                f"RegisterTargets → first request there, {name}",
                "≤ 50 ms",
                lambda found: f"{found[0] * 1000:.0f} ms",
            ),
            Row(
                f"DeregisterTargets → last new request there, {name}",
                "≤ 50 ms",
                lambda found: f"{found[1] * 1000:.0f} ms",
            ),
        ),
    )


APPLICATION = rows_of("application", "ALB")
NETWORK = rows_of("network", "NLB")
