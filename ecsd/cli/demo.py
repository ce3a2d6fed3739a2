"""``ecsd demo``: the guide's sample service on the running ecsd, behind its load balancer.

A VPC with public and private subnets, an Application Load Balancer open to the world, two Fargate
tasks in the private subnets that only the balancer may reach. Every step finds what an earlier
run made, so that the demo can be repeated.
"""

import argparse
import json
import urllib.error
import urllib.request
from collections import Counter
from typing import Any

from ecsd.cli.api import Api, ApiError
from ecsd.cli.demo_network import Network, ensure_network
from ecsd.cli.screen import done, failed, paint, step
from ecsd.clock import SystemClock
from ecsd.settings import Settings

NAME = "ecsd-demo"
IMAGE = "ecsd/sample-app:1"
GROUP = "/ecs/ecsd-demo"
READY_SECONDS = 120.0
POLL_SECONDS = 0.2
REQUESTS = 12
EXECUTION = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
ASSUME = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("demo", help="a sample service behind a load balancer")
    parser.add_argument("--image", default=IMAGE, help=f"the app's image ({IMAGE})")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Deploy, wait for the steady state, and show both tasks answering."""
    api = Api(settings)
    step("a VPC with two public and two private subnets, and its security groups")
    network = ensure_network(api, NAME)
    step("an Application Load Balancer with a target group")
    url, group = _ensure_balancer(api, network)
    step(f"a cluster, a task definition with {arguments.image}, a service of two tasks")
    _ensure_service(api, network, group, arguments.image)
    if not _await_steady(api):
        return 1
    done(f"the service has reached a steady state behind {paint(url, 'bold')}")
    return _show_answers(url)


def _ensure_balancer(api: Api, network: Network) -> tuple[str, str]:
    """Return the balancer's URL and its target group's ARN."""
    elb = "elasticloadbalancing"
    subnets = {
        f"Subnets.member.{number}": subnet for number, subnet in enumerate(network.public, 1)
    }
    made = api.query(
        elb,
        "CreateLoadBalancer",
        Name=NAME,
        **subnets,
        **{"SecurityGroups.member.1": network.balancer_group},
    )
    arn = made.findtext(".//LoadBalancerArn") or ""
    group = api.query(
        elb,
        "CreateTargetGroup",
        Name=NAME,
        Protocol="HTTP",
        Port="80",
        VpcId=network.vpc,
        TargetType="ip",
        HealthCheckPath="/health",
        HealthCheckIntervalSeconds="5",
        HealthCheckTimeoutSeconds="2",
        HealthyThresholdCount="2",
        **{"Matcher.HttpCode": "200-299"},
    ).findtext(".//TargetGroupArn")
    api.query(
        elb,
        "ModifyTargetGroupAttributes",
        TargetGroupArn=group or "",
        **{
            "Attributes.member.1.Key": "deregistration_delay.timeout_seconds",
            "Attributes.member.1.Value": "5",
        },
    )
    listeners = api.query(elb, "DescribeListeners", LoadBalancerArn=arn)
    if listeners.find(".//ListenerArn") is None:
        api.query(
            elb,
            "CreateListener",
            LoadBalancerArn=arn,
            Protocol="HTTP",
            Port="80",
            **{
                "DefaultActions.member.1.Type": "forward",
                "DefaultActions.member.1.TargetGroupArn": group or "",
            },
        )
    return f"http://{made.findtext('.//DNSName')}/", group or ""


def _ensure_service(api: Api, network: Network, group: str, image: str) -> None:
    api.ask("ecs", "CreateCluster", clusterName=NAME)
    role = _ensure_role(api)
    try:
        api.ask("logs", "CreateLogGroup", logGroupName=GROUP)
    except ApiError as error:
        if error.code != "ResourceAlreadyExistsException":
            raise
    definition = _ensure_definition(api, role, image)
    known = api.ask("ecs", "DescribeServices", cluster=NAME, services=[NAME])["services"]
    if any(one["status"] == "ACTIVE" for one in known):
        api.ask(
            "ecs",
            "UpdateService",
            cluster=NAME,
            service=NAME,
            taskDefinition=definition,
            desiredCount=2,
        )
        return
    api.ask(
        "ecs",
        "CreateService",
        cluster=NAME,
        serviceName=NAME,
        taskDefinition=definition,
        desiredCount=2,
        launchType="FARGATE",
        healthCheckGracePeriodSeconds=60,
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": network.private,
                "securityGroups": [network.task_group],
            }
        },
        loadBalancers=[{"targetGroupArn": group, "containerName": "app", "containerPort": 80}],
    )


def _ensure_role(api: Api) -> str:
    try:
        answer = api.query("iam", "GetRole", RoleName=NAME)
    except ApiError:
        answer = api.query("iam", "CreateRole", RoleName=NAME, AssumeRolePolicyDocument=ASSUME)
    api.query("iam", "AttachRolePolicy", RoleName=NAME, PolicyArn=EXECUTION)
    return answer.findtext(".//Arn") or ""


def _ensure_definition(api: Api, role: str, image: str) -> str:
    """Return the ARN of the newest revision, registered anew only if it would differ."""
    container = {
        "name": "app",
        "image": image,
        "portMappings": [{"containerPort": 80, "protocol": "tcp"}],
        "environment": [{"name": "ENV", "value": "demo"}],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": GROUP,
                "awslogs-region": api.region,
                "awslogs-stream-prefix": "ecs",
            },
        },
        "healthCheck": {
            "command": ["CMD-SHELL", "curl -f http://localhost/health || exit 1"],
            "interval": 5,
            "timeout": 2,
            "retries": 3,
        },
    }
    try:
        known = api.ask("ecs", "DescribeTaskDefinition", taskDefinition=NAME)["taskDefinition"]
    except ApiError:
        known = None
    if known is not None and known["containerDefinitions"][0]["image"] == image:
        return str(known["taskDefinitionArn"])
    answer = api.ask(
        "ecs",
        "RegisterTaskDefinition",
        family=NAME,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        executionRoleArn=role,
        containerDefinitions=[container],
    )
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def _await_steady(api: Api) -> bool:
    """Tell the service's events as they come, until it is steady, or say why it is not."""
    clock = SystemClock()
    deadline = clock.now().timestamp() + READY_SECONDS
    told: set[str] = set()
    service: dict[str, Any] = {}
    while clock.now().timestamp() < deadline:
        (service,) = api.ask("ecs", "DescribeServices", cluster=NAME, services=[NAME])["services"]
        for event in reversed(service["events"]):
            if event["id"] not in told and event["createdAt"] > deadline - READY_SECONDS:
                print(f"  {paint(event['message'], 'dim')}", flush=True)
            told.add(event["id"])
        deployments = service["deployments"]
        if len(deployments) == 1 and deployments[0]["rolloutState"] == "COMPLETED":
            return True
        clock.pause(POLL_SECONDS)
    failed(f"the service has not reached a steady state in {READY_SECONDS:.0f} s: ecsd why {NAME}")
    return False


def _show_answers(url: str) -> int:
    """Ask until both tasks have answered; show who did."""
    answers: Counter[str] = Counter()
    for _ in range(REQUESTS):
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                answers[answer.read().decode(errors="replace").strip()] += 1
        except (urllib.error.URLError, OSError) as error:
            failed(f"{url}: {error}")
            return 1
    for words, count in answers.most_common():
        print(f"  {count:2} answers: {words}")
    if len(answers) < 2:  # noqa: PLR2004 - the demo's two tasks
        failed("only one of the two tasks has answered")
        return 1
    done(f"both tasks answer through the load balancer: curl {url}")
    step("look on: ecsd status · ecsd logs ecsd-demo -f · ecsd why ecsd-demo · ecsd down")
    return 0
