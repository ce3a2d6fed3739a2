"""volumeConfigurations of RunTask and of services: stored, shown, refused."""

import pytest

from ecsd.errors import AwsError
from ecsd.records.ec2.volume import Volume
from ecsd.records.ecs.task import Task
from ecsd.settings import Settings
from ecsd.store.scope import Scope

SCOPE = Scope("000000000000", "us-east-1")
ROLE = {"roleArn": "arn:aws:iam::000000000000:role/ecsInfrastructureRole"}


def configured(**managed):
    return [{"name": "data", "managedEBSVolume": ROLE | managed}]


@pytest.fixture
async def launch(client, fargate, awsvpc):
    """Call RunTask, CreateService, UpdateService about a definition with such a volume."""
    ecs = client("ecs")
    await ecs("CreateCluster", clusterName="prod")
    definition = {**fargate, "volumes": [{"name": "data", "configuredAtLaunch": True}]}
    await ecs("RegisterTaskDefinition", **definition)
    await ecs("RegisterTaskDefinition", **fargate | {"family": "plain"})
    usual = {
        "cluster": "prod",
        "taskDefinition": "web",
        "launchType": "FARGATE",
        "networkConfiguration": awsvpc,
    }

    async def ask(name, settings=None, **request):
        members = {} if name == "UpdateService" else usual
        if name == "CreateService":
            members = usual | {"serviceName": "db", "desiredCount": 1}
        about = {"cluster": "prod"} | members | request
        return await client("ecs", settings=settings or Settings())(name, **about)

    return ask


async def refused(asked):
    with pytest.raises(AwsError) as caught:
        await asked
    assert caught.value.code == "InvalidParameterException"
    return caught.value.message


def details(attachment):
    return {one["name"]: one["value"] for one in attachment["details"]}


async def test_a_task_has_an_attachment_and_a_volume_to_be_made(launch, store):
    policy = {"deleteOnTermination": False}
    given = configured(sizeInGiB=5, volumeType="io1", iops=200, terminationPolicy=policy)
    (task,) = (await launch("RunTask", volumeConfigurations=given))["tasks"]
    _, attachment = task["attachments"]
    assert (attachment["type"], attachment["status"]) == (
        "AmazonElasticBlockStorage",
        "PRECREATED",
    )
    shown = details(attachment)
    assert (shown["sizeInGiB"], shown["iops"], shown["filesystemType"]) == ("5", "200", "xfs")
    assert (shown["roleArn"], shown["deleteOnTermination"]) == (ROLE["roleArn"], "false")
    assert "throughput" not in shown
    (volume,) = store.view(SCOPE).select(Volume)
    assert (volume.volume_id, volume.state, volume.task_arn) == (
        shown["volumeId"],
        "creating",
        task["taskArn"],
    )
    assert (volume.managed, volume.delete_on_termination) == (True, False)
    assert {one.key for one in volume.tags} >= {"AmazonECSCreated", "AmazonECSManaged"}


async def test_each_task_of_a_launch_has_a_volume_of_its_own(launch, store):
    await launch("RunTask", count=2, volumeConfigurations=configured(sizeInGiB=1))
    tasks = store.view(SCOPE).select(Task)
    owners = {one.task_arn for one in store.view(SCOPE).select(Volume)}
    assert owners == {one.task_arn for one in tasks}
    assert len(owners) == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "has to be configured"),
        (configured(), "either sizeInGiB or snapshotId"),
        (configured(sizeInGiB=1, kmsKeyId="k"), "managedEBSVolume.kmsKeyId"),
        (
            configured(
                sizeInGiB=1,
                tagSpecifications=[
                    {"resourceType": "volume", "tags": [{"key": "aws:x", "value": ""}]}
                ],
            ),
            "aws:",
        ),
    ],
)
@pytest.mark.parametrize("name", ["RunTask", "CreateService"])
async def test_what_is_refused_by_name(launch, name, given, words):
    assert words in await refused(launch(name, volumeConfigurations=given))


async def test_strict_mode_wants_somebodys_word_for_encryption(launch):
    given = configured(sizeInGiB=1, encrypted=True)
    (task,) = (await launch("RunTask", volumeConfigurations=given))["tasks"]
    assert details(task["attachments"][1])["encrypted"] == "true"
    strict = launch("RunTask", Settings(mode="strict"), volumeConfigurations=given)
    assert "ECSD_EBS_ENCRYPTED=on" in await refused(strict)


async def test_a_service_shows_them_and_an_update_is_a_deployment(launch):
    given = configured(sizeInGiB=1)
    made = await launch("CreateService", volumeConfigurations=given)
    (deployment,) = made["service"]["deployments"]
    assert deployment["volumeConfigurations"] == given
    same = await launch("UpdateService", service="db", desiredCount=2)
    assert len(same["service"]["deployments"]) == 1
    larger = configured(sizeInGiB=2)
    newer = await launch("UpdateService", service="db", volumeConfigurations=larger)
    first, second = newer["service"]["deployments"]
    assert (first["volumeConfigurations"], second["volumeConfigurations"]) == (larger, given)


async def test_an_update_to_a_definition_without_the_volume_gives_an_empty_list(launch):
    given = configured(sizeInGiB=1)
    await launch("CreateService", volumeConfigurations=given)
    plain = {"service": "db", "taskDefinition": "plain"}
    assert "is not configuredAtLaunch" in await refused(launch("UpdateService", **plain))
    newer = await launch("UpdateService", **plain, volumeConfigurations=[])
    assert "volumeConfigurations" not in newer["service"]["deployments"][0]
