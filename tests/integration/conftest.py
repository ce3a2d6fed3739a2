"""A whole ecsd of its own: another port, other folders, another label on the host.

The machine's own ecsd, if one runs, is left alone. Everything goes when the tests end.
"""

import asyncio
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.integration.instance import INSTANCE, REGISTRY, UPSTREAM
from tests.integration.sample import Account
from tests.integration.task_world import provide_image

IMAGE = "ecsd/sample-app:1"
PORT = 4569 + INSTANCE
PERIOD = 2  # seconds of load balancers' logs and metrics
TOLD = 40  # lines of its log, with a test that failed
LAMBDA_PORT = 4690 + INSTANCE  # where tests run functions


class Ecsd:
    """One running ecsd and its commands."""

    def __init__(
        self, folder: Path, port: int = PORT, instance: int = INSTANCE, **more: str
    ) -> None:
        self.folder = folder
        self.port = port
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "ECSD_PORT": str(port),
            "ECSD_INSTANCE": str(instance),
            "ECSD_DATA_DIR": str(folder / "data"),
            "ECSD_RUN_DIR": str(folder / "run"),
            "ECSD_LAMBDA_ENDPOINT": f"http://127.0.0.1:{LAMBDA_PORT}",
            "ECSD_ECR_UPSTREAMS": f"quay.io={UPSTREAM},registry-1.docker.io={REGISTRY}",
            "ECSD_BALANCER_LOG_SECONDS": str(PERIOD),
            "ECSD_BALANCER_METRIC_SECONDS": str(PERIOD),
            "ECSD_FLOW_LOGS_MINUTE": "1",
            **more,
        }

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run an ecsd command."""
        return subprocess.run(
            [sys.executable, "-m", "ecsd", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=check,
        )

    def pids(self) -> dict[str, int]:
        """Return the pids of supervisor, server and agent."""
        supervisor = int((self.folder / "run" / "supervisor.pid").read_text())
        found = {"supervisor": supervisor}
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
        for child in children:
            try:
                words = Path(f"/proc/{child}/cmdline").read_text().split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended meanwhile
            for name in ("server", "agent"):
                if name in words:
                    found[name] = int(child)
        return found

    def log(self) -> str:
        path = self.folder / "data" / "ecsd.log"
        return path.read_text(errors="replace") if path.exists() else ""


@contextmanager
def running(**settings: Any) -> Iterator[Ecsd]:
    """An ecsd in a folder of its own; settings are Ecsd's."""
    with tempfile.TemporaryDirectory(prefix="ecsd-test-") as folder:
        Path(folder).chmod(0o711)  # HAProxy's user passes through, as through /run
        one = Ecsd(Path(folder), **settings)
        up = one.run("up", "-d", check=False)
        assert up.returncode == 0, up.stdout + up.stderr + one.log()
        # Where another ecsd answers at this port, ``down`` would take away what is not ours.
        own = one.folder / "run" / "supervisor.pid"
        assert own.exists(), f"another ecsd answers at {one.endpoint}: choose another instance"
        try:
            yield one
        finally:
            down = one.run("down", "--state", "--yes", check=False)
        assert down.returncode == 0, down.stdout + down.stderr


@pytest.fixture(scope="session")
def ecsd() -> Iterator[Ecsd]:
    """An ecsd that runs for the whole session."""
    with running() as one:
        yield one


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take minutes: workers take one file after the other."""
    long = {item.path for item in items if "terraform" in item.nodeid}
    items.sort(key=lambda item: item.path not in long)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show with a test that failed what its ecsd had to say last."""
    report = (yield).get_result()
    one = getattr(item, "funcargs", {}).get("ecsd")
    if report.failed and isinstance(one, Ecsd):
        told = [line for line in one.log().splitlines() if " info " not in line[:20]]
        report.sections.append(("ecsd's log, from warnings up", "\n".join(told[-TOLD:])))


class Functions(http.server.ThreadingHTTPServer):
    """Answers Lambda's Invoke as a local runner does; ``asked`` holds the payloads.

    answers: lifecycle stage → answer. reply: what other events are answered with, or a function of
    the event that says so; an error of its own ends the connection.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", LAMBDA_PORT), _Invoke)
        self.asked: list[tuple[str, Any]] = []
        self.answers: dict[str, Any] = {}
        self.reply: Any = {"hookStatus": "SUCCEEDED"}


class _Invoke(http.server.BaseHTTPRequestHandler):
    server: Functions

    def do_POST(self) -> None:
        payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, payload))
        answer = self.server.answers.get(payload.get("lifecycleStage"), self.server.reply)
        if callable(answer):
            answer = answer(payload)
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def functions() -> Iterator[Functions]:
    """Who runs functions."""
    server = Functions()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def image() -> str:
    """A small image with a shell."""
    return asyncio.run(provide_image())


@pytest.fixture
def account(ecsd, request) -> Iterator[Account]:
    """An account of its own for one test; what it made is removed, and the invariants hold."""
    with new_account(ecsd, request.node.nodeid) as one:
        yield one


@pytest.fixture
def command(ecsd, account):
    """Runs a client as its user does; returns its exit code and what it said."""
    environment = ecsd.environment | {
        "AWS_ENDPOINT_URL": ecsd.endpoint,
        "AWS_ACCESS_KEY_ID": account.number,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }

    def run(name, *words):
        done = subprocess.run(
            [Path(sys.executable).parent / name, *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


@contextmanager
def new_account(ecsd: Ecsd, purpose: str) -> Iterator[Account]:
    """An account; what it made is removed when it is let go."""
    number = f"{abs(hash((purpose, time.time_ns()))) % 10**12:012}"

    def client(service: str):
        return boto3.client(
            service,
            endpoint_url=ecsd.endpoint,
            region_name="us-east-1",
            aws_access_key_id=number,
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 8, "mode": "standard"}, read_timeout=30),
        )

    one = Account(client, number)
    try:
        yield one
    finally:
        one.tear_down()
    assert findings(ecsd) == []


def findings(ecsd: Ecsd) -> list[dict[str, str]]:
    """Return broken invariants of the running store."""
    return [one for one in page(ecsd, "findings") if one["severity"] == "fatal"]


def page(ecsd: Ecsd, name: str) -> Any:
    """Return one of ecsd's own pages."""
    with urllib.request.urlopen(f"{ecsd.endpoint}/_ecsd/{name}", timeout=10) as answer:
        return json.load(answer)
