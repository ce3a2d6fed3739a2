"""Secrets in real containers: of both stores, rotated by a deployment, refused to a role;
rotated by a function."""

import json
import shutil
import subprocess
from datetime import UTC
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.integration.sample import ASSUME, eventually
from tests.integration.test_terraform import SHARED, Terraform, plugins

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
READS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["ssm:GetParameters", "secretsmanager:GetSecretValue"],
            "Resource": "*",
        }
    ],
}
FIRST, SECOND = ("first-hunter", "first-horse"), ("second-hunter", "second-horse")


class Secrets:
    """A parameter, a secret, and a service whose tasks get both."""

    def __init__(self, account):
        self.account = account
        self.ssm, self.secrets = account.client("ssm"), account.client("secretsmanager")
        account.network()
        account.ecs.create_cluster(clusterName="prod")
        self.arn = self.secrets.create_secret(Name="app/db")["ARN"]

    def put(self, parameter, secret):
        value = {"Name": "/app/password", "Value": parameter, "Type": "SecureString"}
        self.ssm.put_parameter(**value, Overwrite=True)
        document = json.dumps({"user": "app", "password": secret})
        self.secrets.put_secret_value(SecretId="app/db", SecretString=document)

    def role(self, name, policy=None):
        iam = self.account.iam
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=ASSUME)["Role"]["Arn"]
        if policy:
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        return arn

    def register(self, role, *secrets):
        given = [{"name": name, "valueFrom": value} for name, value in secrets]
        return self.account.ecs.register_task_definition(
            family="app",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            executionRoleArn=role,
            containerDefinitions=[
                {
                    "name": "app",
                    "image": "ecsd/busybox:1",
                    "command": ["sleep", "600"],
                    "stopTimeout": 2,
                    "secrets": given,
                }
            ],
        )["taskDefinition"]["taskDefinitionArn"]

    def inside(self):
        """Return parameter and secret in the container of the one running task."""
        (task,) = self.account.tasks()
        name = f"ecsd-{task['taskArn'].rpartition('/')[2]}-app"
        done = subprocess.run(
            ["docker", "exec", name, "env"], capture_output=True, text=True, check=True
        )
        found = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        return found["PASSWORD"], found["SECRET"]


@pytest.fixture
def world(account):
    return Secrets(account)


def everywhere(folder):
    """Yield every file that an ecsd has written."""
    for path in Path(folder).rglob("*"):
        if path.is_file():
            yield path


def test_secrets_of_both_stores_are_rotated_by_a_deployment(ecsd, world, account):
    world.put(*FIRST)
    definition = world.register(
        world.role("reads", READS),
        ("PASSWORD", "/app/password"),
        ("SECRET", f"{world.arn}:password::"),
    )
    account.service(definition, desired=1, balanced=False)
    account.steady()
    assert world.inside() == FIRST
    world.put(*SECOND)
    account.ecs.update_service(cluster="prod", service="web", forceNewDeployment=True)
    account.steady()
    eventually(lambda: len(account.tasks()) == 1)
    assert world.inside() == SECOND

    shown = account.ecs.describe_tasks(
        cluster="prod", tasks=[one["taskArn"] for one in account.tasks()]
    )
    assert not any(value in str(shown) for value in FIRST + SECOND)
    for path in everywhere(ecsd.folder):
        content = path.read_bytes()
        assert not any(value.encode() in content for value in FIRST + SECOND), path


def test_a_role_without_permission_stops_the_task(world, account):
    definition = world.register(world.role("nobody"), ("SECRET", world.arn))
    world.put(*FIRST)
    network = {"subnets": account.private, "securityGroups": [account.task_group]}
    started = account.ecs.run_task(
        cluster="prod",
        taskDefinition=definition,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": network},
    )["tasks"][0]["taskArn"]

    def stopped():
        task = account.ecs.describe_tasks(cluster="prod", tasks=[started])["tasks"][0]
        return task["lastStatus"] == "STOPPED" and task

    task = eventually(stopped, seconds=20)
    session = f"arn:aws:sts::{account.number}:assumed-role/nobody/{started.rpartition('/')[2]}"
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"] == (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
        "retrieval failed: unable to retrieve secret from asm: service call has been retried 1 "
        f"time(s): failed to fetch secret {world.arn} from secrets manager: AccessDeniedException: "
        f"User: {session} is not authorized to perform: secretsmanager:GetSecretValue on resource: "
        f"{world.arn} because no identity-based policy allows the secretsmanager:GetSecretValue "
        "action"
    )


