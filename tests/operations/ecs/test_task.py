"""RunTask, StopTask, DescribeTasks, ListTasks as AWS answers them; nothing runs here."""

from datetime import timedelta

import pytest

from ecsd.controllers.expiry import ExpiryController
from ecsd.errors import AwsError
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ecs.cluster import ClientToken
from ecsd.records.ecs.task import Task
from ecsd.store.scope import Scope


@pytest.fixture
async def run(ecs, fargate, awsvpc):
    """Run a task of ``web`` in ``prod``."""
    await ecs("CreateCluster", clusterName="prod")
    await ecs("RegisterTaskDefinition", **fargate)

    async def run_task(**more):
        request = {
            "cluster": "prod",
            "taskDefinition": "web",
            "launchType": "FARGATE",
            "networkConfiguration": awsvpc,
        }
        return await ecs("RunTask", **request | more)

    return run_task


SCOPE = Scope("000000000000", "us-east-1")


class At:
    """A clock that stands still."""

    def __init__(self, moment):
        self.now = lambda: moment


async def test_a_new_task_is_provisioning_with_its_interface_promised(run, subnet, store):
    (task,) = (await run())["tasks"]
    assert (task["lastStatus"], task["desiredStatus"], task["version"]) == (
        "PROVISIONING",
        "RUNNING",
        1,
    )
    assert task["group"] == "family:web"
    (attachment,) = task["attachments"]
    assert (attachment["type"], attachment["status"]) == ("ElasticNetworkInterface", "PRECREATED")
    assert attachment["details"] == [{"name": "subnetId", "value": subnet}]
    (interface,) = store.view(SCOPE).select(NetworkInterface)
    assert interface.description.endswith(f":attachment/{attachment['id']}")
    assert interface.attached_at is not None
    assert task["containers"][0]["lastStatus"] == "PENDING"
    assert task["overrides"]["containerOverrides"] == [{"name": "app"}]


async def test_a_task_is_told_of_names_by_the_options_that_its_vpc_has_when_it_begins(
    run, client, store
):
    ec2 = client("ec2")
    [vpc] = (await ec2("DescribeVpcs"))["Vpcs"]
    options = {"domain-name": ["a.local b.local"], "domain-name-servers": ["10.9.9.9"]}
    options["domain-name-servers"].append("AmazonProvidedDNS")
    given = [{"Key": key, "Values": values} for key, values in options.items()]
    made = (await ec2("CreateDhcpOptions", DhcpConfigurations=given))["DhcpOptions"]
    where = {"VpcId": vpc["VpcId"], "DhcpOptionsId": made["DhcpOptionsId"]}
    await ec2("AssociateDhcpOptions", **where)
    await run()
    await ec2("AssociateDhcpOptions", **where | {"DhcpOptionsId": "default"})
    (interface,) = store.view(SCOPE).select(NetworkInterface)
    own = vpc["CidrBlock"].replace("0/16", "2")
    assert interface.name_servers == ("10.9.9.9", own)
    assert interface.domain_names == ("a.local", "b.local")


async def test_the_same_token_starts_nothing_twice(ecs, run):
    first = await run(clientToken="t")
    again = await run(clientToken="t")
    assert first["tasks"][0]["taskArn"] == again["tasks"][0]["taskArn"]
    assert len((await ecs("ListTasks", cluster="prod"))["taskArns"]) == 1
    with pytest.raises(AwsError) as refused:
        await run(clientToken="t", count=2)
    assert refused.value.code == "ConflictException"
    assert refused.value.details["resourceIds"] == [first["tasks"][0]["taskArn"]]


async def test_a_token_is_forgotten_after_a_day(ecs, run, store):
    await run(clientToken="t")
    (known,) = store.view(SCOPE).select(ClientToken)
    assert known.expires_at - known.created_at == timedelta(days=1)
    key = f"client_token/{known.key}"
    early, due = At(known.created_at), At(known.expires_at)
    assert await ExpiryController(store, early).reconcile(SCOPE, key) == known.expires_at
    assert await ExpiryController(store, due).reconcile(SCOPE, key) is None
    await run(clientToken="t")
    assert len((await ecs("ListTasks", cluster="prod"))["taskArns"]) == 2


async def test_addresses_are_free_in_a_vpc_though_another_has_them(client, run, subnet, store):
    ec2 = client("ec2")
    vpc = (await ec2("CreateVpc", CidrBlock="10.0.0.0/16"))["Vpc"]["VpcId"]
    made = await ec2("CreateSubnet", VpcId=vpc, CidrBlock="10.0.1.0/24")
    twin = made["Subnet"]["SubnetId"]
    await run(count=2)
    await run(count=2, networkConfiguration={"awsvpcConfiguration": {"subnets": [twin]}})
    for one in (subnet, twin):
        interfaces = store.view(SCOPE).select(NetworkInterface, subnet_id=one)
        assert [each.private_ip_address for each in interfaces] == ["10.0.1.4", "10.0.1.5"]


async def test_a_task_without_groups_wears_the_vpcs_own(client, run, subnet, store):
    await run()
    (interface,) = store.view(SCOPE).select(NetworkInterface, subnet_id=subnet)
    ec2 = client("ec2")
    named = await ec2("DescribeSecurityGroups", GroupIds=list(interface.group_ids))
    assert [one["GroupName"] for one in named["SecurityGroups"]] == ["default"]


