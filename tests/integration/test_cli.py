"""The person's commands and the real aws command against a running service."""

import json
import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from tests.integration.conftest import PORT, Ecsd, new_account, page, running
from tests.integration.sample import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.fixture
def web(account):
    """The sample service in its steady state, with a log."""
    account.network()
    account.load_balancer()
    account.logs.create_log_group(logGroupName="/ecs/web")
    options = {
        "awslogs-group": "/ecs/web",
        "awslogs-region": "us-east-1",
        "awslogs-stream-prefix": "ecs",
    }
    logging = {"logDriver": "awslogs", "options": options}
    account.service(account.register(logConfiguration=logging))
    account.steady()
    return account


def test_status_shows_services_tasks_and_urls(ecsd, web):
    text = ecsd.run("status").stdout
    assert web.number in text
    assert "2/2" in text
    assert f"http://{web.dns_name}" in text
    shown = json.loads(ecsd.run("status", "--json").stdout)
    scope = next(one for one in shown["scopes"] if one["account"] == web.number)
    assert len(scope["clusters"][0]["tasks"]) == 2
    assert "\x1b[" not in text


def test_why_tells_the_root_cause_of_a_stopped_task(ecsd, web):
    bad = web.register(image="ecsd/no-such-image:1")
    network = {"awsvpcConfiguration": {"subnets": web.private}}
    (task,) = web.ecs.run_task(
        cluster="prod", taskDefinition=bad, launchType="FARGATE", networkConfiguration=network
    )["tasks"]
    arn = task["taskArn"]

    def stopped():
        (one,) = web.ecs.describe_tasks(cluster="prod", tasks=[arn])["tasks"]
        return one["lastStatus"] == "STOPPED"

    eventually(stopped)
    text = ecsd.run("why", arn.rpartition("/")[2]).stdout
    assert "TaskFailedToStart" in text
    assert "CannotPullContainerError" in text
    assert "ecsd/no-such-image:1" in text
    service = ecsd.run("why", "web").stdout
    assert "2 of 2 tasks run" in service
    assert "is healthy" in service
    assert ecsd.run("why", "nobody", check=False).returncode == 1


def test_why_knows_what_a_failed_container_said_when_the_task_is_long_gone(image):
    alone = {"ECSD_EDGE_PORT": "0", "ECSD_HOSTS_FILE": "", "ECSD_ENDED_SHOWN": "1"}
    with (
        running(port=PORT + 10, instance=3, **alone) as short,
        new_account(short, "gone") as one,
    ):
        one.network()
        script = "sleep 1; echo the database is not there; exit 3"
        definition = one.register(image=image, command=["sh", "-c", script])
        one.service(definition, desired=1, balanced=False)
        eventually(lambda: "exit code 3" in short.run("why", "web").stdout)
        one.ecs.update_service(cluster="prod", service="web", desiredCount=0)
        gone = eventually(lambda: none_shown(one) and exits(short))
        text = short.run("why", gone[-1]["task_arn"]).stdout
        assert "EssentialContainerExited: Essential container in task exited" in text
        assert "exit code 3" in text
        assert "container app ran for 1." in text
        assert "the database is not there" in text
        assert "the database is not there" in short.run("why", "web").stdout


def none_shown(account):
    return not account.tasks() and not account.tasks("STOPPED")


def exits(ecsd):
    return [one for one in page(ecsd, "ends") if one["stop_code"] == "EssentialContainerExited"]


def test_logs_shows_what_containers_write(ecsd, web):
    eventually(
        lambda: ecsd.run("logs", "web").stdout.count("starting, release 1") == 2,
    )


def test_doctor_finds_a_sound_machine(ecsd, web):
    done = ecsd.run("doctor", "--json", check=False)
    bad = [one for one in json.loads(done.stdout) if not one["well"]]
    assert bad == []
    assert done.returncode == 0


def test_a_port_where_another_ecsd_answers_is_told(ecsd, tmp_path):
    second = Ecsd(tmp_path, port=ecsd.port, instance=3)
    done = second.run("up", "-d", check=False)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{ecsd.port}" in done.stdout + done.stderr
    assert "the API is at" not in done.stdout


def test_env_points_the_aws_command_here(ecsd, web):
    variables = json.loads(ecsd.run("env", "--json").stdout)
    environment = {**os.environ, **variables, "AWS_ACCESS_KEY_ID": web.number}
    aws = Path(sys.executable).with_name("aws")

    def ask(*words):
        done = subprocess.run(
            [str(aws), *words, "--output", "json"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert ask("sts", "get-caller-identity")["Account"] == web.number
    services = ask("ecs", "describe-services", "--cluster", "prod", "--services", "web")
    assert services["services"][0]["runningCount"] == 2
    balancers = ask("elbv2", "describe-load-balancers")
    assert balancers["LoadBalancers"][0]["State"]["Code"] == "active"
    events = ("logs", "filter-log-events", "--log-group-name", "/ecs/web")
    # The Engine's log driver sends every five seconds.
    eventually(lambda: len(ask(*events)["events"]) == 2)
    done = subprocess.run(
        [str(aws), "ecs", "list-services", "--cluster", "nope"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "ClusterNotFoundException" in done.stderr


def test_what_is_missing_is_refused_by_name_and_counted(ecsd, account):
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as refused:
        account.ecs.create_capacity_provider(name="mine")
    assert "ecs:CreateCapacityProvider" in str(refused.value)
    assert "ecs:CreateCapacityProvider" in ecsd.run("status").stdout


def test_listening_beyond_loopback_needs_strict_mode(ecsd):

    environment = ecsd.environment | {"ECSD_HOST": "0.0.0.0", "ECSD_PORT": "4579"}
    done = subprocess.run(
        [sys.executable, "-m", "ecsd", "up", "-d"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "strict" in done.stderr


def test_strict_mode_serves_its_own_commands_and_nobody_without_the_secret(tmp_path):
    keys = {"ECSD_ACCESS_KEY_ID": "AKIDOPERATOR", "ECSD_SECRET_ACCESS_KEY": "open sesame"}
    strict = {"port": 4573, "instance": 2, "ECSD_MODE": "strict"}
    ecsd = Ecsd(tmp_path, **strict, **keys)
    ecsd.run("up", "-d")
    try:
        client = boto3.client(
            "ecs",
            endpoint_url=ecsd.endpoint,
            region_name="us-east-1",
            aws_access_key_id="AKIDOPERATOR",
            aws_secret_access_key="open sesame",
        )
        client.create_cluster(clusterName="guarded")
        assert "guarded" in ecsd.run("status").stdout
        assert "all hold" in ecsd.run("doctor").stdout
        stranger = Ecsd(tmp_path, **strict, **keys | {"ECSD_SECRET_ACCESS_KEY": "guessed"})
        refused = stranger.run("status", check=False)
        assert refused.returncode == 1
        assert "403: The request signature we calculated does not match" in refused.stderr
    finally:
        ecsd.run("down", "--state", "--yes")


def test_the_demo_shows_a_service_answering():
    with running(port=4573, instance=2) as one:
        said = one.run("demo").stdout
        assert "the service has reached a steady state" in said
        again = one.run("demo").stdout  # what is there is used
        assert "the service has reached a steady state" in again
