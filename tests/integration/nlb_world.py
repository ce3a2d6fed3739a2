"""Network load balancers over real tasks, in whose namespaces test servers and clients run."""

import ctypes
import json
import re
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path

from ecsd.agent.drivers.namespaces import Namespaces
from ecsd.settings import Settings
from tests.integration.instance import INSTANCE
from tests.integration.sample import eventually

HERE = Path(__file__).parent
IMAGE = "ecsd/busybox:1"
PORT = 7000  # where targets listen
RESOLVER = "10.0.0.2"
LIBC = ctypes.CDLL(None, use_errno=True)
PATIENCE = 3.0  # seconds


class Place:
    """A task's network namespace: what lives at its address."""

    def __init__(self, arn, address, zone, pid):
        self.arn, self.address, self.zone = arn, address, zone
        self.path = f"/proc/{pid}/ns/net"
        self._server = None

    def serve(self, port=PORT, name=None, pem=None):
        """Answer flows, as a container of the task would; by its address, or a name.

        pem: a file with certificate and key, to speak TLS.
        """
        self._server = subprocess.Popen(
            [
                *("nsenter", f"--net={self.path}", sys.executable),
                *(str(HERE / "fake_flow_target.py"), str(port), name or self.address),
                *([str(pem)] if pem else []),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._server.stdout.readline() == "ready\n"

    def fall_silent(self):
        """End the server, if one runs."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server.stdout.close()
            self._server = None

    def deafen(self):
        """Let nobody begin a connection; those that are open go on."""
        self._iptables("-A")

    def hear(self):
        """Let connections begin again."""
        self._iptables("-D")

    def _iptables(self, verb):
        rule = ("INPUT", "-p", "tcp", "--syn", "-j", "REJECT", "--reject-with", "tcp-reset")
        subprocess.run(["nsenter", f"--net={self.path}", "iptables", verb, *rule], check=True)

    def open(self, kind):
        """Return a socket that lives here."""
        made = []

        def make():
            with Path(self.path).open() as namespace:
                if LIBC.setns(namespace.fileno(), 0) == 0:
                    made.append(socket.socket(socket.AF_INET, kind))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        (one,) = made
        one.settimeout(PATIENCE)
        return one


class Host:
    """The host itself, as a place of clients."""

    def open(self, kind):
        one = socket.socket(socket.AF_INET, kind)
        one.settimeout(PATIENCE)
        return one


class Flow:
    """An open flow: ``ask`` tells who answers, and as whom the client is seen."""

    def __init__(self, place, address, port, kind=socket.SOCK_STREAM):
        self._socket = place.open(kind)
        try:
            self._socket.connect((address, port))
        except OSError:
            self._socket.close()
            raise

    def ask(self):
        self._socket.sendall(b"who?\n")
        heard = self._socket.recv(200)
        if not heard:
            raise ConnectionResetError("the flow is over")
        target, client = heard.decode().split()
        return target, client

    def close(self):
        self._socket.close()


def ask(place, address, port, kind=socket.SOCK_STREAM):
    """Ask once on a flow of its own."""
    with closing(Flow(place, address, port, kind)) as flow:
        return flow.ask()


def reaches(place, address, port, kind=socket.SOCK_STREAM):
    try:
        return bool(ask(place, address, port, kind))
    except OSError:
        return False


class Knocking:
    """One new flow after the other, all the while; counts who answered and what failed."""

    def __init__(self, place, address, port, ask=ask):
        self._where, self._ask = (place, address, port), ask
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.targets, self.failures = Counter(), []

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def _work(self):
        while not self._ended.wait(0.02):
            try:
                self.targets[self._ask(*self._where)[0]] += 1
            except OSError as error:
                self.failures.append(repr(error))


def resolve(place, name):
    """Return the addresses that a name has in the place's VPC, sorted."""
    labels = b"".join(bytes((len(one),)) + one.encode() for one in name.split("."))
    question = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, 1, 1)
    with closing(place.open(socket.SOCK_DGRAM)) as asking:
        asking.connect((RESOLVER, 53))
        asking.sendall(question)
        heard = asking.recv(512)
    (count,) = struct.unpack_from(">H", heard, 6)
    records = [heard[len(question) + one * 16 :][:16] for one in range(count)]
    return sorted(socket.inet_ntoa(one[12:]) for one in records)


class Flows:
    """An account's network with tasks as targets and clients, and a network load balancer."""

    def __init__(self, account):
        self.account = account
        account.network()
        account.ecs.create_cluster(clusterName="prod")
        self.open_group = self.group("open", {"CidrIp": "0.0.0.0/0"})
        self.places = []
        account.ecs.register_task_definition(
            family="still",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[
                {
                    "name": "app",
                    "image": IMAGE,
                    "command": ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"],
                    "stopTimeout": 2,
                }
            ],
        )

    def group(self, name, *ranges, groups=(), protocol="-1", port=None):
        """A security group that admits these ranges and groups."""
        made = self.account.ec2.create_security_group(
            GroupName=name, Description=name, VpcId=self.account.vpc
        )["GroupId"]
        permission = {"IpProtocol": protocol}
        if port:
            permission |= {"FromPort": port, "ToPort": port}
        if ranges:
            permission["IpRanges"] = list(ranges)
        if groups:
            permission["UserIdGroupPairs"] = [{"GroupId": one} for one in groups]
        self.account.ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[permission])
        return made

    def tasks(self, *zones, group=None):
        """Run a task in each of these zones (``a``, ``b``); return their places."""
        arns = []
        for zone in zones:
            network = {
                "subnets": [self.account.private["ab".index(zone)]],
                "securityGroups": [group or self.open_group],
            }
            arns += [
                one["taskArn"]
                for one in self.account.ecs.run_task(
                    cluster="prod",
                    taskDefinition="still",
                    launchType="FARGATE",
                    networkConfiguration={"awsvpcConfiguration": network},
                )["tasks"]
            ]

        def running():
            found = self.account.ecs.describe_tasks(cluster="prod", tasks=arns)["tasks"]
            return all(one["lastStatus"] == "RUNNING" for one in found) and found

        made = []
        found = {one["taskArn"]: one for one in eventually(running)}
        for arn, zone in zip(arns, zones, strict=True):
            address = self.account.address(found[arn])
            made.append(Place(arn, address, f"us-east-1{zone}", pid_of(arn)))
        self.places += made
        return made

    def targets(self, *zones, **more):
        """Run tasks that answer flows."""
        made = self.tasks(*zones, **more)
        for one in made:
            one.serve()
        return made

    def balancer(self, name="flows", **more):
        """A network load balancer in both zones; returns its addresses by zone."""
        account = self.account
        made = account.elbv2.create_load_balancer(
            Name=name, Type="network", **({"Subnets": account.public} | more)
        )["LoadBalancers"][0]
        account.balancer, account.dns_name = made["LoadBalancerArn"], made["DNSName"]
        found = account.ec2.describe_network_interfaces(
            Filters=[
                {
                    "Name": "description",
                    "Values": [f"ELB {account.balancer.partition('loadbalancer/')[2]}"],
                }
            ]
        )["NetworkInterfaces"]
        self.addresses = {one["AvailabilityZone"][-1]: one["PrivateIpAddress"] for one in found}
        return self.addresses

    def target_group(self, name, *targets, protocol="TCP", attributes=None, **check):
        """A target group with these places in it; returns its ARN."""
        defaults = {
            "HealthCheckIntervalSeconds": 5,
            "HealthCheckTimeoutSeconds": 2,
            "HealthyThresholdCount": 2,
            "UnhealthyThresholdCount": 2,
        }
        elbv2 = self.account.elbv2
        arn = elbv2.create_target_group(
            Name=name,
            Protocol=protocol,
            Port=PORT,
            VpcId=self.account.vpc,
            TargetType="ip",
            **(defaults | check),
        )["TargetGroups"][0]["TargetGroupArn"]
        values = {"deregistration_delay.timeout_seconds": "0"} | (attributes or {})
        self.set(arn, **values)
        self.register(arn, *targets)
        return arn

    def set(self, arn, **values):
        self.account.elbv2.modify_target_group_attributes(
            TargetGroupArn=arn,
            Attributes=[{"Key": key, "Value": value} for key, value in values.items()],
        )

    def register(self, arn, *targets):
        if targets:
            self.account.elbv2.register_targets(
                TargetGroupArn=arn, Targets=[{"Id": one.address} for one in targets]
            )

    def deregister(self, arn, *targets):
        self.account.elbv2.deregister_targets(
            TargetGroupArn=arn, Targets=[{"Id": one.address} for one in targets]
        )

    def listen(self, port, *groups, protocol="TCP", **more):
        """Open a port that forwards to groups (ARN, or ARN and weight)."""
        shares = [one if isinstance(one, tuple) else (one, 1) for one in groups]
        config = {"TargetGroups": [{"TargetGroupArn": arn, "Weight": w} for arn, w in shares]}
        return self.account.elbv2.create_listener(
            LoadBalancerArn=self.account.balancer,
            Protocol=protocol,
            Port=port,
            DefaultActions=[{"Type": "forward", "ForwardConfig": config}],
            **more,
        )["Listeners"][0]["ListenerArn"]

    def states(self, arn):
        """Return the targets' states: address → state."""
        found = self.account.elbv2.describe_target_health(TargetGroupArn=arn)
        return {
            one["Target"]["Id"]: one["TargetHealth"]["State"]
            for one in found["TargetHealthDescriptions"]
        }

    def healthy(self, arn, *targets):
        """Wait until exactly these are the group's targets, and well."""
        wanted = {one.address: "healthy" for one in targets}
        eventually(lambda: self.states(arn) == wanted)

    def conntrack(self, *words):
        """Return the kernel's lines about the VPC's flows."""
        return self._inside("conntrack", "-L", *words).splitlines()

    def relays(self):
        """Return address and port of every relay that flows are led to."""
        listed = self._inside("nft", "list", "table", "ip", "nlb")
        return [(one, int(port)) for one, port in re.findall(r"(240\.[\d.]+):(\d+)", listed)]

    def _inside(self, *command):
        path = Namespaces(Settings(instance=INSTANCE).label).path_of(self.account.vpc)
        return subprocess.run(
            ["nsenter", f"--net={path}", *command], capture_output=True, text=True, check=True
        ).stdout

    def close(self):
        for one in self.places:
            one.fall_silent()


def pid_of(arn):
    """Return a process id in a task's namespace."""
    names = subprocess.run(
        ["docker", "ps", "-q", "--filter", f"label=com.amazonaws.ecs.task-arn={arn}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    told = subprocess.run(
        ["docker", "inspect", *names], capture_output=True, text=True, check=True
    ).stdout
    return next(one["State"]["Pid"] for one in json.loads(told) if one["State"]["Pid"])
