"""Services that shift traffic, as AWS answers and refuses them; nothing runs here."""

import pytest
from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.ecs.load_balancers import parse
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.settings import Settings

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:check"


@pytest.fixture
async def web(client, ecs, fargate):
    """What CreateService needs for a blue/green service behind a load balancer."""
    ec2, elb = client("ec2"), client("elbv2")
    vpc = (await ec2("CreateVpc", CidrBlock="10.0.0.0/16"))["Vpc"]["VpcId"]
    subnets = []
    for number, zone in enumerate("ab"):
        made = await ec2(
            "CreateSubnet",
            VpcId=vpc,
            CidrBlock=f"10.0.{number}.0/24",
            AvailabilityZone=f"us-east-1{zone}",
        )
        subnets.append(made["Subnet"]["SubnetId"])
    balancer = await elb("CreateLoadBalancer", Name="web", Subnets=subnets)
    groups = []
    for name in ("blue", "green", "third"):
        made = await elb(
            "CreateTargetGroup", Name=name, Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip"
        )
        groups.append(made["TargetGroups"][0]["TargetGroupArn"])
    listener = await elb(
        "CreateListener",
        LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[
            {
                "Type": "forward",
                "ForwardConfig": {
                    "TargetGroups": [
                        {"TargetGroupArn": groups[0], "Weight": 100},
                        {"TargetGroupArn": groups[1], "Weight": 0},
                    ]
                },
            }
        ],
    )
    rules = await elb("DescribeRules", ListenerArn=listener["Listeners"][0]["ListenerArn"])
    await ecs("CreateCluster", clusterName="prod")
    await ecs("RegisterTaskDefinition", **fargate)
    return {
        "cluster": "prod",
        "serviceName": "web",
        "taskDefinition": "web",
        "desiredCount": 1,
        "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": subnets}},
        "loadBalancers": [
            {
                "targetGroupArn": groups[0],
                "containerName": "app",
                "containerPort": 80,
                "advancedConfiguration": {
                    "alternateTargetGroupArn": groups[1],
                    "productionListenerRule": rules["Rules"][0]["RuleArn"],
                    "roleArn": "arn:aws:iam::000000000000:role/elb",
                },
            }
        ],
        "deploymentConfiguration": {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5},
    }


async def test_a_blue_green_service_shows_what_it_was_given(ecs, web):
    service = (await ecs("CreateService", **web))["service"]
    assert service["loadBalancers"] == web["loadBalancers"]
    configuration = service["deploymentConfiguration"]
    assert (configuration["strategy"], configuration["bakeTimeInMinutes"]) == ("BLUE_GREEN", 5)
    arn = service["currentServiceRevisions"][0]["arn"]
    shown = await ecs("DescribeServiceRevisions", serviceRevisionArns=[arn])
    (resolved,) = shown["serviceRevisions"][0]["resolvedConfiguration"]["loadBalancers"]
    balancer = web["loadBalancers"][0]
    assert resolved == {
        "targetGroupArn": balancer["targetGroupArn"],
        "productionListenerRule": balancer["advancedConfiguration"]["productionListenerRule"],
    }


@pytest.mark.parametrize(
    ("strategy", "member", "given", "shown"),
    [
        (
            "CANARY",
            "canaryConfiguration",
            {"canaryPercent": 12.5},
            {"canaryPercent": 12.5, "canaryBakeTimeInMinutes": 10},
        ),
        (
            "LINEAR",
            "linearConfiguration",
            {"stepBakeTimeInMinutes": 0},
            {"stepPercent": 10.0, "stepBakeTimeInMinutes": 0},
        ),
    ],
)
async def test_steps_have_awss_defaults(ecs, web, strategy, member, given, shown):
    configuration = {"strategy": strategy, member: given}
    service = await ecs("CreateService", **web | {"deploymentConfiguration": configuration})
    assert service["service"]["deploymentConfiguration"][member] == shown


