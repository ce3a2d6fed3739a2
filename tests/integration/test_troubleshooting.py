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
