"""Faults of the machine: the API stays up, the resource says why, things converge afterwards."""

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.integration.conftest import Ecsd, findings
from tests.integration.sample import Account, eventually
from tests.integration.test_service import containers

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def test_a_killed_haproxy_comes_back_by_itself(ecsd, account):
    account.network()
    account.load_balancer()
    account.service(account.register())
    account.steady()
    assert account.get()[0] == 200
    folder = ecsd.folder / "run" / "haproxy" / account.vpc
    for pid in masters(folder):
        os.kill(pid, signal.SIGKILL)

    def answers():
        try:
            return account.get()[0] == 200
        except OSError:
            return False

    # An old worker may answer once more before it ends.
    eventually(lambda: masters(folder) and answers(), 15)


def masters(folder):
    """Return the pids of the HAProxies that use a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue  # it has ended meanwhile
        if b"haproxy" in words and str(folder).encode() in words:
            found.append(int(path.parent.name))
    return found


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 12 MB."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_a_full_disk_refuses_writes_and_loses_nothing(small_disk):
    import boto3
    from botocore.config import Config

    one = Ecsd(small_disk, port=4572, instance=2, ECSD_EDGE_PORT="0", ECSD_HOSTS_FILE="")
    assert one.run("up", "-d", check=False).returncode == 0
    ballast = small_disk / "ballast"
    try:
        ecs = boto3.client(
            "ecs",
            endpoint_url=one.endpoint,
            region_name="us-east-1",
            aws_access_key_id="1" * 12,
            aws_secret_access_key="x",
            config=Config(retries={"max_attempts": 0}),
        )
        ecs.create_cluster(clusterName="before")
        fill(ballast)
        refused = []

        def is_refused():
            try:
                ecs.create_cluster(clusterName=f"full-{len(refused)}", tags=_large())
            except ClientError as error:
                return error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
            refused.append(1)
            return False

        eventually(is_refused, 30)
        names = [arn.rpartition("/")[2] for arn in ecs.list_clusters()["clusterArns"]]
        assert "before" in names
        ballast.unlink()

        def is_accepted():
            try:
                return ecs.create_cluster(clusterName="after")
            except ClientError:
                return None

        eventually(is_accepted, 30)
        held = {arn.rpartition("/")[2] for arn in ecs.list_clusters()["clusterArns"]}
        assert held == {"before", "after", *(f"full-{at}" for at in range(len(refused)))}
        assert findings(one) == []
    finally:
        one.run("down", check=False)


def fill(path):
    """Write until nothing more fits."""
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            return


def _large():
    return [{"key": f"k{at}", "value": "v" * 250} for at in range(50)]


@pytest.fixture
def short_path():
    """A folder whose path leaves room: a unix socket's path may have 107 characters."""
    with tempfile.TemporaryDirectory(prefix="ecsd-f-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def private_engine(short_path):
    """A Docker Engine of this test's own, with the sample image."""
    engine = PrivateEngine(short_path)
    engine.start()
    saved = subprocess.run(["docker", "save", "ecsd/sample-app:1"], capture_output=True, check=True)
    engine.docker("load", given=saved.stdout)
    yield engine
    engine.stop()
    subprocess.run(["umount", "-l", *mounts(short_path)], check=False, capture_output=True)


class PrivateEngine:
    """dockerd under a folder of its own."""

    def __init__(self, folder):
        self.socket = folder / "docker.sock"
        self._folder = folder
        self._process = None

    def start(self):
        self._process = subprocess.Popen(
            [
                "dockerd",
                "--bridge=none",
                "--iptables=false",
                "--ip-forward=false",
                "--live-restore",
                f"--data-root={self._folder / 'data'}",
                f"--exec-root={self._folder / 'exec'}",
                f"--pidfile={self._folder / 'pid'}",
                f"--host=unix://{self.socket}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        eventually(lambda: self.docker("info", check=False).returncode == 0, 30)

    def stop(self):
        self._process.terminate()
        self._process.wait(30)

    def docker(self, *words, given=None, check=True):
        return subprocess.run(
            ["docker", "-H", f"unix://{self.socket}", *words],
            input=given,
            capture_output=True,
            check=check,
        )


def mounts(folder):
    """Return what is mounted below a folder, the deepest first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split()[4] for line in lines]
    return sorted((one for one in points if one.startswith(str(folder))), reverse=True)


def test_a_stopped_engine_leaves_the_api_up_and_is_found_again(private_engine, short_path):
    import boto3

    one = Ecsd(
        short_path / "ecsd",
        port=4573,
        instance=3,
        ECSD_EDGE_PORT="0",
        ECSD_DOCKER_SOCKET=str(private_engine.socket),
    )
    assert one.run("up", "-d", check=False).returncode == 0
    try:
        account = Account(
            lambda service: boto3.client(
                service,
                endpoint_url=one.endpoint,
                region_name="us-east-1",
                aws_access_key_id="2" * 12,
                aws_secret_access_key="x",
            ),
            "2" * 12,
        )
        account.network()
        account.load_balancer()
        account.service(account.register(), desired=1)
        account.steady()
        private_engine.stop()
        eventually(lambda: "engine" in one.run("doctor", check=False).stdout.lower(), 30)
        eventually(lambda: "fault" in one.run("status").stdout, 30)
        assert account.get()[0] == 200, "traffic goes on while the Engine is away"
        account.ecs.update_service(cluster="prod", service="web", desiredCount=2)
        time.sleep(1)
        assert account.described()["runningCount"] == 1
        private_engine.start()
        account.steady()
        assert len(account.tasks()) == 2
        account.tear_down()
    finally:
        one.run("down", "--state", "--yes", check=False)


def test_a_task_whose_pause_dies_ends_and_is_replaced(ecsd, account):
    account.network()
    account.load_balancer()
    account.service(account.register(), desired=1)
    account.steady()
    (victim,) = account.tasks()
    (app,) = containers(victim)
    pause = app.rsplit("-", 1)[0] + "-pause"
    subprocess.run(["docker", "kill", pause], check=True, capture_output=True)
    eventually(lambda: victim["taskArn"] not in {one["taskArn"] for one in account.tasks()})
    account.steady()
    assert account.get()[0] == 200