def hook(**members):
    return {"lifecycleHooks": [{"lifecycleStages": ["PRE_SCALE_UP"], **members}]}


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        ({"strategy": "BLUE_GREEN"}, "bakeTimeInMinutes must be given"),
        ({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1441}, "between 0 and 1440"),
        ({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 0.05}}, "canaryPercent"),
        ({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 5.55}}, "canaryPercent"),
        ({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 2.0}}, "stepPercent"),
        (
            {"strategy": "LINEAR", "linearConfiguration": {"stepBakeTimeInMinutes": -1}},
            "stepBakeTimeInMinutes",
        ),
        ({"strategy": "LINEAR", "canaryConfiguration": {"canaryPercent": 5.0}}, "only valid"),
        ({"strategy": "ROLLING", "bakeTimeInMinutes": 5}, "not valid with the strategy ROLLING"),
        ({"strategy": "ROLLING", **hook(targetType="PAUSE")}, "not valid with the strategy"),
        ({"strategy": "CANARY", **hook(hookTargetArn="check")}, "hookTargetArn must be"),
        ({"strategy": "CANARY", **hook(hookTargetArn=FUNCTION)}, "ECSD_LAMBDA_ENDPOINT"),
        (
            {"strategy": "CANARY", **hook(targetType="PAUSE", hookTargetArn=FUNCTION)},
            "not valid for a PAUSE hook",
        ),
        (
            {
                "strategy": "CANARY",
                **hook(targetType="PAUSE", lifecycleStages=["TEST_TRAFFIC_SHIFT"]),
            },
            "cannot run at",
        ),
        ({"strategy": "CANARY", **hook(targetType="PAUSE", lifecycleStages=[])}, "name a stage"),
        (
            {
                "strategy": "CANARY",
                **hook(targetType="PAUSE", timeoutConfiguration={"timeoutInMinutes": 20161}),
            },
            "timeoutInMinutes",
        ),
    ],
)
async def test_what_no_deployment_could_do_is_refused(ecs, web, configuration, words):
    with pytest.raises(AwsError, match=words) as refused:
        await ecs("CreateService", **web | {"deploymentConfiguration": configuration})
    assert refused.value.code == "InvalidParameterException"
    assert (await ecs("ListServices", cluster="prod"))["serviceArns"] == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"alternateTargetGroupArn": None}, "alternateTargetGroupArn must be given"),
        ({"productionListenerRule": None}, "productionListenerRule must be given"),
        ({"productionListenerRule": "arn:nope"}, "does not exist"),
        ({"testListenerRule": f"arn:nope/{'0' * 16}"}, "does not exist"),
        ({"alternateTargetGroupArn": "same"}, "must be another group"),
        ({"alternateTargetGroupArn": "arn:nope"}, "target group not found"),
    ],
)
async def test_two_groups_and_a_rule_have_to_be_there(ecs, web, change, words):
    (balancer,) = web["loadBalancers"]
    advanced = balancer["advancedConfiguration"] | change
    if advanced["alternateTargetGroupArn"] == "same":
        advanced["alternateTargetGroupArn"] = balancer["targetGroupArn"]
    given = {member: value for member, value in advanced.items() if value is not None}
    with pytest.raises(AwsError, match=words):
        await ecs(
            "CreateService",
            **web | {"loadBalancers": [balancer | {"advancedConfiguration": given}]},
        )


async def test_without_a_second_group_only_rolling_updates_are_possible(ecs, web):
    (balancer,) = web["loadBalancers"]
    plain = {name: value for name, value in balancer.items() if name != "advancedConfiguration"}
    with pytest.raises(AwsError, match="two target groups"):
        await ecs("CreateService", **web | {"loadBalancers": [plain]})
    rolling = web | {"loadBalancers": [plain], "deploymentConfiguration": {}}
    assert (await ecs("CreateService", **rolling))["service"]["status"] == "ACTIVE"


async def test_a_service_has_no_function_behind_its_load_balancer(ecs, web, client, store):
    elb = client("elbv2", settings=Settings(lambda_endpoint="http://127.0.0.1:9001"))
    made = await elb("CreateTargetGroup", Name="f", TargetType="lambda")
    group = made["TargetGroups"][0]["TargetGroupArn"]
    rule = web["loadBalancers"][0]["advancedConfiguration"]["productionListenerRule"]
    await elb(
        "CreateRule",
        ListenerArn=rule.rpartition("/")[0].replace(":listener-rule/", ":listener/"),
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/f"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    balancer = {"targetGroupArn": group, "containerName": "app", "containerPort": 80}
    rolling = web | {"loadBalancers": [balancer], "deploymentConfiguration": {}}
    with pytest.raises(AwsError, match="target type lambda, which is incompatible"):
        await ecs("CreateService", **rolling)
    [(scope, definition)] = store.everywhere(TaskDefinition)
    bridge = replace(definition, network_mode="bridge")
    with pytest.raises(AwsError, match="incompatible with the bridge network mode"):
        parse(store.view(scope), bridge, [balancer], None, shifts=False)


async def test_only_a_pause_can_be_continued(ecs, web):
    service = (await ecs("CreateService", **web))["service"]
    arn = service["currentServiceDeployment"]
    for deployment, code in (
        (arn, "InvalidParameterException"),
        (f"{arn}x", "ServiceDeploymentNotFoundException"),
    ):
        with pytest.raises(AwsError) as refused:
            await ecs("ContinueServiceDeployment", serviceDeploymentArn=deployment, hookId="nope")
        assert refused.value.code == code
