"""The guide's troubleshooting cases, with the commands that it names."""

import json

import pytest

from tests.integration.sample import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
SLOW = "sleep 8; echo > /ready; sleep 600"  # an application that takes its time to start


def test_a_task_that_does_not_start_says_why(ecsd, account, command):
    account.network()
    account.service(account.register(image="127.0.0.1:9/no/such:1"), desired=1, balanced=False)

    def stopped():
        shown = account.ecs.list_tasks(cluster="prod", desiredStatus="STOPPED")["taskArns"]
        return shown and shown[0]

    arn = eventually(stopped)
    words = ("--tasks", arn, "--query", "tasks[0].stoppedReason")
    code, said = command("aws", "ecs", "describe-tasks", "--cluster", "prod", *words)
    assert code == 0, said
    assert json.loads(said).startswith("CannotPullContainerError: pull image manifest has been ")
    assert "127.0.0.1:9/no/such:1" in json.loads(said)
    why = eventually(lambda: _has(ecsd.run("why", "web").stdout, "CannotPullContainerError"))
    assert "127.0.0.1:9/no/such:1" in why


def test_a_slow_start_fails_its_health_check_until_the_start_period_is_longer(
    ecsd, account, command, image
):
    account.network()

    def definition(start_period):
        check = {"command": ["CMD-SHELL", "test -f /ready"], "startPeriod": start_period}
        check |= {"interval": 5, "timeout": 2, "retries": 1}
        words = ["sh", "-c", SLOW]
        return account.register(image=image, command=words, healthCheck=check)

    account.service(definition(0), desired=1, balanced=False)
    unhealthy = eventually(
        lambda: _has(" ".join(account.events()), "failed container health checks")
    )
    assert "(service web)" in unhealthy
    why = eventually(lambda: _has(ecsd.run("why", "web").stdout, "its health check fails"))
    assert "failed container health checks" in why
    account.ecs.update_service(cluster="prod", service="web", taskDefinition=definition(120))
    account.steady()
    code, said = command("aws", "ecs", "describe-tasks", "--cluster", "prod", *_tasks(account))
    assert code == 0, said
    assert json.loads(said) == ["HEALTHY"]


def _tasks(account):
    arns = [one["taskArn"] for one in account.tasks()]
    return ("--tasks", *arns, "--query", "tasks[].healthStatus")


def _has(text, words):
    return text if words in text else None


def test_a_security_group_that_keeps_the_balancer_out_is_found_by_the_guides_command(
    ecsd, account, command
):
    account.network()
    account.load_balancer()
    account.task_group = closed = account.security_group("closed")
    account.service(account.register(), desired=1, healthCheckGracePeriodSeconds=60)
    query = ("--query", "SecurityGroups[0].IpPermissions")
    asked = ("aws", "ec2", "describe-security-groups", "--group-ids", closed, *query)
    code, said = command(*asked)
    assert (code, json.loads(said)) == (0, [])
    (arn,) = eventually(
        lambda: [one["taskArn"] for one in account.tasks() if one["lastStatus"] == "RUNNING"]
    )
    refused = ecsd.run("why", "connect", account.dns_name, arn, "80", check=False)
    assert refused.returncode == 1
    assert f"it stops here: no ingress rule of {closed}, which 10.0." in refused.stdout

    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
    rule["UserIdGroupPairs"] = [{"GroupId": account.alb_group}]
    account.ec2.authorize_security_group_ingress(GroupId=closed, IpPermissions=[rule])
    code, said = command(*asked)
    assert code == 0, said
    (shown,) = json.loads(said)
    assert (shown["IpProtocol"], shown["FromPort"], shown["ToPort"]) == ("tcp", 80, 80)
    assert shown["UserIdGroupPairs"] == [{"UserId": account.number, "GroupId": account.alb_group}]
    name = account.dns_name
    passed = ecsd.run("why", "connect", name, arn, "80")
    assert "does not get through" not in passed.stdout
    assert f"of {closed} (tcp 80, {account.alb_group}) allows tcp port 80" in passed.stdout
    eventually(lambda: account.get("/")[0] == 200)
