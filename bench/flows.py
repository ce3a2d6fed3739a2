"""Network load balancers against their targets asked directly, from a task in the VPC."""

import subprocess
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import NamedTuple

from bench import machine
from bench.scene import answering, flowing
from bench.table import Group, Row, interleaved, share
from tests.integration.nlb_world import PORT, Place
from tests.integration.sample import eventually

IPERF_PORT = 5201
SECONDS, ROUNDS = 2, 5


class Paths(NamedTuple):
    """A target, its balancer's address in the VPC, and who asks both."""

    target: Place
    asking: Place
    balanced: str


@contextmanager
def opened():
    """A balancer with two listeners: one of short connections, one of iperf3's."""
    with ExitStack() as stack:
        _, flows = stack.enter_context(flowing())
        target, asking = flows.tasks("a", "a")
        stack.enter_context(answering(target.path, PORT))
        stack.enter_context(_measuring_throughput(target))
        addresses = flows.balancer()
        for port in (PORT, IPERF_PORT):
            group = flows.target_group(f"port-{port}", HealthCheckPort=str(PORT))
            flows.account.elbv2.register_targets(
                TargetGroupArn=group, Targets=[{"Id": target.address, "Port": port}]
            )
            flows.listen(port, group)
            flows.healthy(group, target)
        yield Paths(target, asking, addresses["a"])


@contextmanager
def _measuring_throughput(target):
    enter = ["nsenter", f"--net={target.path}"]
    command = [*enter, "iperf3", "-s", "-p", str(IPERF_PORT)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            listening = f":{IPERF_PORT} "
            eventually(lambda: listening in machine.run(*enter, "ss", "-Hltn"), 10)
            yield
        finally:
            server.terminate()


def _against_direct(paths, measure):
    turns = [partial(measure, paths.balanced), partial(measure, paths.target.address)]
    return interleaved(*turns, rounds=ROUNDS)


def connections(paths):
    def measure(address):
        how = {"seconds": SECONDS, "connections": 16, "namespace": paths.asking.path}
        return machine.good_rate(f"http://{address}:{PORT}/", headers=["Connection: close"], **how)

    return share(*_against_direct(paths, measure))


def throughput(paths):
    def measure(address):
        return machine.throughput(address, seconds=SECONDS, namespace=paths.asking.path)

    ours, direct = _against_direct(paths, measure)
    return f"{ours / direct:.2f} ({ours / 1e9:.1f} / {direct / 1e9:.1f} Gbit/s)"


GROUP = Group(
    opened,
    (
        Row("NLB new connections/s against direct ones", "≥ 0.8", connections),
        Row("NLB throughput against direct", "≥ 0.8", throughput),
    ),
)