async def test_single_tasks_of_a_group_spread_over_the_zones(client, ecs, run):
    ec2 = client("ec2")
    vpc = (await ec2("CreateVpc", CidrBlock="10.2.0.0/16"))["Vpc"]["VpcId"]
    subnets = []
    for number, zone in enumerate("abc"):
        made = await ec2(
            "CreateSubnet",
            VpcId=vpc,
            CidrBlock=f"10.2.{number}.0/24",
            AvailabilityZone=f"us-east-1{zone}",
        )
        subnets.append(made["Subnet"]["SubnetId"])
    network = {"awsvpcConfiguration": {"subnets": subnets}}
    tasks = (await run(count=6, networkConfiguration=network))["tasks"]
    zones = [one["availabilityZone"][-1] for one in tasks]
    assert sorted(zones) == list("aabbcc")
    gone = next(one for one in tasks if one["availabilityZone"].endswith("b"))
    await ecs("StopTask", cluster="prod", task=gone["taskArn"])
    (newest,) = (await run(networkConfiguration=network))["tasks"]
    assert newest["availabilityZone"] == "us-east-1b"


async def test_a_full_subnet_is_a_failure_not_an_error(client, ecs, run):
    ec2 = client("ec2")
    vpc = (await ec2("CreateVpc", CidrBlock="10.1.0.0/16"))["Vpc"]["VpcId"]
    small = await ec2("CreateSubnet", VpcId=vpc, CidrBlock="10.1.0.0/28")
    network = {"awsvpcConfiguration": {"subnets": [small["Subnet"]["SubnetId"]]}}
    await run(count=10, networkConfiguration=network)
    answer = await run(count=2, networkConfiguration=network)
    assert len(answer["tasks"]) == 1
    (failure,) = answer["failures"]
    assert failure["reason"] == "RESOURCE:ENI"


async def test_the_first_reason_to_stop_stands(ecs, run):
    arn = (await run())["tasks"][0]["taskArn"]
    await ecs("StopTask", cluster="prod", task=arn, reason="first")
    again = await ecs("StopTask", cluster="prod", task=arn.rpartition("/")[2], reason="second")
    task = again["task"]
    assert (task["desiredStatus"], task["stopCode"], task["stoppedReason"]) == (
        "STOPPED",
        "UserInitiated",
        "first",
    )
    assert (await ecs("ListTasks", cluster="prod"))["taskArns"] == []
    stopped = await ecs("ListTasks", cluster="prod", desiredStatus="STOPPED")
    assert stopped["taskArns"] == [arn]


async def test_overrides_are_checked_kept_and_shown(ecs, run):
    override = {"name": "app", "command": ["sleep", "1"], "environment": []}
    (task,) = (await run(overrides={"cpu": "", "containerOverrides": [override]}))["tasks"]
    assert task["overrides"]["containerOverrides"][0]["command"] == ["sleep", "1"]
    with pytest.raises(AwsError, match="Override for container named x"):
        await run(overrides={"containerOverrides": [{"name": "x"}]})


async def test_a_task_has_the_size_and_the_storage_that_its_overrides_say(ecs, run):
    overrides = {"cpu": "1 vCPU", "memory": "2GB", "ephemeralStorage": {"sizeInGiB": 30}}
    (task,) = (await run(overrides=overrides))["tasks"]
    assert (task["cpu"], task["memory"]) == ("1024", "2048")
    assert task["ephemeralStorage"] == task["fargateEphemeralStorage"] == {"sizeInGiB": 30}
    with pytest.raises(AwsError, match="No Fargate configuration exists") as refused:
        await run(overrides={"cpu": "1 vCPU"})
    assert refused.value.code == "InvalidParameterException"


async def test_a_task_role_of_the_overrides_is_as_good_as_the_definitions(run):
    role = {"taskRoleArn": "arn:aws:iam::000000000000:role/task"}
    (task,) = (await run(enableExecuteCommand=True, overrides=role))["tasks"]
    assert task["overrides"]["taskRoleArn"] == role["taskRoleArn"]


async def test_the_accounts_mode_of_log_drivers_holds_for_tasks_started_from_then_on(
    ecs, run, store
):
    await run()
    await ecs("PutAccountSettingDefault", name="defaultLogDriverMode", value="blocking")
    await run()
    await ecs("PutAccountSetting", name="defaultLogDriverMode", value="non-blocking")
    await run()
    modes = sorted(str(one.log_driver_mode) for one in store.view(SCOPE).select(Task))
    assert modes == ["None", "blocking", "non-blocking"]


async def test_tags_come_from_where_they_were_asked_from(ecs, run):
    (task,) = (await run(tags=[{"key": "a", "value": "b"}], enableECSManagedTags=True))["tasks"]
    assert task["tags"] == [
        {"key": "a", "value": "b"},
        {"key": "aws:ecs:clusterName", "value": "prod"},
    ]
    plain = await ecs("DescribeTasks", cluster="prod", tasks=[task["taskArn"]])
    assert plain["tasks"][0]["tags"] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 11}, "count"),
        ({"startedBy": "a b"}, "startedBy"),
        ({"propagateTags": "SERVICE"}, "propagateTags"),
        ({"networkConfiguration": {}}, "Network Configuration must be provided"),
        ({"taskDefinition": "nope"}, "TaskDefinition not found."),
        ({"enableExecuteCommand": True}, "valid taskRoleArn"),
    ],
)
async def test_what_cannot_run_is_refused(run, change, message):
    with pytest.raises(AwsError, match=message):
        await run(**change)


async def test_unknown_tasks_are_failures_to_describe_and_errors_to_stop(ecs, run):
    answer = await ecs("DescribeTasks", cluster="prod", tasks=["f" * 32])
    assert answer["failures"][0]["reason"] == "MISSING"
    with pytest.raises(AwsError, match="The referenced task was not found."):
        await ecs("StopTask", cluster="prod", task="f" * 32)
