"""Task definitions: checked in AWS's words, answered with AWS's defaults and no more."""

import pytest

from ecsd.errors import AwsError


def changed(fargate, **container):
    return fargate | {"containerDefinitions": [fargate["containerDefinitions"][0] | container]}


async def test_registering_answers_what_was_given_and_the_defaults(ecs, fargate):
    answer = await ecs("RegisterTaskDefinition", **fargate, tags=[{"key": "a", "value": "b"}])
    definition = answer["taskDefinition"]
    assert definition["taskDefinitionArn"].endswith(":task-definition/web:1")
    assert definition["compatibilities"] == ["EC2", "FARGATE", "MANAGED_INSTANCES"]
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
        (
            {"memory": 1024},
            "The 'memory' setting for container 'app' is greater than for the task.",
        ),
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
        (
            {"secrets": [{"name": "A", "valueFrom": "x"}]},
            "When you are specifying container secrets, you must also specify a value for "
            "'executionRoleArn'.",
        ),
        ({"ulimits": [{"name": "x", "softLimit": 1, "hardLimit": 1}]}, "unknown ulimit 'x'"),
    ],
)
async def test_a_wrong_container_is_refused(ecs, fargate, container, message):
    with pytest.raises(AwsError) as refused:
        await ecs("RegisterTaskDefinition", **changed(fargate, **container))
    assert message in refused.value.message


BRIDGE = {"networkMode": "bridge", "cpu": "", "memory": "", "requiresCompatibilities": []}


async def test_what_fits_where_is_told_and_what_is_wanted_is_checked(ecs, fargate):
    def registered(**change):
        return ecs("RegisterTaskDefinition", **fargate | change)

    container = fargate["containerDefinitions"][0] | {"memory": 64, "links": ["db:data"]}
    both = [container, {"name": "db", "image": "db:1", "memory": 64}]
    answer = await registered(**BRIDGE, containerDefinitions=both)
    assert answer["taskDefinition"]["compatibilities"] == ["EC2", "EXTERNAL"]
    assert "requiresCompatibilities" not in answer["taskDefinition"]
    answer = await registered(requiresCompatibilities=["EC2", "MANAGED_INSTANCES"])
    assert "MANAGED_INSTANCES" in answer["taskDefinition"]["compatibilities"]
    with pytest.raises(AwsError, match="External instances do not support network mode 'awsvpc'"):
        await registered(requiresCompatibilities=["EXTERNAL"])
    labelled = [fargate["containerDefinitions"][0] | {"dockerLabels": {"a": "b"}}]
    with pytest.raises(AwsError, match="Managed Instances do not support 'dockerLabels'"):
        await registered(
            requiresCompatibilities=["MANAGED_INSTANCES"], containerDefinitions=labelled
        )


VIA_SSM = "ssm.bootstrap.log-driver"


async def test_what_an_instance_must_be_able_to_do_is_told(ecs, fargate):
    container = {
        "image": "000000000000.dkr.ecr.us-east-1.amazonaws.com/app:1",
        "dockerSecurityOptions": ["apparmor:x", "label:y", "no-new-privileges"],
        "privileged": True,
        "portMappings": [{"containerPortRange": "80-90"}],
        "restartPolicy": {"enabled": True},
        "logConfiguration": {
            "logDriver": "gelf",
            "secretOptions": [{"name": "key", "valueFrom": "/app/key"}],
        },
        "secrets": [
            {
                "name": "A",
                "valueFrom": "arn:aws:secretsmanager:us-east-1:000000000000:secret:a-AbCdEf",
            }
        ],
        "environmentFiles": [{"value": "arn:aws:s3:::bucket/a.env", "type": "s3"}],
        "repositoryCredentials": {"credentialsParameter": "registry"},
    }
    wanted = changed(fargate, **container) | {
        "requiresCompatibilities": ["EC2"],
        "executionRoleArn": "run",
        "volumes": [{"name": "v", "dockerVolumeConfiguration": {"driver": "nfs"}}],
    }
    answer = await ecs("RegisterTaskDefinition", **wanted)
    names = {one["name"] for one in answer["taskDefinition"]["requiresAttributes"]}
    aws, short = "com.amazonaws.ecs.capability.", "ecs.capability."
    assert names == {
        *(aws + one for one in ("docker-remote-api.1.18", "ecr-auth", "logging-driver.gelf")),
        *(aws + one for one in ("apparmor", "selinux", "privileged-container")),
        *(short + one for one in ("task-eni", "task-cpu-mem-limit", "docker-plugin.nfs")),
        *(short + one for one in ("execution-role-ecr-pull", "container-restart-policy")),
        *(short + one for one in ("network.container-port-range", "env-files.s3")),
        *(short + f"secrets.{one}" for one in ("asm.environment-variables", VIA_SSM)),
        short + "private-registry-authentication.secretsmanager",
    }


async def test_a_definition_without_a_network_mode_is_a_bridges_and_says_none(ecs, fargate):
    fargate["containerDefinitions"][0]["memory"] = 64
    del fargate["networkMode"]
    wanted = fargate | {"cpu": "", "memory": "", "requiresCompatibilities": []}
    definition = (await ecs("RegisterTaskDefinition", **wanted))["taskDefinition"]
    assert "networkMode" not in definition
    assert definition["containerDefinitions"][0]["portMappings"][0]["hostPort"] == 0


async def test_a_definition_larger_than_64_kib_is_refused(ecs, fargate):
    with pytest.raises(AwsError, match="must not exceed 64 KiB"):
        await ecs("RegisterTaskDefinition", **changed(fargate, command=["x" * 66_000]))


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
