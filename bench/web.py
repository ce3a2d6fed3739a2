"""Application load balancers against a bare HAProxy of the same configuration, and their latency.

Targets answer at once, so that the balancer is what is measured.
"""

import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench import machine
from bench.scene import Scene, answering, flowing, haproxy
from bench.table import Group, Row, interleaved, milliseconds, share
from tests.integration.nlb_world import Place
from tests.integration.sample import eventually

RULES = 50
BARE = 8000  # added to the ports of the bare one
SECONDS, ROUNDS = 3, 5
RATE = 2000  # requests a second when latency is measured
GRPC_PORT, ECHO_PORT = 50051, 9000
GRPC_PATH, ECHO_PATH = "/echo.Echo/Say", "/echo"
GRPC_CALL = b"\0\0\0\0\5hello"  # a message's flag and length, the message
WRK = {"seconds": SECONDS, "connections": 16}
SOCKETS = Path(__file__).parent / "websocket_echo.py"


class Web(NamedTuple):
    """A balancer with 50 rules on each listener, and a bare HAProxy beside it on other ports."""

    scene: Scene
    target: Place
    asking: Place
    entrance: str
    inside: str  # the balancer's address in the VPC
    folder: Path

    @property
    def host(self):
        return self.scene.account.dns_name

    def url(self, scheme, port, path="/"):
        return f"{scheme}://{self.entrance}:{port}{path}"


@contextmanager
def opened():
    """Make it all."""
    with ExitStack() as stack:
        scene, flows = stack.enter_context(flowing())
        target, asking = flows.tasks("a", "b")
        stack.enter_context(answering(target.path, 80))
        grpc = {"spoken": "proto h2", "kind": "application/grpc", "more": "hdr grpc-status 0"}
        stack.enter_context(answering(target.path, GRPC_PORT, **grpc))
        stack.enter_context(_echoing(target))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecsd-bench-")))
        _balance(scene.account, target)
        inside = scene.account.ec2.describe_network_interfaces(
            Filters=[{"Name": "description", "Values": ["ELB app/*"]}]
        )["NetworkInterfaces"][0]["PrivateIpAddress"]
        web = Web(scene, target, asking, scene.account.entrance(), inside, folder)
        eventually(lambda: machine_answers(web), every=0.2)
        stack.enter_context(haproxy(_bare_rules(web), scene.namespace))
        yield web


def machine_answers(web):
    """Tell whether both listeners answer."""
    words = ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Host: {web.host}"]
    urls = (web.url("http", 80), web.url("https", 443))
    try:
        return all(machine.run(*words, url) == "200" for url in urls)
    except RuntimeError:
        return False  # nothing listens yet


def _balance(account, target):
    """Give the account a balancer in front of a target, with all kinds of listeners and rules."""
    account.admit(443)
    account.load_balancer()
    certificate = account.client("acm").request_certificate(
        DomainName=account.dns_name, ValidationMethod="DNS"
    )["CertificateArn"]
    web = {"Type": "forward", "TargetGroupArn": account.group}
    secure = account.elbv2.create_listener(
        LoadBalancerArn=account.balancer,
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": certificate}],
        DefaultActions=[web],
    )["Listeners"][0]["ListenerArn"]
    calls = account.target_group(
        "calls", ProtocolVersion="GRPC", HealthCheckPath="/", Matcher={"GrpcCode": "0"}
    )
    sockets = account.target_group("sockets")
    for group, port in ((account.group, 80), (calls, GRPC_PORT), (sockets, ECHO_PORT)):
        targets = [{"Id": target.address, "Port": port}]
        account.elbv2.register_targets(TargetGroupArn=group, Targets=targets)
    for listener in (account.listener, secure):
        paths = {f"/path-{number}/*": web for number in range(RULES)}
        if listener == secure:  # these two are the last
            paths = dict([*paths.items()][: RULES - 2])
            paths["/echo.Echo/*"] = web | {"TargetGroupArn": calls}
            paths[ECHO_PATH] = web | {"TargetGroupArn": sockets}
        for priority, (path, action) in enumerate(paths.items(), 1):
            account.elbv2.create_rule(
                ListenerArn=listener,
                Priority=priority,
                Conditions=[{"Field": "path-pattern", "Values": [path]}],
                Actions=[action],
            )
    for group in (account.group, calls, sockets):
        eventually(lambda at=group: _is_well(account, at), every=0.1)


