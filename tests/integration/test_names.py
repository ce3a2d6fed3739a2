"""Names that resolve: tasks in Cloud Map, asked for inside containers, through every change."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ecsd.agent.drivers.namespaces import Visitor
from ecsd.agent.drivers.shared_port import queue_of
from ecsd.decisions.dns.message import SRV, A, ask, parse_answer, shown
from tests.integration.instance import INSTANCE
from tests.integration.sample import eventually
from tests.integration.test_terraform import SHARED, Terraform, plugins

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
RESOLVER = "10.0.0.2"
FLOOD = Path(__file__).parent / "flood_resolver.py"
CHECK = {
    "command": ["CMD-SHELL", "test ! -e /tmp/sick"],
    "interval": 5,
    "timeout": 2,
    "retries": 1,
    "startPeriod": 0,
}


class Names:
    """A namespace of an account's VPC, and verbs for what is in it."""

    def __init__(self, account):
        self.account = account
        self.cloud_map = account.client("servicediscovery")
        account.network()
        account.ec2.authorize_security_group_ingress(
            GroupId=account.task_group,
            IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}],
        )
        self.hostnames(account.vpc)
        account.ecs.create_cluster(clusterName="prod")
        self.namespace = self.private(account.vpc)

    def hostnames(self, vpc):
        self.account.ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})

    def private(self, vpc, name="prod.local"):
        made = self.cloud_map.create_private_dns_namespace(Name=name, Vpc=vpc)
        done = self.cloud_map.get_operation(OperationId=made["OperationId"])["Operation"]
        assert done["Status"] == "SUCCESS"
        return done["Targets"]["NAMESPACE"]

    def registry(self, name, record="A", namespace=None, **more):
        return self.cloud_map.create_service(
            Name=name,
            NamespaceId=namespace or self.namespace,
            DnsConfig={"DnsRecords": [{"Type": record, "TTL": 1}]},
            HealthCheckCustomConfig={"FailureThreshold": 1},
            **more,
        )["Service"]["Arn"]

    def service(self, name, definition, desired, registry, **more):
        account = self.account
        account.ecs.create_service(
            cluster="prod",
            serviceName=name,
            taskDefinition=definition,
            desiredCount=desired,
            launchType="FARGATE",
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": account.private,
                    "securityGroups": [account.task_group],
                }
            },
            serviceRegistries=[{"registryArn": registry} | more],
        )

    def tasks(self, service):
        """Return the running tasks of a service."""
        return [
            one
            for one in self.account.tasks()
            if one["group"] == f"service:{service}" and one["lastStatus"] == "RUNNING"
        ]

    def running(self, service, number):
        return eventually(
            lambda: len(found := self.tasks(service)) == number and found,
        )

    def addresses(self, service):
        return sorted(self.account.address(one) for one in self.tasks(service))

    def clean(self):
        self.account._empty("prod")
        for one in self.cloud_map.list_services()["Services"]:
            for instance in self.cloud_map.list_instances(ServiceId=one["Id"])["Instances"]:
                request = {"ServiceId": one["Id"], "InstanceId": instance["Id"]}
                self.cloud_map.deregister_instance(**request)
            self.cloud_map.delete_service(Id=one["Id"])
        for one in self.cloud_map.list_namespaces()["Namespaces"]:
            self.cloud_map.delete_namespace(Id=one["Id"])


@pytest.fixture
def names(account, monkeypatch):
    """An account's VPC with a namespace."""
    monkeypatch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")  # as ``ecsd env`` says
    one = Names(account)
    yield one
    one.clean()


def container(task, name="app"):
    return f"ecsd-{task['taskArn'].rpartition('/')[2]}-{name}"


