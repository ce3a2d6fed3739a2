"""Services that register in Cloud Map, as AWS answers them; nothing runs here."""

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
        "desiredCount": 1,
        "launchType": "FARGATE",
        "networkConfiguration": awsvpc,
    }


@pytest.fixture
async def registry(client, subnet):
    """Make a Cloud Map service with these records and return its ARN."""
    cloud_map = client("servicediscovery")
    (found,) = (await client("ec2")("DescribeSubnets", SubnetIds=[subnet]))["Subnets"]
    made = await cloud_map("CreatePrivateDnsNamespace", Name="prod.local", Vpc=found["VpcId"])
    done = await cloud_map("GetOperation", OperationId=made["OperationId"])
    namespace = done["Operation"]["Targets"]["NAMESPACE"]

    async def make(*types, name="web"):
        policy = "WEIGHTED" if "CNAME" in types else "MULTIVALUE"
        config = {
            "RoutingPolicy": policy,
            "DnsRecords": [{"Type": one, "TTL": 10} for one in types],
        }
        made = await cloud_map("CreateService", Name=name, NamespaceId=namespace, DnsConfig=config)
        return made["Service"]["Arn"]

    return make


async def test_a_registry_is_shown_wherever_it_is_of_the_service(ecs, web, registry):
    registries = [{"registryArn": await registry("SRV"), "port": 8080}]
    made = (await ecs("CreateService", **web, serviceRegistries=registries))["service"]
    assert made["serviceRegistries"] == registries
    (attempt,) = (await ecs("ListServiceDeployments", service="web", cluster="prod"))[
        "serviceDeployments"
    ]
    arns = [attempt["targetServiceRevisionArn"]]
    (revision,) = (await ecs("DescribeServiceRevisions", serviceRevisionArns=arns))[
        "serviceRevisions"
    ]
    assert revision["serviceRegistries"] == registries


async def test_changing_the_registry_deploys_and_an_empty_list_takes_it_away(ecs, web, registry):
    first = [{"registryArn": await registry("A")}]
    made = (await ecs("CreateService", **web, serviceRegistries=first))["service"]

    async def update(**change):
        return (await ecs("UpdateService", cluster="prod", service="web", **change))["service"]

    same = await update(serviceRegistries=first)
    assert same["deployments"][0]["id"] == made["deployments"][0]["id"]
    second = [{"registryArn": await registry("A", name="other")}]
    changed = await update(serviceRegistries=second)
    assert changed["serviceRegistries"] == second
    assert len(changed["deployments"]) == 2
    scaled = await update(desiredCount=3)
    assert scaled["serviceRegistries"] == second
    assert (await update(serviceRegistries=[]))["serviceRegistries"] == []


@pytest.mark.parametrize(
    ("types", "given", "words"),
    [
        (("A",), {"containerName": "app"}, "containerName and containerPort"),
        (("A",), {"containerName": "none", "containerPort": 80}, "does not exist"),
        (("A",), {"containerName": "app", "containerPort": 81}, "container port 81"),
        (("SRV",), {}, "needs either port"),
        (("SRV",), {"port": 80, "containerName": "app", "containerPort": 80}, "not both"),
        (("SRV",), {"port": 70000}, "port must be between"),
        (("A", "AAAA"), {}, "type AAAA"),
        (("CNAME",), {}, "type CNAME"),
    ],
)
async def test_a_registry_that_tasks_cannot_be_in_is_refused(
    ecs, web, registry, types, given, words
):
    registries = [{"registryArn": await registry(*types)} | given]
    with pytest.raises(AwsError, match=words) as caught:
        await ecs("CreateService", **web, serviceRegistries=registries)
    assert caught.value.code == "InvalidParameterException"


async def test_a_registry_has_to_be_there_and_one_is_enough(ecs, web, registry):
    arn = await registry("A")
    for registries, words in (
        ([{"registryArn": f"{arn}x"}], "was not found"),
        ([{"port": 80}], "registryArn must be given"),
        ([{"registryArn": arn}, {"registryArn": arn}], "at most 1 item"),
    ):
        with pytest.raises(AwsError, match=words):
            await ecs("CreateService", **web, serviceRegistries=registries)


async def test_a_task_set_has_its_own_registry(ecs, web, registry):
    registries = [{"registryArn": await registry("A")}]
    external = {"deploymentController": {"type": "EXTERNAL"}, "desiredCount": 1}
    await ecs("CreateService", cluster="prod", serviceName="web", **external)
    made = await ecs(
        "CreateTaskSet",
        cluster="prod",
        service="web",
        taskDefinition="web",
        launchType="FARGATE",
        networkConfiguration=web["networkConfiguration"],
        serviceRegistries=registries,
        externalId="blue",
    )
    assert made["taskSet"]["serviceRegistries"] == registries
    with pytest.raises(AwsError, match="serviceRegistries cannot be specified"):
        await ecs("UpdateService", cluster="prod", service="web", serviceRegistries=registries)
