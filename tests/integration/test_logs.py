"""CloudWatch Logs with real clients: followed, queried, delivered, and there after kill -9."""

import base64
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.sample import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]


def put(account, *messages, stream="s"):
    now = int(time.time() * 1000)
    account.logs.put_log_events(
        logGroupName="g",
        logStreamName=stream,
        logEvents=[{"timestamp": now, "message": one} for one in messages],
    )


@pytest.fixture
def logs(account):
    account.logs.create_log_group(logGroupName="g")
    account.logs.create_log_stream(logGroupName="g", logStreamName="s")
    return account


def test_the_aws_command_tails_a_group_live(ecsd, logs, tmp_path):
    environment = ecsd.environment | {
        "AWS_ENDPOINT_URL": ecsd.endpoint,
        "AWS_ACCESS_KEY_ID": logs.number,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",  # as ``ecsd env`` has it
        "PYTHONUNBUFFERED": "1",
    }
    arn = f"arn:aws:logs:us-east-1:{logs.number}:log-group:g"
    words = ["logs", "start-live-tail", "--log-group-identifiers", arn]
    said = tmp_path / "said"
    with said.open("w") as output:
        tail = subprocess.Popen(
            [Path(sys.executable).parent / "aws", *words, "--log-event-filter-pattern", "ERROR"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def told():
        put(logs, "ERROR seen live", "of no interest")
        assert tail.poll() is None, said.read_text()
        return "ERROR seen live" in said.read_text()

    try:
        eventually(told, seconds=15, every=0.3)
        assert "of no interest" not in said.read_text()
    finally:
        tail.kill()
        tail.wait(10)


def test_a_query_of_boto3_and_a_subscribed_function_see_events_that_survive_kill_9(
    ecsd, logs, functions
):
    function = f"arn:aws:lambda:us-east-1:{logs.number}:function:ship"
    functions.reply = {}
    logs.logs.put_subscription_filter(
        logGroupName="g", filterName="f", filterPattern="-debug", destinationArn=function
    )
    put(logs, '{"level": "info", "ms": 3}', "debug", '{"level": "error", "ms": 5}')
    os.kill(ecsd.pids()["server"], signal.SIGKILL)
    query = logs.logs.start_query(
        logGroupName="g",
        startTime=int(time.time()) - 60,
        endTime=int(time.time()) + 1,
        queryString="stats count(*) as n, sum(ms) as ms by level | sort level",
    )["queryId"]
    answer = eventually(lambda: complete(logs.logs, query))
    rows = [{one["field"]: one["value"] for one in row} for row in answer["results"]]
    assert rows == [
        {"n": "1"},
        {"level": "error", "n": "1", "ms": "5"},
        {"level": "info", "n": "1", "ms": "3"},
    ]
    put(logs, "after")
    eventually(lambda: {"after", '{"level": "error", "ms": 5}'} <= delivered(functions), seconds=20)
    assert "debug" not in delivered(functions)


def complete(client, query):
    answer = client.get_query_results(queryId=query)
    return answer if answer["status"] == "Complete" else None


def delivered(functions):
    """Return the messages that the function was invoked with."""
    told = [
        json.loads(gzip.decompress(base64.b64decode(payload["awslogs"]["data"])))
        for path, payload in functions.asked
        if "ship" in path
    ]
    return {event["message"] for one in told for event in one["logEvents"]}
