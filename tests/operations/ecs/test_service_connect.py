"""Service Connect as AWS answers it: namespaces, names, deployments; nothing runs here."""

import pytest

from ecsd.decisions.dns.discovery import MOST_NAMESPACES
from ecsd.errors import AwsError

INVALID = "InvalidParameterException"


@pytest.fixture
async def make(client, ecs, fargate, awsvpc):
    """Make a service of a definition with the named ports ``http`` and ``admin``."""
    await client("servicediscovery")("CreateHttpNamespace", Name="prod")
    await ecs("CreateCluster", clusterName="prod")
    ports = [
        {"name": "http", "containerPort": 80, "appProtocol": "http"},
        {"name": "raw", "containerPort": 81},
        {"name": "dns", "containerPort": 53, "protocol": "udp"},
    ]
    fargate["containerDefinitions"][0]["portMappings"] = ports
    await ecs("RegisterTaskDefinition", **fargate)

    async def create(name="web", cluster="prod", **more):
        request = {
            "cluster": cluster,
            "serviceName": name,
            "taskDefinition": "web",
            "desiredCount": 1,
            "launchType": "FARGATE",
            "networkConfiguration": awsvpc,
        }
        return (await ecs("CreateService", **request | more))["service"]

    return create


def connect(*services, namespace="prod", **more):
    return {"enabled": True, "namespace": namespace, "services": list(services)} | more


def awslogs(**options):
    return {
        "logDriver": "awslogs",
        "options": {"awslogs-group": "/ecs/web", "awslogs-region": "us-east-1"} | options,
    }


def offer(port_name="http", alias=("web", 80), **more):
    given = {"portName": port_name} | more
    if alias:
        given["clientAliases"] = [{"dnsName": alias[0], "port": alias[1]}]
    return given


def with_header(port_name="http", name="X-Try", **value):
    """Offer a port, and tell test traffic by a header."""
    header = {"name": name} | ({"value": value} if value else {})
    alias = {"dnsName": "web", "port": 80, "testTrafficRules": {"header": header}}
    return offer(port_name, None, clientAliases=[alias])


async def test_a_service_shows_its_names_and_cloud_map_has_them(client, ecs, make):
    given = connect(offer(discoveryName="front"), offer("raw", None))
    made = await make(serviceConnectConfiguration=given)
    (deployment,) = made["deployments"]
    assert deployment["serviceConnectConfiguration"] == given
    arns = {
        one["discoveryName"]: one["discoveryArn"] for one in deployment["serviceConnectResources"]
    }
    cloud_map = client("servicediscovery")
    listed = (await cloud_map("ListServices"))["Services"]
    assert {one["Name"]: one["Arn"] for one in listed} == arns
    assert set(arns) == {"front", "raw"}
    assert {one["Type"] for one in listed} == {"HTTP"}
    found = await ecs("ListServicesByNamespace", namespace="prod")
    assert found["serviceArns"] == [made["serviceArn"]]
    (attempt,) = (await ecs("ListServiceDeployments", service="web", cluster="prod"))[
        "serviceDeployments"
    ]
    arns = [attempt["targetServiceRevisionArn"]]
    (revision,) = (await ecs("DescribeServiceRevisions", serviceRevisionArns=arns))[
        "serviceRevisions"
    ]
    assert revision["serviceConnectConfiguration"] == given


async def test_a_change_deploys_and_the_same_again_does_not(ecs, make):
    made = await make(serviceConnectConfiguration=connect(offer()))

    async def update(**change):
        return (await ecs("UpdateService", cluster="prod", service="web", **change))["service"]

    same = await update(serviceConnectConfiguration=connect(offer()))
    assert same["deployments"][0]["id"] == made["deployments"][0]["id"]
    changed = await update(serviceConnectConfiguration=connect(offer(alias=("web", 8080))))
    assert len(changed["deployments"]) == 2
    forced = (await update(forceNewDeployment=True))["deployments"][0]
    assert forced["serviceConnectConfiguration"] == connect(offer(alias=("web", 8080)))
    off = (await update(serviceConnectConfiguration={"enabled": False}))["deployments"][0]
    assert "serviceConnectConfiguration" not in off
    assert (await ecs("ListServicesByNamespace", namespace="prod"))["serviceArns"] == []


