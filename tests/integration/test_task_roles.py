"""Roles of tasks: credentials inside containers, what they allow, and whose they are."""

import json
import subprocess

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.integration import sdk_image
from tests.integration.sample import ASSUME, eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

EXECUTION = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
LISTS = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "ecs:ListClusters", "Resource": "*"}],
}
ASKS = """
import boto3, json
told = {"who": boto3.client("sts").get_caller_identity()["Arn"]}
ecs = boto3.client("ecs")
told["clusters"] = ecs.list_clusters()["clusterArns"]
try:
    ecs.describe_clusters(clusters=["prod"])
except ecs.exceptions.ClientError as error:
    told["refused"] = str(error)
print(json.dumps(told))
"""


PATH = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
FETCHES = """
import json, sys, urllib.error, urllib.request
try:
    with urllib.request.urlopen("http://169.254.170.2" + sys.argv[1]) as answer:
        print(json.dumps([answer.status, json.load(answer)]))
except urllib.error.HTTPError as error:
    print(json.dumps([error.code, json.load(error)]))
"""
DESCRIBES = """
import os, urllib.request
print(urllib.request.urlopen(os.environ["ECS_CONTAINER_METADATA_URI_V4"] + "/task").read().decode())
"""


class Tasks:
    """Tasks of an account with a role each, and commands inside them."""

    def __init__(self, account):
        self.account = account
        account.network()
        account.ecs.create_cluster(clusterName="prod")
        account.logs.create_log_group(logGroupName="/roles")

    def role(self, name, policy=None, managed=None, trust=ASSUME):
        iam = self.account.iam
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        if policy:
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        if managed:
            iam.attach_role_policy(RoleName=name, PolicyArn=managed)
        return arn

    def run(self, task_role, execution_role, family="asks"):
        """Start a task that sleeps; returns its ARN."""
        definition = self.account.ecs.register_task_definition(
            family=family,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            taskRoleArn=task_role,
            executionRoleArn=execution_role,
            containerDefinitions=[
                {
                    "name": "app",
                    "image": sdk_image.provide(),
                    "command": ["sleep", "600"],
                    "stopTimeout": 2,
                    "logConfiguration": {
                        "logDriver": "awslogs",
                        "options": {
                            "awslogs-group": "/roles",
                            "awslogs-stream-prefix": "s",
                            "awslogs-region": "us-east-1",
                        },
                    },
                }
            ],
        )["taskDefinition"]["taskDefinitionArn"]
        network = {"subnets": self.account.private, "securityGroups": [self.account.task_group]}
        answer = self.account.ecs.run_task(
            cluster="prod",
            taskDefinition=definition,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": network},
        )
        return answer["tasks"][0]["taskArn"]

    def task(self, arn):
        return self.account.ecs.describe_tasks(cluster="prod", tasks=[arn])["tasks"][0]

    def until(self, arn, status):
        return eventually(
            lambda: self.task(arn)["lastStatus"] == status and self.task(arn), seconds=40
        )

    def inside(self, arn, *words):
        """Return what a command says inside the task's container."""
        name = f"ecsd-{arn.rpartition('/')[2]}-app"
        done = subprocess.run(
            ["docker", "exec", name, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, arn, path):
        """Return status and answer of the endpoint, asked by a task."""
        return json.loads(self.inside(arn, "python3", "-c", FETCHES, path))


@pytest.fixture
def tasks(account):
    return Tasks(account)


def test_a_task_acts_in_its_own_role_alone(ecsd, tasks, account):
    execution = tasks.role("execution", managed=EXECUTION)
    arn = tasks.run(tasks.role("lists", LISTS), execution)
    other = tasks.run(tasks.role("other"), execution)
    tasks.until(arn, "RUNNING"), tasks.until(other, "RUNNING")
    task_id = arn.rpartition("/")[2]
    who = f"arn:aws:sts::{account.number}:assumed-role/lists/{task_id}"

    told = json.loads(tasks.inside(arn, "python3", "-c", ASKS))
    assert told["who"] == who
    assert [one.rpartition("/")[2] for one in told["clusters"]] == ["prod"]
    assert (
        f"AccessDeniedException) when calling the DescribeClusters operation: User: {who} is "
        in (told["refused"])
    )
    shown = json.loads(tasks.inside(arn, "aws", "sts", "get-caller-identity"))
    assert shown["Arn"] == who

    paths = {
        one: tasks.inside(one, "python3", "-c", f"import os; print(os.environ['{PATH}'])").strip()
        for one in (arn, other)
    }
    _, own = tasks.ask(arn, paths[arn])
    assert own["RoleArn"].endswith(":role/lists")
    status, stolen = tasks.ask(arn, paths[other])
    assert (status, stolen["code"]) == (400, "InvalidIdInRequest")

    metadata = json.loads(tasks.inside(arn, "python3", "-c", DESCRIBES))
    (container,) = metadata["Containers"]
    assert (metadata["TaskARN"], metadata["KnownStatus"]) == (arn, "RUNNING")
    assert container["Networks"][0]["IPv4Addresses"] == [account.address(tasks.task(arn))]

    account.ecs.stop_task(cluster="prod", task=arn)
    tasks.until(arn, "STOPPED")
    kept = {
        "aws_access_key_id": own["AccessKeyId"],
        "aws_secret_access_key": own["SecretAccessKey"],
        "aws_session_token": own["Token"],
    }

    def ended():
        try:
            boto3.client(
                "sts", "us-east-1", endpoint_url=ecsd.endpoint, **kept
            ).get_caller_identity()
        except ClientError as error:
            return error.response["Error"]["Code"] == "ExpiredToken"
        return False

    eventually(ended, seconds=5)


def test_roles_that_cannot_do_their_part_stop_tasks(tasks, account):
    nobody = tasks.role("nobody")  # may not write logs
    arn = tasks.run(tasks.role("lists", LISTS), nobody)
    stopped = tasks.until(arn, "STOPPED")
    session = f"arn:aws:sts::{account.number}:assumed-role/nobody/{arn.rpartition('/')[2]}"
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert stopped["stoppedReason"].startswith(
        "ResourceInitializationError: failed to validate logger args: create stream has been "
        "retried 1 times: failed to create Cloudwatch log stream: AccessDeniedException: "
        f"User: {session} is not authorized to perform: logs:CreateLogStream on resource: "
    )

    trust = json.dumps(json.loads(ASSUME) | {"Statement": []}).replace(
        "[]",
        json.dumps(
            [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "ec2.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ]
        ),
    )
    with pytest.raises(ClientError) as caught:
        tasks.run(tasks.role("misled", trust=trust), nobody, family="misled")
    assert caught.value.response["Error"]["Code"] == "ClientException"
    assert "ECS was unable to assume the role" in caught.value.response["Error"]["Message"]
