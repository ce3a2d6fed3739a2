"""Task definitions: checked in AWS's words, answered with AWS's defaults and no more."""

import pytest

from ecsd.errors import AwsError


def changed(fargate, **container):
    return fargate | {"containerDefinitions": [fargate["containerDefinitions"][0] | container]}


async def test_registering_answers_what_was_given_and_the_defaults(ecs, fargate):
    answer = await ecs("RegisterTaskDefinition", **fargate, tags=[{"key": "a", "value": "b"}])
    definition = answer["taskDefinition"]
    assert definition["taskDefinitionArn"].endswith(":task-definition/web:1")
    assert definition["compatibilities"] == ["EC2", "FARGATE"]
    assert definition["requiresCompatibilities"] == ["FARGATE"]
    assert (definition["cpu"], definition["memory"]) == ("256", "512")
    assert definition["containerDefinitions"] == [
        {
            "name": "app",
            "image": "app:1",
            "cpu": 0,
            "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}],
            "essential": True,
            "environment": [],
            "mountPoints": [],
            "volumesFrom": [],
            "systemControls": [],
        }
    ]
    assert answer["tags"] == [{"key": "a", "value": "b"}]


async def test_revisions_count_on_after_deregistration(ecs, fargate):
    await ecs("RegisterTaskDefinition", **fargate)
    await ecs("DeregisterTaskDefinition", taskDefinition="web:1")
    second = await ecs("RegisterTaskDefinition", **fargate)
    assert second["taskDefinition"]["revision"] == 2
    newest = await ecs("DescribeTaskDefinition", taskDefinition="web")
    assert newest["taskDefinition"]["revision"] == 2
    old = await ecs("DescribeTaskDefinition", taskDefinition="web:1")
    assert old["taskDefinition"]["status"] == "INACTIVE"
    assert (await ecs("ListTaskDefinitions"))["taskDefinitionArns"] == [
        "arn:aws:ecs:us-east-1:000000000000:task-definition/web:2"
    ]
    families = await ecs("ListTaskDefinitionFamilies", status="ACTIVE")
    assert families["families"] == ["web"]


async def test_sizes_may_be_written_in_words(ecs, fargate):
    answer = await ecs("RegisterTaskDefinition", **fargate | {"cpu": "1 vCPU", "memory": "2GB"})
    definition = answer["taskDefinition"]
    assert (definition["cpu"], definition["memory"]) == ("1024", "2048")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cpu": "256", "memory": "4096"}, "No Fargate configuration exists for given values."),
        ({"cpu": "much"}, "Invalid 'cpu' setting for task."),
        ({"networkMode": "bridge"}, "Fargate only supports network mode 'awsvpc'."),
        ({"family": "a b"}, "Family contains invalid characters"),
        ({"pidMode": "host"}, "do not support pidMode 'host'"),
        ({"ephemeralStorage": {"sizeInGiB": 20}}, "EphemeralStorage size should be at least 21"),
        ({"containerDefinitions": []}, "Container list cannot be empty."),
        ({"tags": []}, "Tags can not be empty."),
    ],
)
async def test_a_wrong_task_is_refused(ecs, fargate, change, message):
    with pytest.raises(AwsError) as refused:
        await ecs("RegisterTaskDefinition", **fargate | change)
    assert refused.value.code == "ClientException"
    assert message in refused.value.message
    assert (await ecs("ListTaskDefinitions"))["taskDefinitionArns"] == []


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"name": ""}, "Container.name should not be null or empty."),
        ({"image": ""}, "Container.image should not be null or empty."),
        ({"image": "a b"}, "Container.image contains invalid characters."),
        ({"cpu": 512}, "The sum of all container 'cpu' values cannot be greater"),
        ({"memory": 1024}, "The sum of all container 'memory' values cannot be greater"),
        (
            {"portMappings": [{"containerPort": 80, "hostPort": 81}]},
            "When networkMode=awsvpc, the host ports and container ports in port mappings must",
        ),
        ({"logConfiguration": {"logDriver": "json-file"}}, "log driver 'json-file'"),
        (
            {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}}},
            "Log driver awslogs requires options: awslogs-region",
        ),
        (
            {
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {"awslogs-group": "g", "awslogs-region": "r"},
                }
            },
            "to have execution role ARN to support log driver awslogs.",
        ),
        ({"healthCheck": {"command": ["curl"]}}, "healthCheck.command"),
        ({"healthCheck": {"command": ["CMD", "a"], "interval": 1}}, "healthCheck.interval"),
        (
            {"dependsOn": [{"containerName": "x", "condition": "START"}]},
            "Cannot depend on container + 'x' because it does not exist",
        ),
        (
            {"volumesFrom": [{"sourceContainer": "x"}]},
            "Invalid 'volumesFrom' setting. Unknown container: 'x'.",
        ),
        ({"mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]}, "Unknown volume 'v'."),
        ({"privileged": True}, "'privileged'"),
        ({"stopTimeout": 121}, "stopTimeout must be between 2 and 120"),
        ({"essential": False}, "At least one container in a task definition must be essential."),
        ({"secrets": [{"name": "A", "valueFrom": "x"}]}, "secrets is not supported by ecsd yet"),
        ({"ulimits": [{"name": "x", "softLimit": 1, "hardLimit": 1}]}, "unknown ulimit 'x'"),
    ],
)
async def test_a_wrong_container_is_refused(ecs, fargate, container, message):
    with pytest.raises(AwsError) as refused:
        await ecs("RegisterTaskDefinition", **changed(fargate, **container))
    assert message in refused.value.message


async def test_containers_that_wait_for_each_other_are_refused(ecs, fargate):
    both = [
        {"name": one, "image": "i", "dependsOn": [{"containerName": two, "condition": "START"}]}
        for one, two in (("a", "b"), ("b", "a"))
    ]
    with pytest.raises(AwsError, match="cyclic"):
        await ecs("RegisterTaskDefinition", **fargate | {"containerDefinitions": both})


async def test_unknown_definitions_are_refused_in_ecs_words(ecs):
    with pytest.raises(AwsError, match="Unable to describe task definition"):
        await ecs("DescribeTaskDefinition", taskDefinition="nope")
    with pytest.raises(AwsError, match="Revision is missing"):
        await ecs("DeregisterTaskDefinition", taskDefinition="nope")
    with pytest.raises(AwsError, match="Invalid revision number. Number: x"):
        await ecs("DescribeTaskDefinition", taskDefinition="web:x")


async def test_only_inactive_definitions_can_be_deleted(ecs, fargate):
    await ecs("RegisterTaskDefinition", **fargate)
    answer = await ecs("DeleteTaskDefinitions", taskDefinitions=["web:1"])
    assert "still in ACTIVE status" in answer["failures"][0]["reason"]
    await ecs("DeregisterTaskDefinition", taskDefinition="web:1")
    answer = await ecs("DeleteTaskDefinitions", taskDefinitions=["web:1"])
    assert answer["taskDefinitions"][0]["status"] == "DELETE_IN_PROGRESS"