async def test_a_clusters_namespace_is_made_and_serves_services_that_name_none(client, ecs, make):
    default = {"namespace": "team"}
    made = (await ecs("CreateCluster", clusterName="team", serviceConnectDefaults=default))[
        "cluster"
    ]
    (namespace,) = [
        one
        for one in (await client("servicediscovery")("ListNamespaces"))["Namespaces"]
        if one["Name"] == "team"
    ]
    assert namespace["Type"] == "HTTP"
    assert made["serviceConnectDefaults"] == {"namespace": namespace["Arn"]}
    service = await make(cluster="team", serviceConnectConfiguration={"enabled": True})
    shown = service["deployments"][0]["serviceConnectConfiguration"]
    assert shown == {"enabled": True, "namespace": namespace["Arn"]}
    plain = await make("plain", cluster="team")
    assert "serviceConnectConfiguration" not in plain["deployments"][0]
    named = {"namespace": "prod"}
    changed = await ecs("UpdateCluster", cluster="team", serviceConnectDefaults=named)
    assert ":namespace/" in changed["cluster"]["serviceConnectDefaults"]["namespace"]
    gone = await ecs("UpdateCluster", cluster="team", serviceConnectDefaults={"namespace": ""})
    assert "serviceConnectDefaults" not in gone["cluster"]
    with pytest.raises(AwsError, match="namespace must be specified"):
        await make("late", cluster="team", serviceConnectConfiguration={"enabled": True})


async def test_a_cluster_makes_no_namespace_beyond_the_regions_limit(client, ecs):
    cloud_map = client("servicediscovery")
    there = len((await cloud_map("ListNamespaces"))["Namespaces"])
    for number in range(there, MOST_NAMESPACES):
        await cloud_map("CreateHttpNamespace", Name=f"n{number}")
    with pytest.raises(AwsError, match="at most 50 namespaces") as refused:
        await ecs(
            "CreateCluster", clusterName="new", serviceConnectDefaults={"namespace": "one-more"}
        )
    assert refused.value.code == "ClientException"
    known = {"namespace": f"n{MOST_NAMESPACES - 1}"}
    await ecs("CreateCluster", clusterName="old", serviceConnectDefaults=known)


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (connect(namespace="none"), "NamespaceNotFoundException", "wasn't found"),
        (connect(offer("https")), INVALID, "portName https"),
        (connect(offer("dns")), INVALID, "protocol udp"),
        (connect(offer(discoveryName="Front")), INVALID, "discoveryName 'Front'"),
        (connect(offer(alias=("Web", 80))), INVALID, "dnsName 'Web'"),
        (connect(offer(alias=("localhost", 80))), INVALID, "localhost"),
        (connect(offer(alias=("web", 0))), INVALID, "clientAliases.port"),
        (connect(offer(ingressPortOverride=70000)), INVALID, "ingressPortOverride must be"),
        (connect(offer(ingressPortOverride=81)), INVALID, "nothing else"),
        (connect(offer(), offer("raw")), INVALID, "dnsName and port"),
        (connect(offer(), offer("raw", None, discoveryName="http")), INVALID, "each discoveryName"),
        (
            connect(offer(clientAliases=[{"port": 1}, {"port": 2}], alias=None)),
            INVALID,
            "at most 1 item",
        ),
        (
            connect(offer("raw", timeout={"perRequestTimeoutSeconds": 5})),
            INVALID,
            "perRequestTimeoutSeconds",
        ),
        (
            connect(offer(tls={"issuerCertificateAuthority": {"awsPcaAuthorityArn": "mine"}})),
            INVALID,
            "awsPcaAuthorityArn",
        ),
        (connect(logConfiguration={"logDriver": "splunk"}), INVALID, "logDriver splunk"),
        (connect(logConfiguration=awslogs(tag="x")), INVALID, "option tag"),
        (connect(logConfiguration=awslogs(mode="blocking")), INVALID, "mode blocking"),
        (
            connect(logConfiguration={"logDriver": "awslogs"}),
            INVALID,
            "awslogs-region, awslogs-group",
        ),
        (connect(accessLogConfiguration={"format": "TEXT"}), INVALID, "accessLogConfiguration"),
        (
            connect(with_header("raw")),
            INVALID,
            "testTrafficRules can only be set if the appProtocol",
        ),
        (connect(with_header(name="X Try")), INVALID, "header.name is no name of a header"),
        (connect(with_header(exact=" 2")), INVALID, "header.value.exact"),
        (connect(with_header(exact="2\r\nX: y")), INVALID, "header.value.exact"),
    ],
)
async def test_what_could_not_work_is_refused(ecs, make, given, code, words):
    with pytest.raises(AwsError, match=words) as caught:
        await make(serviceConnectConfiguration=given)
    assert caught.value.code == code
    assert (await ecs("ListServices", cluster="prod"))["serviceArns"] == []