def inside(task, *words):
    """Run a command in a task's container."""
    done = subprocess.run(
        ["docker", "exec", container(task), *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout + done.stderr


def address_of(task):
    (interface,) = task["attachments"]
    return next(one["value"] for one in interface["details"] if one["name"] == "privateIPv4Address")


def path_of(task):
    """Return the path of a task's own network namespace."""
    words = ["docker", "inspect", "-f", "{{.State.Pid}}", container(task, "pause")]
    pid = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    return f"/proc/{pid}/ns/net"


def raw(path, name, kind=A, server=RESOLVER):
    """Ask by a packet of our own from a network namespace."""

    def exchange():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.sendto(ask(77, name, kind), (server, 53))
            return client.recv(4096)

    return parse_answer(asyncio.run(Visitor().visit(path, exchange)))


def values(answer):
    return sorted(map(shown, answer.answers))


def test_two_services_find_each_other_by_name_and_by_srv(names, account, ecsd):
    definition = account.register()
    names.service("web", definition, 2, names.registry("web"))
    names.service("api", definition, 1, names.registry("api", "SRV"), port=8080)
    names.running("web", 2)
    (client,) = names.running("api", 1)
    wanted = names.addresses("web")
    path = path_of(client)
    eventually(lambda: values(raw(path, "web.prod.local")) == wanted)

    said = inside(client, "nslookup", "web.prod.local")
    assert all(address in said for address in wanted), said
    assert "release" in inside(client, "wget", "-qO-", "http://web.prod.local/")

    answer = raw(path, "api.prod.local", SRV)
    (record,) = answer.answers
    task_id = client["taskArn"].rpartition("/")[2]
    assert shown(record) == f"1 1 8080 {task_id}.api.prod.local"
    assert values(raw(path, f"{task_id}.api.prod.local")) == names.addresses("api")
    nobody = raw(path, "nobody.prod.local")
    assert (nobody.code, nobody.answers) == (3, ())

    told = json.loads(ecsd.run("dig", "web.prod.local", "--task", task_id, "--json").stdout)
    assert sorted(one["value"] for one in told["records"]) == wanted
    missing = ecsd.run("dig", "nobody.prod.local", "--vpc", account.vpc, check=False)
    assert (missing.returncode, "NXDOMAIN" in missing.stderr) == (1, True)
    why = ecsd.run("why", "web.prod.local").stdout
    assert f"is answered in VPC {account.vpc}" in why
    assert all(f"{address} is HEALTHY" in why for address in wanted)
    assert "service web of prod registers its tasks: 2 of 2 run" in why
    assert "no service has the name" in ecsd.run("why", "nobody.prod.local").stdout

    names.account.ec2.modify_vpc_attribute(VpcId=account.vpc, EnableDnsHostnames={"Value": False})
    eventually(lambda: not raw(path, "web.prod.local").answers)
    assert "enableDnsHostnames" in ecsd.run("why", "web.prod.local").stdout


def test_a_sick_task_is_absent(names, account):
    names.service("web", account.register(healthCheck=CHECK), 2, names.registry("web"))
    first, second = names.running("web", 2)
    path, name = path_of(second), "web.prod.local"
    eventually(lambda: len(values(raw(path, name))) == 2)
    sick = account.address(first)
    inside(first, "touch", "/tmp/sick")
    eventually(lambda: sick not in values(raw(path, name)))
    assert account.address(second) in values(raw(path, name))


def test_a_stopped_tasks_address_is_gone_before_its_sigterm(names, account):
    asks = "trap 'nslookup web.prod.local; exit 0' TERM; while :; do sleep 0.05; done"
    account.logs.create_log_group(logGroupName="/names")
    definition = account.register(
        entryPoint=["sh", "-c"],
        command=[asks],
        logConfiguration={
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": "/names",
                "awslogs-region": "us-east-1",
                "awslogs-stream-prefix": "web",
            },
        },
    )
    names.service("web", definition, 2, names.registry("web"))
    tasks = names.running("web", 2)
    path = path_of(tasks[0])
    wanted = names.addresses("web")
    eventually(lambda: values(raw(path, "web.prod.local")) == wanted)
    gone, left = tasks
    account.ecs.stop_task(cluster="prod", task=gone["taskArn"])
    stream = f"web/app/{gone['taskArn'].rpartition('/')[2]}"

    def said():
        found = account.logs.get_log_events(logGroupName="/names", logStreamName=stream)
        text = "\n".join(one["message"] for one in found["events"])
        return "web.prod.local" in text and text

    text = eventually(said)
    assert account.address(gone) not in text
    assert account.address(left) in text


def test_a_container_that_floods_the_resolver_keeps_no_other_from_names(names, account):
    names.service("web", account.register(), 3, names.registry("web"))
    first, *others = names.running("web", 3)
    queues = {one["taskArn"]: queue_of(address_of(one)) for one in (first, *others)}
    second = next(one for one in others if queues[one["taskArn"]] != queues[first["taskArn"]])
    flood = subprocess.Popen(
        ["nsenter", f"--net={path_of(first)}", sys.executable, FLOOD, RESOLVER, "2"],
        stdout=subprocess.PIPE,
        text=True,
    )
    with flood:
        assert flood.stdout.readline() == "begun\n"
        asked = 0
        while flood.poll() is None:
            assert len(raw(path_of(second), "web.prod.local").answers) == 3
            asked += 1
        assert asked > 3
        assert int(flood.stdout.read()) > 20_000


def test_the_host_itself_may_ask(names, account, ecsd):
    registry = names.registry("web").rpartition("/")[2]
    names.cloud_map.register_instance(
        ServiceId=registry, InstanceId="a", Attributes={"AWS_INSTANCE_IPV4": "10.0.1.9"}
    )
    place = (f"127.170.0.{2 + INSTANCE}", 53)

    def told(name):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(5)
            asking.sendto(ask(7, name, A), place)
            found = parse_answer(asking.recv(512))
        return found.code, [*map(shown, found.answers)]

    eventually(lambda: told("web.prod.local") == (0, ["10.0.1.9"]), seconds=5)
    assert told("example.com") == (5, [])
    said = ecsd.run("dns").stdout
    assert f"dig @{place[0]} NAME" in said
    assert "prod.local" in said


def test_a_namespace_is_answered_in_its_own_vpc_alone(names, account, ecsd):
    """Two VPCs, two namespaces of the same name, each with its own instance."""
    own = names.registry("web")
    other_vpc = account.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    names.hostnames(other_vpc)
    other = names.registry("web", namespace=names.private(other_vpc))
    for arn, address in ((own, "10.0.1.1"), (other, "10.0.2.2")):
        names.cloud_map.register_instance(
            ServiceId=arn, InstanceId="a", Attributes={"AWS_INSTANCE_IPV4": address}
        )

    def dug(vpc):
        done = ecsd.run("dig", "web.prod.local", "--vpc", vpc, "--json", check=False)
        return [one["value"] for one in json.loads(done.stdout or '{"records": []}')["records"]]

    eventually(lambda: dug(account.vpc) == ["10.0.1.1"])
    eventually(lambda: dug(other_vpc) == ["10.0.2.2"])
    names.cloud_map.deregister_instance(ServiceId=own, InstanceId="a")
    eventually(lambda: dug(account.vpc) == [])
    assert dug(other_vpc) == ["10.0.2.2"]


def test_names_answer_while_the_server_is_away_and_when_it_is_back(names, account, ecsd):
    names.service("web", account.register(), 2, names.registry("web"))
    path = path_of(names.running("web", 2)[0])
    wanted = names.addresses("web")
    eventually(lambda: values(raw(path, "web.prod.local")) == wanted)
    answers, ended = [], threading.Event()

    def listen():
        while not ended.is_set():
            answers.append(values(raw(path, "web.prod.local")))
            time.sleep(0.02)

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        before = ecsd.pids()["server"]
        os.kill(before, signal.SIGKILL)
        eventually(lambda: ecsd.pids().get("server") not in {None, before})
        eventually(lambda: names.addresses("web") == wanted)
        time.sleep(0.5)
    finally:
        ended.set()
        listener.join()
    assert len(answers) > 10
    assert all(one == wanted for one in answers)
    registered = names.cloud_map.discover_instances(NamespaceName="prod.local", ServiceName="web")
    found = [one["Attributes"]["AWS_INSTANCE_IPV4"] for one in registered["Instances"]]
    assert sorted(found) == wanted


MAIN = """
variable "aws_region" { default = "us-east-1" }
variable "ttl" { default = 10 }
variable "image" {}
resource "aws_vpc" "main" {
  cidr_block           = "10.0.0.0/16"
  enable_dns_hostnames = true
}
resource "aws_subnet" "main" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.0.1.0/24"
}
resource "aws_security_group" "web" { vpc_id = aws_vpc.main.id }
resource "aws_service_discovery_private_dns_namespace" "main" {
  name        = "prod.local"
  description = "names"
  vpc         = aws_vpc.main.id
  tags        = { team = "a" }
}
resource "aws_service_discovery_service" "web" {
  for_each = { a = var.ttl, b = 5 }
  name     = "web-${each.key}"
  dns_config {
    namespace_id   = aws_service_discovery_private_dns_namespace.main.id
    routing_policy = "MULTIVALUE"
    dns_records {
      ttl  = each.value
      type = "A"
    }
  }
  health_check_custom_config {
    failure_threshold = 1
  }
}
variable "registry" { default = "a" }
resource "aws_ecs_cluster" "main" { name = "prod" }
resource "aws_ecs_task_definition" "web" {
  family                   = "web"
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  cpu                      = 256
  memory                   = 512
  container_definitions = jsonencode([{
    name = "app", image = var.image, essential = true, portMappings = [{ containerPort = 80 }]
  }])
}
resource "aws_ecs_service" "web" {
  name                  = "web"
  cluster               = aws_ecs_cluster.main.id
  task_definition       = aws_ecs_task_definition.web.arn
  desired_count         = 1
  launch_type           = "FARGATE"
  wait_for_steady_state = true
  network_configuration {
    subnets         = [aws_subnet.main.id]
    security_groups = [aws_security_group.web.id]
  }
  service_registries {
    registry_arn = aws_service_discovery_service.web[var.registry].arn
  }
}
"""


@pytest.mark.skipif(not SHARED.exists(), reason="the Terraform configurations are not here")
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_terraform_cycles_namespace_service_and_registries(ecsd, account, tmp_path):
    for name in ("providers", "versions"):
        shutil.copy(SHARED.parent / "core" / f"{name}.tf", tmp_path)
    (tmp_path / "main.tf").write_text(MAIN)
    terraform = Terraform(tmp_path, ecsd, account.number)
    terraform.run("init", "-input=false", *plugins())
    cloud_map = account.client("servicediscovery")

    def registered():
        return {one["Name"]: one["InstanceCount"] for one in cloud_map.list_services()["Services"]}

    try:
        terraform.run("apply", "-auto-approve")
        assert terraform.run("plan", "-detailed-exitcode", check=False).returncode == 0
        assert registered() == {"web-a": 1, "web-b": 0}
        update = ("-var=ttl=77", "-var=registry=b")
        terraform.run("apply", "-auto-approve", *update)
        assert terraform.run("plan", "-detailed-exitcode", *update, check=False).returncode == 0
        eventually(lambda: registered() == {"web-a": 0, "web-b": 1})
    finally:
        terraform.run("destroy", "-auto-approve")
    assert cloud_map.list_namespaces()["Namespaces"] == []
    assert cloud_map.list_services()["Services"] == []
