"""Clients that ask on their own: boto3's waiters, ``aws ecs wait``, PyPI's ecs-deploy."""

import pytest
from botocore.exceptions import WaiterError

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
WHERE = ("--cluster", "prod", "--services", "web")
OFTEN = {"Delay": 1, "MaxAttempts": 60}


def test_ecs_deploy_and_the_waiters_see_a_deployment_through(account, command):
    account.network()
    account.load_balancer()
    account.service(account.register())
    account.ecs.get_waiter("services_stable").wait(
        cluster="prod", services=["web"], WaiterConfig=OFTEN
    )
    code, said = command("ecs", "deploy", "prod", "web", "-e", "app", "RELEASE", "7")
    assert code == 0, said
    code, said = command("aws", "ecs", "wait", "services-stable", *WHERE)
    assert code == 0, said
    assert "release 7" in account.get()[2]
    # A deployment that fails is told by the same tool.
    words = ("--image", "app", "127.0.0.1:9/no/such:1", "--timeout", "15")
    code, said = command("ecs", "deploy", "prod", "web", *words)
    assert code != 0, said
    assert "release 7" in account.get()[2]


def test_waiters_of_tasks_and_deleted_services_end(account, command):
    account.network()
    account.service(account.register(), desired=1, balanced=False)
    account.steady()
    (arn,) = account.ecs.list_tasks(cluster="prod")["taskArns"]
    code, said = command("aws", "ecs", "wait", "tasks-running", "--cluster", "prod", "--tasks", arn)
    assert code == 0, said
    account.ecs.delete_service(cluster="prod", service="web", force=True)
    account.ecs.get_waiter("services_inactive").wait(
        cluster="prod", services=["web"], WaiterConfig=OFTEN
    )
    account.ecs.get_waiter("tasks_stopped").wait(cluster="prod", tasks=[arn], WaiterConfig=OFTEN)
    with pytest.raises(WaiterError, match="STOPPED"):
        account.ecs.get_waiter("tasks_running").wait(
            cluster="prod", tasks=[arn], WaiterConfig=OFTEN
        )
    code, said = command("aws", "ecs", "wait", "services-stable", *WHERE)
    assert code != 0
    assert "terminal failure" in said
