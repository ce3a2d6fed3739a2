"""ECS Exec: sessions inside containers, by a client that follows the published format."""

import hashlib
import os
import signal
import subprocess

import pytest
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed

from tests.integration.sample import eventually
from tests.integration.session_client import SessionClient

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.fixture
def task(account):
    """A running task of the sample with ECS Exec enabled; returns a caller of ExecuteCommand."""
    account.network()
    definition = account.ecs.register_task_definition(
        family="web",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        executionRoleArn=f"arn:aws:iam::{account.number}:role/execution",
        taskRoleArn=f"arn:aws:iam::{account.number}:role/task",
        containerDefinitions=[
            {"name": "app", "image": "ecsd/sample-app:1", "stopTimeout": 2},
        ],
    )["taskDefinition"]["taskDefinitionArn"]
    account.service(definition, desired=1, balanced=False, enableExecuteCommand=True)
    account.steady()
    return account.tasks()[0]


@pytest.fixture
def execute(account, task):
    def ask(command, **more):
        return account.ecs.execute_command(
            cluster="prod", task=task["taskArn"], command=command, interactive=True, **more
        )

    return ask


def test_a_shell_hears_answers_and_ends(account, task, execute):
    assert [one["name"] for one in task["containers"][0]["managedAgents"]] == [
        "ExecuteCommandAgent"
    ]
    assert task["containers"][0]["managedAgents"][0]["lastStatus"] == "RUNNING"
    answer = execute("/bin/sh", container="app")
    assert answer["containerName"] == "app"
    assert answer["session"]["sessionId"].startswith("ecs-execute-command-")
    with SessionClient(answer["session"]) as client:
        client.type("echo $((6*7)) as $(id -u) on $(hostname)\r")
        shown = client.read_until(b"42 as 0 on ")
        assert account.address(task).replace(".", "-").encode() in shown
        client.resize(101, 37)
        client.type("sleep 0.2; stty size\r")
        client.read_until(b"37 101")
        client.type("exit\r")
        client.read_to_end()
        assert client.closed["Output"] == ""
        assert client.closed["SessionId"] == answer["session"]["sessionId"]


def test_much_output_arrives_whole_and_in_order(execute):
    command = "sh -c 'stty raw; i=0; while [ $i -lt 40000 ]; do echo line-$i; i=$((i+1)); done'"
    with SessionClient(execute(command)["session"]) as client:
        output = client.read_to_end(60)
    expected = b"".join(b"line-%d\n" % number for number in range(40000))
    assert hashlib.sha256(output).hexdigest() == hashlib.sha256(expected).hexdigest()


def test_a_session_is_opened_once_and_only_with_its_token(execute):
    session = execute("/bin/sh")["session"]
    with SessionClient(session, token="wrong") as client, pytest.raises(ConnectionClosed):
        client.link.recv(timeout=10)
    with SessionClient(session) as client:
        client.type('echo o""pen\r')
        client.read_until(b"open")
        with SessionClient(session) as second, pytest.raises(ConnectionClosed):
            second.link.recv(timeout=15)
        client.terminate()
        client.read_to_end()


def test_a_command_that_is_not_there_says_so(execute):
    with SessionClient(execute("/no/such/command")["session"]) as client:
        assert b"/no/such/command" in client.read_to_end()


def processes(task, words):
    """Count the processes of a task's container whose command holds some words."""
    listed = subprocess.run(
        ["docker", "top", task["containers"][0]["runtimeId"], "-eo", "pid,args"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return sum(words in line for line in listed.splitlines())


@pytest.mark.parametrize("how", ["leaves", "terminates"])
def test_a_client_that_is_gone_leaves_no_process(task, execute, how):
    client = SessionClient(execute("sh -c 'echo begun; sleep 1234'")["session"])
    client.read_until(b"begun")
    eventually(lambda: processes(task, "sleep 1234") > 0)
    if how == "terminates":
        client.terminate()
        client.read_to_end()
    client.leave()
    eventually(lambda: processes(task, "sleep 1234") == 0)


def test_a_session_lives_on_while_the_server_is_away_and_another_agent_serves_the_next(
    ecsd, task, execute
):
    with SessionClient(execute("/bin/sh")["session"]) as client:
        client.type('echo fir""st\r')
        client.read_until(b"first")
        server = ecsd.pids()["server"]
        os.kill(server, signal.SIGKILL)
        client.type('echo sec""ond\r')
        client.read_until(b"second")
        eventually(lambda: ecsd.pids().get("server") not in {None, server})
        agent = ecsd.pids()["agent"]
        os.kill(agent, signal.SIGKILL)
        client.read_until_cut()
    eventually(lambda: ecsd.pids().get("agent") not in {None, agent})
    session = eventually(lambda: _invited(execute))
    with SessionClient(session) as client:
        client.type('echo ag""ain\r')
        client.read_until(b"again")
    assert task


def _invited(execute):
    try:
        return execute("/bin/sh")["session"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "TargetNotConnectedException":
            raise
        return None  # the agent is not connected yet


def test_the_end_of_the_task_ends_the_session(account, task, execute):
    with SessionClient(execute("/bin/sh")["session"]) as client:
        client.type('echo re""ady\r')
        client.read_until(b"ready")
        account.ecs.stop_task(cluster="prod", task=task["taskArn"])
        client.read_to_end()


def test_a_transcript_is_kept_where_the_cluster_says(account, task, execute):
    account.logs.create_log_group(logGroupName="/exec")
    account.ecs.update_cluster(
        cluster="prod",
        configuration={
            "executeCommandConfiguration": {
                "logging": "OVERRIDE",
                "logConfiguration": {"cloudWatchLogGroupName": "/exec"},
            }
        },
    )
    session = execute("echo kept for later")["session"]
    with SessionClient(session) as client:
        client.read_to_end()

    def logged():
        found = account.logs.filter_log_events(logGroupName="/exec")["events"]
        return [one for one in found if "kept for later" in one["message"]]

    (event,) = eventually(logged)
    assert event["logStreamName"] == session["sessionId"]
    assert task


def test_the_aws_cli_hands_the_session_to_its_plugin(ecsd, account, task, tmp_path):
    """A stand-in notes what the real plugin would be called with."""
    plugin = tmp_path / "session-manager-plugin"
    plugin.write_text(f'#!/bin/sh\n[ $# = 0 ] || printf "%s\\n" "$@" > {tmp_path}/said\n')
    plugin.chmod(0o755)
    subprocess.run(
        [
            *("aws", "ecs", "execute-command", "--cluster", "prod", "--task", task["taskArn"]),
            *("--interactive", "--command", "/bin/sh"),
        ],
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": ecsd.endpoint,
            "AWS_ACCESS_KEY_ID": account.number,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        },
        check=True,
        capture_output=True,
        timeout=60,
    )
    said = (tmp_path / "said").read_text()
    assert '"streamUrl"' in said
    assert "StartSession" in said
