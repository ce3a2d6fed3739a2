"""Services as AWS answers them; nothing runs here."""

import pytest

from ecsd.errors import AwsError


@pytest.fixture
async def web(ecs, fargate, awsvpc):
    """A cluster, a definition, and what CreateService needs."""
    await ecs("CreateCluster", clusterName="prod")
    await ecs("RegisterTaskDefinition", **fargate)
    return {
        "cluster": "prod",
        "serviceName": "web",
        "taskDefinition": "web",
        "desiredCount": 2,
        "launchType": "FARGATE",
        "networkConfiguration": awsvpc,
    }


async def test_a_new_service_has_awss_defaults(ecs, web):
    service = (await ecs("CreateService", **web))["service"]
    assert service["status"] == "ACTIVE"
    assert service["schedulingStrategy"] == "REPLICA"
    assert service["deploymentController"] == {"type": "ECS"}
    assert service["availabilityZoneRebalancing"] == "ENABLED"
    assert service["propagateTags"] == "NONE"
    configuration = service["deploymentConfiguration"]
    assert configuration["maximumPercent"] == 200
    assert configuration["minimumHealthyPercent"] == 100
    (deployment,) = service["deployments"]
    assert deployment["status"] == "PRIMARY"
    assert deployment["rolloutState"] == "IN_PROGRESS"
    assert deployment["rolloutStateReason"] == f"ECS deployment {deployment['id']} in progress."
    assert deployment["id"].startswith("ecs-svc/")
    # As it was asked for: Terraform would plan a change where the VPC's group is shown.
    assert service["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] == []


async def test_the_same_token_answers_the_same_service_and_anything_else_is_refused(ecs, web):
    first = await ecs("CreateService", **web, clientToken="t")
    again = await ecs("CreateService", **web, clientToken="t")
    assert again["service"]["serviceArn"] == first["service"]["serviceArn"]
    with pytest.raises(AwsError, match="Creation of service was not idempotent."):
        await ecs("CreateService", **web)


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"taskDefinition": "nope"}, "ClientException", "TaskDefinition not found."),
        ({"cluster": "nope"}, "ClusterNotFoundException", "Cluster not found."),
        ({"desiredCount": -1}, "InvalidParameterException", "desiredCount"),
        ({"serviceName": "a b"}, "InvalidParameterException", "serviceName"),
        (
            {"networkConfiguration": {"awsvpcConfiguration": {"subnets": []}}},
            "InvalidParameterException",
            "subnets can not be empty.",
        ),
        (
            {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}},
            "InvalidParameterException",
            "Error retrieving subnet information for [subnet-1]",
        ),
        (
            {
                "loadBalancers": [
                    {"targetGroupArn": "arn:x", "containerName": "app", "containerPort": 81}
                ]
            },
            "InvalidParameterException",
            "The container app did not have a container port 81 defined.",
        ),
        (
            {"launchType": "EC2"},
            "InvalidParameterException",
            "No Container Instances were found in your cluster.",
        ),
        (
            {"healthCheckGracePeriodSeconds": 60},
            "InvalidParameterException",
            "Health check grace period is only valid",
        ),
        (
            {"deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 100}},
            "InvalidParameterException",
            "as this will block deployments",
        ),
        ({"schedulingStrategy": "DAEMON"}, "InvalidParameterException", "DAEMON"),
        (
            {"deploymentController": {"type": "CODE_DEPLOY"}},
            "InvalidParameterException",
            "CODE_DEPLOY",
        ),
        ({"platformVersion": "0.1"}, "PlatformUnknownException", "platform version"),
    ],
)
async def test_what_cannot_run_is_refused(ecs, web, change, code, message):
    with pytest.raises(AwsError) as refused:
        await ecs("CreateService", **web | change)
    assert refused.value.code == code
    assert message in refused.value.message


async def test_a_scaled_service_is_deleted_only_by_force(ecs, web):
    await ecs("CreateService", **web)
    with pytest.raises(AwsError, match="scaled above 0"):
        await ecs("DeleteService", cluster="prod", service="web")
    deleted = await ecs("DeleteService", cluster="prod", service="web", force=True)
    assert deleted["service"]["status"] == "DRAINING"
    assert (await ecs("ListServices", cluster="prod"))["serviceArns"] == []
    with pytest.raises(AwsError, match="still Draining"):
        await ecs("CreateService", **web)
    with pytest.raises(AwsError) as refused:
        await ecs("UpdateService", cluster="prod", service="web", desiredCount=1)
    assert refused.value.code == "ServiceNotActiveException"


async def test_only_some_updates_begin_a_deployment(ecs, web, fargate):
    created = (await ecs("CreateService", **web))["service"]
    first = created["deployments"][0]["id"]
    scaled = await ecs("UpdateService", cluster="prod", service="web", desiredCount=3)
    assert [one["id"] for one in scaled["service"]["deployments"]] == [first]
    same = await ecs("UpdateService", cluster="prod", service="web", taskDefinition="web:1")
    assert [one["id"] for one in same["service"]["deployments"]] == [first]
    await ecs("RegisterTaskDefinition", **fargate)
    moved = await ecs("UpdateService", cluster="prod", service="web", taskDefinition="web:2")
    newest, older = moved["service"]["deployments"]
    assert (newest["status"], older["status"], older["id"]) == ("PRIMARY", "ACTIVE", first)
    assert moved["service"]["taskDefinition"].endswith("web:2")
    forced = await ecs("UpdateService", cluster="prod", service="web", forceNewDeployment=True)
    assert len(forced["service"]["deployments"]) == 3


async def test_deregistered_definitions_start_no_service(ecs, web):
    await ecs("DeregisterTaskDefinition", taskDefinition="web:1")
    with pytest.raises(AwsError, match="TaskDefinition is inactive"):
        await ecs("CreateService", **web | {"taskDefinition": "web:1"})
