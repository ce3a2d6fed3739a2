"""Requests a second of ECS operations, here and at two rivals, in turns.

This ecsd has no Engine: what it accepts stays PENDING, so that only the API is measured.
"""

import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

import boto3

from bench import machine
from bench.figures import answers, served
from bench.population import fill
from tests.integration.conftest import Ecsd
from tests.integration.sample import eventually

TASKS = 10_000
ACCOUNT = "000000000000"
MINISTACK, MOTO = "http://127.0.0.1:4598", "http://127.0.0.1:4599"
RIVALS = {
    "MiniStack": ("ministack[full]", ["ministack"], MINISTACK),
    "moto": ("moto[server]", ["moto_server", "-H", "127.0.0.1", "-p", "4599"], MOTO),
}
SCRIPT = """
wrk.method = "POST"
wrk.body = '{body}'
wrk.headers["content-type"] = "application/x-amz-json-1.1"
wrk.headers["x-amz-target"] = "AmazonEC2ContainerServiceV20141113.{operation}"
wrk.headers["authorization"] = "AWS4-HMAC-SHA256 " ..
    "Credential=000000000000/20260101/us-east-1/ecs/aws4_request, SignedHeaders=host, Signature=0"
"""
DEFINITION = (
    '{"family":"web","networkMode":"awsvpc","requiresCompatibilities":["FARGATE"],"cpu":"256",'
    '"memory":"512","containerDefinitions":[{"name":"app","image":"app:1","cpu":256,"memory":512}]}'
)
ROUNDS, SECONDS, CONNECTIONS = 3, 2, 8


def rates():
    """Yield operation, and requests a second by name: ecsd's, each rival's."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecsd-bench-")))
        endpoints = {"ecsd": stack.enter_context(_ecsd(folder / "ecsd"))}
        for name in RIVALS:
            endpoints[name] = stack.enter_context(_rival(name, folder))
        places = {name: _populate(name, endpoint) for name, endpoint in endpoints.items()}
        for operation, body in _requests():
            measured = {name: [] for name in endpoints}
            for _ in range(ROUNDS):
                for name, endpoint in endpoints.items():
                    subnet, group = places[name]
                    text = body(name).replace("SUBNET", subnet).replace("GROUP", group)
                    rate, bad = _rate(folder, endpoint, operation, text)
                    if bad and name == "ecsd":
                        raise RuntimeError(f"{bad} answers to {operation} were errors")
                    measured[name].append(rate - bad / SECONDS)  # good answers alone
            yield operation, {name: statistics.median(rate) for name, rate in measured.items()}


def _requests():
    """Yield operations and what makes their bodies, for whom."""
    network = '{"awsvpcConfiguration":{"subnets":["SUBNET"],"securityGroups":["GROUP"]}}'
    run = f'{{"taskDefinition":"web","launchType":"FARGATE","networkConfiguration":{network}}}'
    # ecsd's stored tasks are stopped ones: nothing may begin to run them.
    stopped = '{"cluster":"prod","desiredStatus":"STOPPED"}'
    yield "DescribeClusters", lambda _: '{"clusters":["default"]}'
    yield "DescribeServices", lambda _: '{"services":["web"]}'
    yield "ListTasks", lambda name: stopped if name == "ecsd" else '{"cluster":"prod"}'
    yield "RegisterTaskDefinition", lambda _: DEFINITION
    yield "RunTask", lambda _: run


def _rate(folder, endpoint, operation, body):
    script = folder / "request.lua"
    script.write_text(SCRIPT.format(operation=operation, body=body))
    return machine.wrk(f"{endpoint}/", seconds=SECONDS, connections=CONNECTIONS, script=str(script))


@contextmanager
def _ecsd(folder):
    (folder / "data").mkdir(parents=True)
    fill(folder / "data", TASKS)
    settings = {"ECSD_EDGE_PORT": "0", "ECSD_HOSTS_FILE": "", "ECSD_DOCKER_SOCKET": "/no/engine"}
    one = Ecsd(folder, port=4574, instance=2, **settings)
    with served(one):
        yield one.endpoint


@contextmanager
def _rival(name, folder):
    package, command, endpoint = RIVALS[name]
    venv = folder / name
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin" / "pip"), "install", "-q", package]
    subprocess.run(pip, check=True, capture_output=True)
    process = subprocess.Popen(
        [str(venv / "bin" / command[0]), *command[1:]],
        env={
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": "4598",
            "PATH": "/usr/bin:/bin",
            "DOCKER_HOST": "unix:///no/engine",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    try:
        eventually(lambda: answers(f"{endpoint}/"), 60)
        yield endpoint
    finally:
        process.terminate()
        process.wait()


def _populate(name, endpoint):
    """Make a definition, a service, and tasks that are not there; return subnet and group."""
    keys = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "test"}
    where = {"endpoint_url": endpoint, "region_name": "us-east-1"}
    ecs, ec2 = (boto3.client(one, **where, **keys) for one in ("ecs", "ec2"))
    vpc = ec2.create_vpc(CidrBlock="10.64.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.64.0.0/17")["Subnet"]["SubnetId"]
    for cluster in ("default", "prod"):
        ecs.create_cluster(clusterName=cluster)
    ecs.register_task_definition(
        family="web",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "app", "image": "app:1", "cpu": 256, "memory": 512}],
    )
    # moto's RunTask names interfaces, for which its VPC has to have names.
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    group = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
    network = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group]}}
    fargate = {"taskDefinition": "web", "launchType": "FARGATE", "networkConfiguration": network}
    ecs.create_service(serviceName="web", desiredCount=0, **fargate)
    if name != "ecsd":
        for _ in range(TASKS // 10):
            ecs.run_task(cluster="prod", count=10, **fargate)
    return subnet, group
