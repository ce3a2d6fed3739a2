"""Metadata of tasks as versions 2, 3 and 4 show it."""

from datetime import timedelta

from msgspec.structs import replace

from ecsd.clock import VIRTUAL_START
from ecsd.decisions.containers.container_config import environment
from ecsd.decisions.containers.container_order import Seen
from ecsd.decisions.containers.task_endpoint import container_id, credentials_id
from ecsd.decisions.tasks.task_metadata import TaskSeen, container_document, task_document
from ecsd.records.plan import TaskMetadata
from tests.agent.task_world import ARN, plan

APP = {
    "name": "app",
    "image": "app:1",
    "cpu": 10,
    "memory": 128,
    "portMappings": [{"containerPort": 80}, {"containerPortRange": "90-91"}],
    "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}},
    "mountPoints": [
        {"sourceVolume": "data", "containerPath": "/data"},
        {"sourceVolume": "here", "containerPath": "/here"},
        {"sourceVolume": "unknown", "containerPath": "/x"},
    ],
}
PLAN = plan(
    APP,
    {"name": "later"},
    cpu=256,
    memory=512,
    vpc_id="vpc-1",
    address="10.0.1.9",
    prefix_length=24,
    subnet_router="10.0.1.1",
    mac_address="0a:00:00:00:00:01",
    resolver="10.0.0.2",
    hostname="ip-10-0-1-9.ec2.internal",
    endpoint_key="k",
    task_role=True,
    api_port=4566,
    volumes=({"name": "data"}, {"name": "here", "host": {"sourcePath": "/srv"}}),
    metadata=TaskMetadata(
        cluster_arn="arn:c",
        availability_zone="us-east-1a",
        service_name="web",
        container_arns={"app": "arn:container"},
        tags={"team": "blue"},
    ),
)
RUNNING = Seen(
    status="RUNNING",
    runtime_id="f" * 64,
    image_id="sha256:1",
    created_at=VIRTUAL_START,
    started_at=VIRTUAL_START + timedelta(seconds=1.5),
)
SEEN = TaskSeen(PLAN, {"app": RUNNING}, "RUNNING", VIRTUAL_START)


def test_version_4_shows_the_task_and_what_has_a_container():
    shown = task_document(SEEN, 4)
    assert {name: shown[name] for name in ("Cluster", "TaskARN", "Family", "Revision")} == {
        "Cluster": "arn:c",
        "TaskARN": ARN,
        "Family": "f",
        "Revision": "1",
    }
    assert (shown["KnownStatus"], shown["LaunchType"], shown["ServiceName"], shown["VPCID"]) == (
        *("RUNNING", "FARGATE", "web"),
        "vpc-1",
    )
    assert shown["Limits"] == {"CPU": 0.25, "Memory": 512}
    assert [one["Name"] for one in shown["Containers"]] == ["app"]
    assert "PullStoppedAt" not in shown
    assert "TaskTags" not in shown
    assert task_document(SEEN, 4, tags=True)["TaskTags"] == {"team": "blue"}


def test_a_container_has_its_network_its_log_and_its_volumes():
    shown = container_document(SEEN, "app", 4)
    assert shown["Networks"] == [
        {
            "NetworkMode": "awsvpc",
            "IPv4Addresses": ["10.0.1.9"],
            "AttachmentIndex": 0,
            "MACAddress": "0a:00:00:00:00:01",
            "IPv4SubnetCIDRBlock": "10.0.1.0/24",
            "DomainNameServers": ["10.0.0.2"],
            "DomainNameSearchList": ["ec2.internal"],
            "PrivateDNSName": "ip-10-0-1-9.ec2.internal",
            "SubnetGatewayIpv4Address": "10.0.1.1/24",
        }
    ]
    assert shown["Ports"] == [{"ContainerPort": 80, "HostPort": 80, "Protocol": "tcp"}]
    assert shown["Volumes"] == [
        {"DockerName": "ecsd-0123-data", "Destination": "/data"},
        {"Source": "/srv", "Destination": "/here"},
    ]
    assert shown["StartedAt"] == f"{VIRTUAL_START:%Y-%m-%dT%H:%M}:01.500000000Z"
    assert (shown["ContainerARN"], shown["LogDriver"]) == ("arn:container", "awslogs")
    assert (shown["Limits"], shown["ImageID"]) == ({"CPU": 10, "Memory": 128}, "sha256:1")


def test_older_versions_show_less():
    for version in (2, 3):
        assert "LaunchType" not in task_document(SEEN, version)
        shown = container_document(SEEN, "app", version)
        assert not {"ContainerARN", "LogDriver"} & shown.keys()
        assert shown["Networks"] == [{"NetworkMode": "awsvpc", "IPv4Addresses": ["10.0.1.9"]}]


def test_an_end_is_shown_with_its_exit_code_and_health_only_where_it_is_checked():
    ended = replace(RUNNING, status="STOPPED", exit_code=3, finished_at=VIRTUAL_START)
    seen = TaskSeen(PLAN, {"app": ended}, "STOPPING")
    shown = container_document(seen, "app", 4)
    assert (shown["KnownStatus"], shown["ExitCode"]) == ("STOPPED", 3)
    assert "Health" not in shown
    checked = replace(PLAN, containers=({**APP, "healthCheck": {"command": ["x"]}},))
    seen = TaskSeen(checked, {"app": replace(RUNNING, health="HEALTHY")}, "RUNNING")
    assert container_document(seen, "app", 4)["Health"] == {"status": "HEALTHY"}


def test_containers_find_their_endpoint_and_may_choose_another_region():
    own = {**APP, "environment": [{"name": "AWS_REGION", "value": "eu-west-1"}]}
    told = dict(line.split("=", 1) for line in environment(replace(PLAN, containers=(own,)), own))
    key = container_id("k", "app")
    assert told["ECS_CONTAINER_METADATA_URI_V4"] == f"http://169.254.170.2/v4/{key}"
    assert told["ECS_CONTAINER_METADATA_URI"] == f"http://169.254.170.2/v3/{key}"
    assert told["ECS_AGENT_URI"] == f"http://169.254.170.2/api/{key}"
    assert told["AWS_ENDPOINT_URL"] == "http://169.254.170.2:4566"
    assert told["AWS_REGION"] == "eu-west-1"
    path = f"/v2/credentials/{credentials_id('k', 'task')}"
    assert told["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] == path


def test_without_a_role_or_a_network_there_is_nothing_to_find():
    no_role = environment(replace(PLAN, task_role=False, api_port=0), APP)
    assert not [one for one in no_role if "CREDENTIALS" in one or "ENDPOINT_URL" in one]
    nowhere = environment(replace(PLAN, network_mode="none", address=None), APP)
    assert not [one for one in nowhere if "169.254.170.2/" in one]


def test_ids_are_each_containers_own_and_tell_nothing_of_the_key():
    ids = {container_id("k", "a"), container_id("k", "b"), container_id("l", "a")}
    ids |= {credentials_id("k", "task"), credentials_id("k", "execution")}
    assert len(ids) == 5
