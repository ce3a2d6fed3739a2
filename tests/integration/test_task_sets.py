"""A service that somebody else deploys: two task sets side by side, on real containers."""

import pytest

from tests.integration.sample import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


def test_a_deployer_of_its_own_moves_from_one_set_to_the_next(account):
    account.network()
    account.load_balancer()
    account.ecs.create_cluster(clusterName="prod")
    where = {"cluster": "prod", "service": "web"}
    account.ecs.create_service(
        cluster="prod",
        serviceName="web",
        desiredCount=2,
        deploymentController={"type": "EXTERNAL"},
    )

    def add(release, percent, group):
        return account.ecs.create_task_set(
            **where,
            taskDefinition=account.register(release=release),
            launchType="FARGATE",
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": account.private,
                    "securityGroups": [account.task_group],
                }
            },
            loadBalancers=[{"targetGroupArn": group, "containerName": "app", "containerPort": 80}],
            scale={"value": percent, "unit": "PERCENT"},
        )["taskSet"]["id"]

    def state(name):
        (found,) = account.ecs.describe_task_sets(**where, taskSets=[name])["taskSets"]
        return found["stabilityStatus"], found["runningCount"]

    blue = add("1", 100.0, account.group)
    eventually(lambda: state(blue) == ("STEADY_STATE", 2))
    account.ecs.update_service_primary_task_set(**where, primaryTaskSet=blue)
    assert "release 1" in account.get()[2]
    green = add("2", 50.0, account.group)
    eventually(lambda: state(green) == ("STEADY_STATE", 1))
    account.ecs.update_task_set(**where, taskSet=green, scale={"value": 100.0})
    eventually(lambda: state(green) == ("STEADY_STATE", 2))
    account.ecs.update_service_primary_task_set(**where, primaryTaskSet=green)
    account.ecs.delete_task_set(**where, taskSet=blue, force=True)
    eventually(lambda: len(account.described()["taskSets"]) == 1)
    assert {account.get()[2].rsplit("release ", 1)[1].strip() for _ in range(6)} == {"2"}
    assert account.described()["taskDefinition"].endswith("web:2")
