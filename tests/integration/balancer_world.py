"""A VPC's namespace with targets in it, for tests of load balancers."""

import asyncio
import ctypes
import json
import logging
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar

from ecsd.agent.drivers.host import is_ready_folder
from ecsd.agent.drivers.namespaces import Visitor
from ecsd.agent.drivers.socket_stock import SocketStock
from ecsd.agent.traffic.balancers import HostBalancers
from ecsd.clock import SystemClock
from ecsd.records.observed import TargetGroupObserved
from ecsd.records.plan import (
    BalancerPlan,
    HealthCheckPlan,
    ListenerPlan,
    RulePlan,
    TargetGroupPlan,
    TargetPlan,
)
from ecsd.settings import Settings

ADDRESS = "10.201.1.20"
ENTRANCE = "127.64.201.1"
DNS_NAME = "web-1.elb.localhost"
ARN = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/web/1"
LISTENER = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/web/1/2"
HERE = Path(__file__).parent
T = TypeVar("T")
LIBC = ctypes.CDLL(None, use_errno=True)
LOG = logging.getLogger("ecsd.agent.drivers.haproxy")
HOST_NAME = Path("/run/netns/ecsd3-host")


class FakeNetworks:
    """Sockets in a namespace that the test made."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._stock: SocketStock | None = None
        self._thread = ThreadPoolExecutor(1, initializer=self._enter)

    def namespace_path(self, vpc_id: str) -> str:
        return self.path

    def spare_socket(self, vpc_id: str) -> socket.socket | None:
        return self._stock.spare() if self._stock is not None else None

    async def open_socket(self, vpc_id: str) -> socket.socket:
        if self._stock is None:
            self._stock = SocketStock(Visitor(), self.path, SystemClock())
        return await self._stock.take()

    def within(self, work: Callable[[], T]) -> T:
        """Do something in the namespace."""
        return self._thread.submit(work).result()

    def close(self) -> None:
        if self._stock is not None:
            self._stock.close()
        self._thread.shutdown()

    def _enter(self) -> None:
        with Path(self.path).open() as namespace:
            assert LIBC.setns(namespace.fileno(), 0) == 0, ctypes.get_errno()


class World:
    """One VPC, its targets, and a HostBalancers over them."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ecst-"))
        self.folder.chmod(0o711)
        self.namespace = self.folder / "namespace"
        self.hosts = self.folder / "hosts"
        self.hosts.write_text("127.0.0.1 localhost\n")
        self.settings = Settings(
            run_dir=self.folder, hosts_file=str(self.hosts), edge_port=18480, port=14566, instance=3
        )
        self.targets: dict[str, subprocess.Popen[str]] = {}
        self.heard: list[TargetGroupObserved] = []
        self.reports: list[object] = []
        self._news = asyncio.Event()
        self._made_host = False
        self._loads: list[str] = []
        self._handler = logging.Handler(logging.INFO)
        self._handler.emit = self._logged
        LOG.addHandler(self._handler)
        LOG.setLevel(logging.INFO)
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        self.namespace.touch()
        subprocess.run(["unshare", f"--net={self.namespace}", "true"], check=True)
        self._inside("ip", "link", "set", "lo", "up")
        self._inside("ip", "addr", "add", f"{ADDRESS}/32", "dev", "lo")
        if not is_ready_folder(HOST_NAME.parent):
            # As the agent does: a mount made later would hide the name for good.
            folder = str(HOST_NAME.parent)
            subprocess.run(["mount", "--bind", folder, folder], check=True)
            subprocess.run(["mount", "--make-shared", folder], check=True)
        if not HOST_NAME.exists() or not HOST_NAME.samefile("/proc/self/ns/net"):
            HOST_NAME.touch()
            subprocess.run(["mount", "--bind", "/proc/self/ns/net", HOST_NAME], check=True)
            self._made_host = True
        self.networks = FakeNetworks(self.namespace)

    def _logged(self, record: logging.LogRecord) -> None:
        if "in force" in record.getMessage():
            self._loads.append(record.folder)
            self._news.set()

    def close(self) -> None:
        LOG.removeHandler(self._handler)
        for process in self.targets.values():
            process.kill()
            process.wait()
            process.stdout.close()
        self.networks.close()
        subprocess.run(["umount", "-l", self.namespace], check=True)
        if self._made_host:
            subprocess.run(["umount", "-l", HOST_NAME], check=False, capture_output=True)
            try:
                HOST_NAME.unlink()
            except OSError:
                LOG.info("another mount of /run/netns holds the name")
        shutil.rmtree(self.folder)

    def start_target(self, number: int, pem: str = "", program: str = "fake_target.py") -> str:
        """Start target ``10.201.1.<number>``; return its address. pem: it speaks HTTPS with it."""
        address = f"10.201.1.{number}"
        self._inside("ip", "addr", "replace", f"{address}/32", "dev", "lo")
        more = []
        if pem:
            file = self.folder / f"t{number}.pem"
            file.write_text(pem)
            more.append(str(file))
        process = subprocess.Popen(
            [
                *("nsenter", f"--net={self.namespace}"),
                *(sys.executable, str(HERE / program), address, f"t{number}", *more),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.targets[address] = process
        assert process.stdout.readline() == "ready\n"
        return address

    def _inside(self, *command: str) -> None:
        subprocess.run(["nsenter", f"--net={self.namespace}", *command], check=True)

    def stop_target(self, address: str) -> None:
        process = self.targets.pop(address)
        process.terminate()
        process.wait()
        process.stdout.close()

    # ---------------------------------------------------------------- the agent's part

    async def begin(self) -> HostBalancers:
        """Start an agent's balancers."""
        self.balancers = HostBalancers(self.settings, SystemClock(), self.networks, self._report)
        self._task = asyncio.get_running_loop().create_task(self.balancers.run())
        return self.balancers

    async def end(self) -> None:
        """Let the agent end; HAProxy goes on."""
        if self._task is not None:
            self._task.cancel()
            try:
                await self._task
            except asyncio.CancelledError:
                self._task = None

    def _report(self, message: object) -> None:
        self.reports.append(message)
        if isinstance(message, TargetGroupObserved):
            self.heard.append(message)
        self._news.set()

    async def until(self, test: Callable[["World"], bool], seconds: float = 15) -> None:
        """Return when a report has made the test true."""
        async with asyncio.timeout(seconds):
            while not test(self):
                self._news.clear()
                await self._news.wait()

    async def healthy(self, *addresses: str, group: str = "a") -> None:
        """Return when exactly these targets of a group are healthy."""
        await self.until(lambda world: world.states(group) == dict.fromkeys(addresses, "healthy"))

    def states(self, group: str = "a") -> dict[str, str]:
        """Return the last reported states of a group: address → state."""
        for seen in reversed(self.heard):
            if seen.target_group_arn == group_arn(group):
                return {one.target_id: one.state for one in seen.targets}
        return {}

    async def get(self, path: str = "/", **wanted: object) -> SimpleNamespace:
        """Ask the balancer; see ``fetch``."""
        return await asyncio.to_thread(fetch, path, **wanted)

    def master(self) -> int:
        """Return the process id of the VPC's HAProxy."""
        state = json.loads((self.folder / "haproxy/vpc-1/running.json").read_text())
        return state["process"]

    def loads(self) -> int:
        """Return how often the VPC's HAProxy has loaded a configuration."""
        return sum(1 for folder in self._loads if folder.endswith("vpc-1"))


@asynccontextmanager
async def opened_world() -> AsyncIterator[World]:
    """A world with an agent's balancers; nothing of it is left."""
    made = World()
    made.open()
    try:
        await made.begin()
        try:
            yield made
        finally:
            await made.end()
            await (await made.begin()).remove_everything()
            await made.end()
    finally:
        made.close()


def fetch(path="/", *, host=DNS_NAME, method="GET", headers=None, at=(ENTRANCE, 18080), body=None):
    """Ask once on a new connection; return status, headers (a list), cookies, text."""
    connection = HTTPConnection(*at, timeout=20)
    try:
        connection.request(method, path, body=body, headers={"Host": host, **(headers or {})})
        answer: HTTPResponse = connection.getresponse()
        text = answer.read().decode()
        pairs = answer.getheaders()
        cookies = [value for key, value in pairs if key.lower() == "set-cookie"]
        return SimpleNamespace(
            status=answer.status,
            headers={key.lower(): value for key, value in pairs},
            cookies={one.partition("=")[0]: one for one in cookies},
            text=text,
        )
    finally:
        connection.close()


class Load:
    """Constant requests over keep-alive connections; remembers what failed and who answered.

    connect: opens a connection, instead of plain HTTP to ``at``.
    """

    def __init__(self, connections: int = 6, at=(ENTRANCE, 18080), connect=None) -> None:
        self._connect = connect or (lambda: HTTPConnection(*at, timeout=10))
        self._stop = threading.Event()
        self.failures: list[str] = []
        self.answers = 0
        self._threads = [threading.Thread(target=self._work) for _ in range(connections)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        connection = self._connect()
        while not self._stop.is_set():
            try:
                connection.request("GET", "/", headers={"Host": DNS_NAME})
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    self.failures.append(f"status {answer.status}")
                self.answers += 1
            except (OSError, HTTPException) as error:
                self.failures.append(f"{type(error).__name__} {error}")
                connection.close()
        connection.close()


def group_arn(name: str) -> str:
    return f"arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/{name}/1"


def group(name="a", *targets, draining=(), attributes=None, **check) -> TargetGroupPlan:
    """A target group; targets and draining by address."""
    settings = {
        "enabled": True,
        "protocol": "HTTP",
        "port": "traffic-port",
        "path": "/health",
        "interval": 1,
        "timeout": 1,
        "healthy_threshold": 2,
        "unhealthy_threshold": 2,
        "matcher": "200",
    } | check
    return TargetGroupPlan(
        target_group_arn=group_arn(name),
        name=name,
        protocol="HTTP",
        health_check=HealthCheckPlan(**settings),
        targets=tuple(
            TargetPlan(target_id=one, address=one, port=8080, draining=one in draining)
            for one in (*targets, *draining)
        ),
        attributes=attributes or {},
    )


def forward(*shares, sticky=0) -> tuple[dict, ...]:
    """A forward action to (name, weight) pairs."""
    config = {
        "TargetGroups": [{"TargetGroupArn": group_arn(n), "Weight": w} for n, w in shares],
        "TargetGroupStickinessConfig": {"Enabled": bool(sticky), "DurationSeconds": sticky},
    }
    return ({"Type": "forward", "ForwardConfig": config},)


def rule(priority, condition, *actions) -> RulePlan:
    conditions = condition if isinstance(condition, tuple) else (condition,)
    return RulePlan(
        rule_arn=f"{LISTENER}/{priority}", priority=priority, conditions=conditions, actions=actions
    )


def plan(*groups, rules=(), default=None, port=18080, attributes=None, **more) -> BalancerPlan:
    """A balancer with one open listener that forwards to the first group."""
    listener = ListenerPlan(
        listener_arn=LISTENER,
        port=port,
        protocol="HTTP",
        rules=tuple(rules),
        default_actions=default or forward((groups[0].name, 1)),
        open_to_world=more.pop("open_to_world", True),
    )
    settings = {
        "load_balancer_arn": ARN,
        "name": "web",
        "dns_name": DNS_NAME,
        "vpc_id": "vpc-1",
        "addresses": (ADDRESS,),
        "entrance": ENTRANCE,
        "listeners": (listener,),
        "target_groups": groups,
        "attributes": attributes or {},
    }
    return BalancerPlan(**(settings | more))
