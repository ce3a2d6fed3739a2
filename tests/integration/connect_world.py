"""Services of a namespace that reach each other by Service Connect, and looks into their tasks."""

import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager

from tests.integration.sample import eventually

QUICK = {"minimumHealthyPercent": 100, "maximumPercent": 200}


class Connected:
    """A namespace ``prod`` and a cluster, and verbs for services in them."""

    def __init__(self, account):
        self.account = account
        self.cloud_map = account.client("servicediscovery")
        account.network()
        account.ec2.authorize_security_group_ingress(
            GroupId=account.task_group,
            IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}],
        )
        account.ecs.create_cluster(clusterName="prod", serviceConnectDefaults={"namespace": "prod"})

    def register(self, family, protocol="http", release="1", port=80, **container):
        mapping = {"name": "api", "containerPort": port}
        if protocol:
            mapping["appProtocol"] = protocol
        return self.account.register(family, release=release, portMappings=[mapping], **container)

    def service(self, name, definition, desired=1, offers=(), **more):
        connect = {"enabled": True, "services": list(offers)}
        return self.account.ecs.create_service(
            cluster="prod",
            serviceName=name,
            taskDefinition=definition,
            desiredCount=desired,
            launchType="FARGATE",
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": self.account.private,
                    "securityGroups": [self.account.task_group],
                }
            },
            deploymentConfiguration=QUICK,
            serviceConnectConfiguration=connect | more.pop("connect", {}),
            **more,
        )["service"]

    def update(self, name, **more):
        return self.account.ecs.update_service(cluster="prod", service=name, **more)["service"]

    def described(self, name):
        return self.account.ecs.describe_services(cluster="prod", services=[name])["services"][0]

    def tasks(self, service):
        """Return the running tasks of a service."""
        return [
            one
            for one in self.account.tasks()
            if one["group"] == f"service:{service}" and one["lastStatus"] == "RUNNING"
        ]

    def running(self, service, number=1):
        return eventually(lambda: len(found := self.tasks(service)) == number and found)

    def steady(self, service, seconds=150):
        def look():
            (first, *others) = self.described(service)["deployments"]
            return not others and first["rolloutState"] == "COMPLETED"

        return eventually(look, seconds, 0.2)

    def clean(self):
        self.account._empty("prod")
        for one in self.cloud_map.list_services()["Services"]:
            eventually(lambda one=one: not self._instances(one["Id"]))
            self.cloud_map.delete_service(Id=one["Id"])
        for one in self.cloud_map.list_namespaces()["Namespaces"]:
            self.cloud_map.delete_namespace(Id=one["Id"])

    def _instances(self, service):
        return self.cloud_map.list_instances(ServiceId=service)["Instances"]


def offer(dns_name="web", port=80, **more):
    """Offer the port ``api`` by a name."""
    return {"portName": "api", "clientAliases": [{"dnsName": dns_name, "port": port}]} | more


def container(task, name="app"):
    return f"ecsd-{task['taskArn'].rpartition('/')[2]}-{name}"


def inside(task, *words, given=None, seconds=30):
    """Run a command in a task's container; return its exit code and what it said."""
    done = subprocess.run(
        ["docker", "exec", "-i", container(task), *words],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        input=given,
    )
    return done.returncode, done.stdout + done.stderr


def ask(task, url, *words):
    """Return status and body of a request from inside a task."""
    code, said = inside(task, "curl", "-s", "-m", "20", "-w", "\n%{http_code}", *words, url)
    body, _, status = said.rpartition("\n")
    return (int(status), body) if code == 0 else (0, f"curl ends with {code}")


class Asking(threading.Thread):
    """Asks from inside a task all the while, on one kept-alive connection after the other."""

    def __init__(self, task, url, rest=0.05):
        super().__init__(daemon=True)
        self.answers = Counter()
        self._task, self._url, self._rest = task, url, rest
        self._ending = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        self.join(60)

    def run(self):
        many = f"{self._url}?[1-20]"  # one curl, one connection, twenty requests
        while not self._ending.is_set():
            told = ["-s", "-m", "20", "--rate", "40/s", "-w", "%{http_code} "]
            _, said = inside(self._task, "curl", *told, "-o", "/dev/null", many)
            self.answers.update(said.split())
            time.sleep(self._rest)


def nodes(task, url, number=20):
    """Count which tasks answer."""
    return Counter(ask(task, url)[1].partition(" at ")[0] for _ in range(number))


def space(task):
    """Return the path of a task's own network namespace."""
    words = ["docker", "inspect", "-f", "{{.State.Pid}}", container(task, "pause")]
    pid = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    return f"/proc/{pid}/ns/net"


def python(task, code, *words, seconds=60):
    """Run a program of ours in a task's namespace; return what it said."""
    done = subprocess.run(
        ["nsenter", f"--net={space(task)}", sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return done.stdout.strip() or done.stderr


@contextmanager
def serving(task, *words):
    """A program of ours that serves in a task's namespace, as its container would."""
    enter = ["nsenter", f"--net={space(task)}", sys.executable]
    with subprocess.Popen([*enter, *words], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout.readline() == "ready\n"
            yield
        finally:
            server.kill()
