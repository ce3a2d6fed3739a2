"""Service deployments and revisions as AWS answers them; nothing runs here."""

from datetime import UTC, datetime, timedelta

import pytest

from ecsd.errors import AwsError

OTHER = "arn:aws:ecs:us-east-1:000000000000:service-deployment/prod/web/aaaaaaaaaaaaaaaaaaaaa"


@pytest.fixture
async def web(ecs, fargate, awsvpc):
    """A service, deployed twice; returns its two service deployments, newest first."""
    await ecs("CreateCluster", clusterName="prod")
    await ecs("RegisterTaskDefinition", **fargate)
    await ecs(
        "CreateService",
        cluster="prod",
        serviceName="web",
        taskDefinition="web",
        desiredCount=2,
        launchType="FARGATE",
        networkConfiguration=awsvpc,
        deploymentConfiguration={
            "deploymentCircuitBreaker": {
                "enable": True,
                "rollback": True,
                "thresholdConfiguration": {"type": "COUNT", "value": 5},
            }
        },
    )
    await ecs("UpdateService", cluster="prod", service="web", forceNewDeployment=True)
    return (await ecs("ListServiceDeployments", cluster="prod", service="web"))[
        "serviceDeployments"
    ]


async def test_each_deployment_has_its_revision_and_the_newest_goes_on(ecs, web):
    newest, first = web
    assert [newest["status"], first["status"]] == ["PENDING", "STOPPED"]
    assert newest["serviceDeploymentArn"].count("/") == 3
    described = await ecs(
        "DescribeServiceDeployments", serviceDeploymentArns=[newest["serviceDeploymentArn"], OTHER]
    )
    assert described["failures"] == [{"arn": OTHER, "reason": "MISSING"}]
    (shown,) = described["serviceDeployments"]
    assert shown["targetServiceRevision"]["requestedTaskCount"] == 2
    assert [one["arn"] for one in shown["sourceServiceRevisions"]] == [
        first["targetServiceRevisionArn"]
    ]
    assert shown["deploymentCircuitBreaker"] == {
        "status": "MONITORING",
        "failureCount": 0,
        "threshold": 5,
    }
    service = (await ecs("DescribeServices", cluster="prod", services=["web"]))["services"][0]
    assert service["currentServiceDeployment"] == newest["serviceDeploymentArn"]
    assert [one["arn"] for one in service["currentServiceRevisions"]] == [
        newest["targetServiceRevisionArn"],
        first["targetServiceRevisionArn"],
    ]


async def test_a_revision_is_a_frozen_copy(ecs, web, fargate):
    await ecs("RegisterTaskDefinition", **fargate)
    await ecs("UpdateService", cluster="prod", service="web", taskDefinition="web:2")
    arns = [one["targetServiceRevisionArn"] for one in web]
    shown = await ecs("DescribeServiceRevisions", serviceRevisionArns=arns)
    assert [one["serviceRevisionArn"] for one in shown["serviceRevisions"]] == arns
    for one in shown["serviceRevisions"]:
        assert one["taskDefinition"].endswith("web:1")
        assert one["launchType"] == "FARGATE"
        assert one["containerImages"] == [{"containerName": "app", "image": "app:1"}]


async def test_lists_are_filtered_and_paged(ecs, web):
    where = {"cluster": "prod", "service": "web"}

    async def listed(**more):
        return (await ecs("ListServiceDeployments", **where, **more))["serviceDeployments"]

    assert await listed(status=["STOPPED"]) == [web[1]]
    now = datetime.now(UTC)
    assert await listed(createdAt={"before": now - timedelta(days=36500)}) == []
    assert await listed(createdAt={"after": now - timedelta(days=36500)}) == web
    page = await ecs("ListServiceDeployments", **where, maxResults=1)
    assert page["serviceDeployments"] == web[:1]
    assert await listed(maxResults=1, nextToken=page["nextToken"]) == web[1:]
    assert len(web) == 2


async def test_an_ongoing_one_is_asked_to_stop_and_an_ended_one_refuses(ecs, web):
    newest, first = web
    arn = newest["serviceDeploymentArn"]
    for _ in range(2):  # asking again changes nothing
        answer = await ecs("StopServiceDeployment", serviceDeploymentArn=arn)
        assert answer == {"serviceDeploymentArn": arn}
    listed = await ecs("ListServiceDeployments", cluster="prod", service="web")
    assert listed["serviceDeployments"][0]["status"] == "ROLLBACK_REQUESTED"
    with pytest.raises(AwsError, match="STOPPED") as refused:
        await ecs("StopServiceDeployment", serviceDeploymentArn=first["serviceDeploymentArn"])
    assert refused.value.code == "ConflictException"


@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        (
            "StopServiceDeployment",
            {"serviceDeploymentArn": OTHER},
            "ServiceDeploymentNotFoundException",
        ),
        (
            "StopServiceDeployment",
            {"serviceDeploymentArn": OTHER, "stopType": "ABORT"},
            "InvalidParameterException",
        ),
        (
            "ListServiceDeployments",
            {"cluster": "prod", "service": "nope"},
            "ServiceNotFoundException",
        ),
        ("ListServiceDeployments", {"service": "web"}, "ClusterNotFoundException"),
        (
            "DescribeServiceDeployments",
            {"serviceDeploymentArns": []},
            "InvalidParameterException",
        ),
        (
            "DescribeServiceRevisions",
            {"serviceRevisionArns": ["a"] * 21},
            "InvalidParameterException",
        ),
    ],
)
async def test_what_cannot_be_is_refused(ecs, web, operation, request_, code):
    with pytest.raises(AwsError) as refused:
        await ecs(operation, **request_)
    assert refused.value.code == code
    assert len(web) == 2


@pytest.mark.parametrize(
    ("criteria", "words"),
    [
        ({"healthyPercent": 80}, "must be given"),
        ({"sourceServiceRevisionCleanup": "DEFERRED"}, "must be given"),
        ({"healthyPercent": 80, "sourceServiceRevisionCleanup": "DEFERRED"}, "from minimum"),
        ({"healthyPercent": 101, "sourceServiceRevisionCleanup": "DEFERRED"}, "from minimum"),
    ],
)
async def test_criteria_of_early_success_are_checked(ecs, web, criteria, words):
    with pytest.raises(AwsError, match=words):
        await ecs(
            "UpdateService",
            cluster="prod",
            service="web",
            deploymentConfiguration={"earlySuccessCriteria": {"enable": True, **criteria}},
        )
    good = {"enable": True, "healthyPercent": 100, "sourceServiceRevisionCleanup": "BLOCKING"}
    updated = await ecs(
        "UpdateService",
        cluster="prod",
        service="web",
        deploymentConfiguration={"earlySuccessCriteria": good},
    )
    assert updated["service"]["deploymentConfiguration"]["earlySuccessCriteria"] == good
    assert web


@pytest.mark.parametrize(
    "threshold",
    [{"type": "COUNT", "value": 0}, {"type": "BOUNDED_PERCENT", "value": 101}],
)
async def test_a_threshold_out_of_range_is_refused(ecs, web, threshold):
    with pytest.raises(AwsError, match="thresholdConfiguration"):
        await ecs(
            "UpdateService",
            cluster="prod",
            service="web",
            deploymentConfiguration={
                "deploymentCircuitBreaker": {
                    "enable": True,
                    "rollback": True,
                    "thresholdConfiguration": threshold,
                }
            },
        )
    assert web