def _is_well(account, group):
    found = account.elbv2.describe_target_health(TargetGroupArn=group)
    states = [one["TargetHealth"]["State"] for one in found["TargetHealthDescriptions"]]
    return states == ["healthy"]


def _bare_rules(web):
    """Return the configuration in force, without what is ecsd's: sockets, user, other ways in."""
    path = web.scene.ecsd.folder / "run" / "haproxy" / web.scene.account.vpc / "haproxy.cfg"
    lines = []
    for line in path.read_text().splitlines():
        words = line.split()
        if words[:1] == ["bind"] and words[1].startswith(f"{web.entrance}:"):
            port = int(words[1].rpartition(":")[2])
            lines.append(line.replace(words[1], f"{web.entrance}:{port + BARE}"))
        elif words[:1] not in (["bind"], ["user"], ["group"]) and words[:2] != ["stats", "socket"]:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _against_bare(web, port, measure):
    """Measure the balancer's port and the bare one's in turns, after a round that warms both."""
    turns = [partial(measure, port), partial(measure, port + BARE)]
    interleaved(*turns, rounds=1)
    return share(*interleaved(*turns, rounds=ROUNDS), " a second")


def requests(web, scheme, port):
    headers = [f"Host: {web.host}"]
    return _against_bare(
        web,
        port,
        lambda at: machine.good_rate(web.url(scheme, at), headers=headers, **WRK),
    )


def handshakes(web):
    return _against_bare(web, 443, lambda at: machine.resumed(web.entrance, at, seconds=SECONDS))


def calls(web):
    message = web.folder / "message"
    message.write_bytes(GRPC_CALL)
    words = ["-c4", "-m16", "-d", str(message), "-H", f":authority: {web.host}"]
    words += ["-H", "content-type: application/grpc", "-H", "te: trailers"]
    return _against_bare(
        web,
        443,
        lambda at: machine.h2load(web.url("https", at, GRPC_PATH), *words, seconds=SECONDS),
    )


def echoes(web):
    def measure(port):
        told = machine.run(
            *(sys.executable, str(SOCKETS), "ask", web.entrance, str(port), web.host),
            *(ECHO_PATH, str(SECONDS)),
        )
        return float(told)

    return _against_bare(web, 443, measure)


def latency(web):
    """The 99th percentile through the balancer less that of the target itself, in the VPC."""

    def slowest(address):
        taken = machine.latencies(
            f"http://{address}/",
            rate=RATE,
            seconds=SECONDS,
            host=web.host,
            namespace=web.asking.path,
        )
        return statistics.quantiles(taken, n=100)[-1]

    turns = [partial(slowest, web.inside), partial(slowest, web.target.address)]
    through, direct = interleaved(*turns, rounds=ROUNDS)
    return f"{milliseconds(through - direct)} ({milliseconds(through)} / {milliseconds(direct)})"


@contextmanager
def _echoing(target):
    command = [sys.executable, str(SOCKETS), "serve", str(ECHO_PORT)]
    enter = ["nsenter", f"--net={target.path}"]
    with subprocess.Popen([*enter, *command], stdout=subprocess.PIPE, text=True) as server:
        try:
            if server.stdout.readline() != "ready\n":
                raise RuntimeError("the WebSocket target does not start")
            yield
        finally:
            server.kill()


GROUP = Group(
    opened,
    (
        Row(
            f"ALB requests/s against bare HAProxy, {RULES} rules",
            "≥ 0.95",
            lambda web: requests(web, "http", 80),
        ),
        Row("the same over TLS, kept alive", "≥ 0.95", lambda web: requests(web, "https", 443)),
        Row("resumed TLS 1.2 handshakes/s against bare HAProxy", "≥ 0.95", handshakes),
        Row("gRPC calls/s against bare HAProxy", "≥ 0.95", calls),
        Row("WebSocket echoes/s against bare HAProxy", "≥ 0.95", echoes),
        Row(f"ALB's added latency, p99 at {RATE:,} requests/s", "≤ 0.5 ms", latency),
    ),
)