MAIN = """
variable "aws_region" { default = "us-east-1" }
variable "function" {}
variable "schedule" { default = "rate(10 days)" }
resource "aws_secretsmanager_secret" "main" {
  name                    = "rotated"
  recovery_window_in_days = 0
}
resource "aws_secretsmanager_secret_version" "main" {
  secret_id     = aws_secretsmanager_secret.main.id
  secret_string = "first"
}
resource "aws_secretsmanager_secret_rotation" "main" {
  secret_id           = aws_secretsmanager_secret_version.main.secret_id
  rotation_lambda_arn = var.function
  rotate_immediately  = false
  rotation_rules {
    schedule_expression = var.schedule
    duration            = "3h"
  }
}
"""


class Rotates:
    """A rotation function as AWS's templates are; its database is away when it is first set."""

    def __init__(self, secrets):
        self.secrets = secrets
        self.away = True

    def __call__(self, event):
        step, secret, token = (event[name] for name in ("Step", "SecretId", "ClientRequestToken"))
        shown = self.secrets.describe_secret(SecretId=secret)
        stages = {label: one for one, held in shown["VersionIdsToStages"].items() for label in held}
        assert shown["RotationEnabled"]
        assert stages["AWSPENDING"] == token
        if step == "createSecret":
            self.secrets.put_secret_value(
                SecretId=secret,
                ClientRequestToken=token,
                SecretString="second",
                VersionStages=["AWSPENDING"],
                RotationToken=event["RotationToken"],
            )
        elif step == "setSecret" and self.away:
            self.away = False
            raise ConnectionError("no database")
        elif step == "finishSecret":
            self.secrets.update_secret_version_stage(
                SecretId=secret,
                VersionStage="AWSCURRENT",
                MoveToVersionId=token,
                RemoveFromVersionId=stages["AWSCURRENT"],
            )


def test_a_function_rotates_a_secret_though_it_fails_at_first(account, functions):
    secrets = account.client("secretsmanager")
    secrets.create_secret(Name="rotated", SecretString="first")
    function = f"arn:aws:lambda:us-east-1:{account.number}:function:rotate"
    functions.reply = rotates = Rotates(secrets)
    secrets.rotate_secret(
        SecretId="rotated",
        RotationLambdaARN=function,
        RotationRules={"AutomaticallyAfterDays": 30},
    )
    eventually(lambda: not rotates.away)
    assert secrets.get_secret_value(SecretId="rotated")["SecretString"] == "first"
    with pytest.raises(ClientError, match="A previous rotation isn't complete"):
        secrets.rotate_secret(SecretId="rotated")

    def shown():
        found = secrets.describe_secret(SecretId="rotated")
        return found if "LastRotatedDate" in found else None

    assert eventually(shown)["NextRotationDate"] > eventually(shown)["LastRotatedDate"]
    assert secrets.get_secret_value(SecretId="rotated")["SecretString"] == "second"
    steps = [event["Step"] for _, event in functions.asked]
    assert steps == [
        "createSecret",
        "setSecret",
        "createSecret",
        "setSecret",
        "testSecret",
        "finishSecret",
    ]


@pytest.mark.skipif(not SHARED.exists(), reason="the Terraform configurations are not here")
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_terraform_cycles_a_rotation(ecsd, account, functions, tmp_path):
    for name in ("providers", "versions"):
        shutil.copy(SHARED.parent / "core" / f"{name}.tf", tmp_path)
    (tmp_path / "main.tf").write_text(MAIN)
    terraform, secrets = Terraform(tmp_path, ecsd, account.number), account.client("secretsmanager")
    function = f"-var=function=arn:aws:lambda:us-east-1:{account.number}:function:rotate"
    terraform.run("init", "-input=false", *plugins())
    try:
        for more in ((), ("-var=schedule=cron(0 8 ? * MON *)",)):
            terraform.run("apply", "-auto-approve", function, *more)
            planned = terraform.run("plan", "-detailed-exitcode", function, *more, check=False)
            assert planned.returncode == 0, planned.stdout
        shown = secrets.describe_secret(SecretId="rotated")
        assert shown["RotationRules"] == {
            "ScheduleExpression": "cron(0 8 ? * MON *)",
            "Duration": "3h",
        }
        assert shown["NextRotationDate"].astimezone(UTC).strftime("%a %H:%M:%S") == "Mon 10:59:59"
        assert [event["Step"] for _, event in functions.asked] == ["testSecret"] * 2
    finally:
        terraform.run("destroy", "-auto-approve", function)
