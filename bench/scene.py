"""What figures are measured on: an ecsd of its own for each group, an account, places in a VPC."""

import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import boto3

from bench import machine
from tests.integration.conftest import Ecsd, running
from tests.integration.nlb_world import Flows
from tests.integration.sample import Account, eventually

ACCOUNT = "777777777777"
ANSWERING = """
global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend all
  bind {address}:{port} {spoken}
  http-request return status 200 content-type {kind} string "{text}" {more}
"""


class Scene(NamedTuple):
    """An ecsd, and an account of it."""

    ecsd: Ecsd
    account: Account

    @property
    def namespace(self):
        """Where the network namespace of the account's VPC is."""
        return f"/run/netns/ecsd{self.ecsd.environment['ECSD_INSTANCE']}-{self.account.vpc}"


@contextmanager
def prepared():
    """An ecsd that goes with all that was made on it."""
    with running() as ecsd:
        yield Scene(ecsd, Account(lambda service: client(ecsd, service), ACCOUNT))


@contextmanager
def flowing():
    """The same, with its network and a cluster whose tasks are places to serve and to ask from."""
    with prepared() as scene:
        yield scene, Flows(scene.account)


def client(ecsd, service):
    """Return a boto3 client of the benchmark's account."""
    return boto3.client(
        service,
        endpoint_url=ecsd.endpoint,
        region_name="us-east-1",
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="test",
    )


@contextmanager
def haproxy(configuration, namespace):
    """A bare HAProxy in a namespace; it listens when this yields its process."""
    with tempfile.TemporaryDirectory(prefix="ecsd-bench-") as folder:
        path = Path(folder) / "haproxy.cfg"
        path.write_text(configuration)
        enter = ["nsenter", f"--net={namespace}"]
        process = subprocess.Popen([*enter, "haproxy", "-db", "-f", str(path)])

        def listens():
            if process.poll() is not None:
                raise RuntimeError(f"HAProxy ended with {process.returncode}")
            sockets = ("ss", "-Hltnp")  # of its namespace, and of the host, if that is its way in
            everywhere = machine.run(*enter, *sockets) + machine.run(*sockets)
            return f"pid={process.pid}," in everywhere

        try:
            eventually(listens, 10, 0.05)
            yield process
        finally:
            process.terminate()
            process.wait()


def answering(namespace, port, text="ok", *, address="0.0.0.0", spoken="", kind="text/plain", **to):
    """A fast target: answers every request at once. more: further words of its answer."""
    more = to.get("more", "")
    return haproxy(
        ANSWERING.format(
            address=address, port=port, text=text, spoken=spoken, kind=kind, more=more
        ),
        namespace,
    )