async def test_names_belong_to_one_service_of_a_namespace(client, make):
    cloud_map = client("servicediscovery")
    await make(serviceConnectConfiguration=connect(offer()))
    (namespace,) = (await cloud_map("ListNamespaces"))["Namespaces"]
    await cloud_map("CreateService", Name="mine", NamespaceId=namespace["Id"])
    for given, words in (
        (offer(alias=("other", 80)), "discoveryName http is already in use"),
        (offer(discoveryName="mine"), "discoveryName mine is already in use"),
        (offer(discoveryName="other"), "client alias web:80 is already in use"),
    ):
        with pytest.raises(AwsError, match=words):
            await make("second", serviceConnectConfiguration=connect(given))
    await make("second", serviceConnectConfiguration=connect(offer("raw", ("web", 81))))


async def test_tasks_on_bridges_are_refused(ecs, make, fargate):
    bridge = {
        "family": "old",
        "containerDefinitions": [fargate["containerDefinitions"][0] | {"memory": 64}],
    }
    await ecs("RegisterTaskDefinition", **bridge)
    with pytest.raises(AwsError, match="network mode bridge"):
        await make(
            taskDefinition="old",
            launchType="EC2",
            networkConfiguration={},
            serviceConnectConfiguration=connect(),
        )


SHIFTS = [
    {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0},
    {"strategy": "CANARY"},
    {"strategy": "LINEAR"},
]


@pytest.mark.parametrize("strategy", SHIFTS, ids=lambda one: one["strategy"])
async def test_traffic_of_names_can_be_shifted(ecs, make, strategy):
    given = connect(with_header(exact="2"))
    made = await make(serviceConnectConfiguration=given, deploymentConfiguration=strategy)
    assert made["deployments"][0]["serviceConnectConfiguration"] == given
    await make("other", serviceConnectConfiguration=connect(offer("raw", ("other", 81))))
    await ecs("UpdateService", cluster="prod", service="other", deploymentConfiguration=strategy)


async def test_a_namespace_has_to_be_there_to_be_listed(ecs):
    with pytest.raises(AwsError, match="NamespaceNotFoundException"):
        await ecs("ListServicesByNamespace", namespace="other")


async def test_the_protocol_of_a_name_cannot_be_changed(ecs, make, fargate):
    await make(serviceConnectConfiguration=connect(offer(timeout={"idleTimeoutSeconds": 9})))
    ports = [{"name": "http", "containerPort": 80, "appProtocol": "grpc"}]
    fargate["containerDefinitions"][0]["portMappings"] = ports
    await ecs("RegisterTaskDefinition", **fargate)
    with pytest.raises(AwsError, match="appProtocol of http cannot be changed from http to grpc"):
        await ecs("UpdateService", cluster="prod", service="web", taskDefinition="web:2")
