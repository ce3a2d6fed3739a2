"""Names as containers ask for them: against dnsmasq in the same VPC, and after a registration."""

import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench import machine
from bench.scene import flowing
from bench.table import Group, Row, interleaved, milliseconds, share
from tests.integration.nlb_world import RESOLVER, Place, resolve
from tests.integration.sample import eventually

PORT, DNSMASQ_PORT = 53, 5353  # at the same address, in the VPC's namespace
SECONDS, ROUNDS, REGISTRATIONS = 2, 5, 9
SERVICE, NAMESPACE = "api", "bench.internal"
NAME = f"{SERVICE}.{NAMESPACE}"


class Names(NamedTuple):
    """A namespace with a service, and who asks for its name."""

    asking: Place
    cloud_map: object
    service: str


@contextmanager
def opened():
    """A namespace of Cloud Map with one instance, and a dnsmasq that knows the same name."""
    with ExitStack() as stack:
        scene, flows = stack.enter_context(flowing())
        (asking,) = flows.tasks("a")
        scene.account.ec2.modify_vpc_attribute(
            VpcId=scene.account.vpc, EnableDnsHostnames={"Value": True}
        )
        cloud_map = scene.account.client("servicediscovery")
        cloud_map.create_private_dns_namespace(Name=NAMESPACE, Vpc=scene.account.vpc)
        (namespace,) = eventually(lambda: cloud_map.list_namespaces()["Namespaces"])
        record = {"Type": "A", "TTL": 10}
        service = cloud_map.create_service(
            Name=SERVICE,
            NamespaceId=namespace["Id"],
            DnsConfig={"DnsRecords": [record], "RoutingPolicy": "MULTIVALUE"},
        )["Service"]["Id"]
        _register(cloud_map, service, "first", "10.0.10.99")
        eventually(lambda: resolve(asking, NAME) == ["10.0.10.99"])
        stack.enter_context(dnsmasq(scene.namespace))
        yield Names(asking, cloud_map, service)


@contextmanager
def dnsmasq(namespace):
    """A dnsmasq that answers for the name at once, asks nobody and reads no file of the host."""
    enter = ["nsenter", f"--net={namespace}"]
    listening = [f"--port={DNSMASQ_PORT}", f"--listen-address={RESOLVER}", "--bind-interfaces"]
    alone = ["-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--pid-file"]
    known = [f"--address=/{NAME}/10.0.10.99", "--local-ttl=10"]
    with subprocess.Popen([*enter, "dnsmasq", *alone, *listening, *known]) as server:
        try:
            here = f":{DNSMASQ_PORT} "
            eventually(lambda: here in machine.run(*enter, "ss", "-Hlun"), 10)
            yield
        finally:
            server.terminate()


def _register(cloud_map, service, instance, address):
    cloud_map.register_instance(
        ServiceId=service, InstanceId=instance, Attributes={"AWS_INSTANCE_IPV4": address}
    )


def questions(names):
    def measure(port):
        how = {"seconds": SECONDS, "namespace": names.asking.path}
        return machine.questions(RESOLVER, port, NAME, **how)

    return share(
        *interleaved(partial(measure, PORT), partial(measure, DNSMASQ_PORT), rounds=ROUNDS)
    )


def registration(names):
    """The median time from RegisterInstance's answer until its address is in the answer."""
    taken = []
    for number in range(REGISTRATIONS):
        address = f"10.0.10.{100 + number}"
        with _looking(names.asking, address) as looking:
            _register(names.cloud_map, names.service, f"one-{number}", address)
            answered = time.monotonic()
            found = float(looking.stdout.readline())
        taken.append(max(0.0, found - answered))
        names.cloud_map.deregister_instance(ServiceId=names.service, InstanceId=f"one-{number}")
        eventually(lambda at=address: at not in resolve(names.asking, NAME))
    return milliseconds(statistics.median(taken))


@contextmanager
def _looking(place, address):
    """A process that prints when an address is first answered, in monotonic seconds."""
    script = str(Path(__file__).parent / "looking.py")
    enter = ["nsenter", f"--net={place.path}", sys.executable, script, RESOLVER, NAME, address]
    with subprocess.Popen(enter, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("the asker does not start")
            yield process
        finally:
            process.kill()


GROUP = Group(
    opened,
    (
        Row("DNS questions/s from a container against dnsmasq", "≥ 0.7", questions),
        Row("RegisterInstance → its name resolves", "≤ 20 ms", registration),
    ),
)
