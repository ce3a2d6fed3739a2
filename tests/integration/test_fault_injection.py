"""Faults that a task injects into its own network, and what it is told of what it uses."""

import json
import os
import signal
import subprocess

import pytest

from tests.integration.sample import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

STAY = "trap 'exit 0' TERM; while :; do sleep 0.05; done"
HOLE = "network-blackhole-port"


class Inside:
    """A running task's namespace, and the endpoint as its container knows it."""

    def __init__(self, arn):
        task_id = arn.rpartition("/")[2]
        listed = ["docker", "ps", "-q", "--filter", f"name={task_id}"]
        ids = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
        argv = ["docker", "inspect", *ids]
        found = json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)
        keys = [one["NetworkSettings"]["SandboxKey"] for one in found]
        self.sandbox = next(one for one in keys if one)
        variables = [line for one in found for line in one["Config"]["Env"] or ()]
        self.environment = dict(line.split("=", 1) for line in variables)

    def curl(self, *words):
        argv = ["nsenter", f"--net={self.sandbox}", "curl", "-s", "-m", "6", *words]
        return subprocess.run(argv, capture_output=True, text=True, check=False)

    def metadata(self, path):
        told = self.curl(f"{self.environment['ECS_CONTAINER_METADATA_URI_V4']}{path}")
        return json.loads(told.stdout)

    def fault(self, path, given=None):
        """Ask for a fault; returns the HTTP status and the answer; 0 where nobody answers."""
        url = f"{self.environment['ECS_AGENT_URI']}/fault/v1/{path}"
        body = json.dumps(given) if given else ""
        told = self.curl("-X", "POST", "-d", body, "-w", "\n%{http_code}", url).stdout
        answer, _, status = told.rpartition("\n")
        return int(status), json.loads(answer or "null")

    def reaches_api(self):
        return self.curl("-m", "1", self.environment["AWS_ENDPOINT_URL"]).returncode == 0


def test_a_task_disturbs_its_own_network_and_sees_what_it_uses(ecsd, account, image):
    account.network()
    account.ecs.create_cluster(clusterName="prod")
    account.ecs.register_task_definition(
        family="faults",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        enableFaultInjection=True,
        containerDefinitions=[
            {"name": "app", "image": image, "command": ["sh", "-c", STAY], "stopTimeout": 2}
        ],
    )
    network = {"subnets": account.private[:1], "securityGroups": [account.task_group]}
    arn = account.ecs.run_task(
        cluster="prod",
        taskDefinition="faults",
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": network},
    )["tasks"][0]["taskArn"]

    def status(wanted):
        shown = account.ecs.describe_tasks(cluster="prod", tasks=[arn])["tasks"][0]
        return shown["lastStatus"] == wanted

    eventually(lambda: status("RUNNING"), seconds=20)
    inside = Inside(arn)

    task = inside.metadata("/task")
    assert task["FaultInjectionEnabled"] is True
    assert task["EphemeralStorageMetrics"]["Reserved"] == 20_480
    assert 0 < task["EphemeralStorageMetrics"]["Utilized"] < 1000
    assert task["ClockDrift"]["ClockSynchronizationStatus"] in {"SYNCHRONIZED", "NOT_SYNCHRONIZED"}
    stats = inside.metadata("/stats")
    assert stats["networks"]["eth0"]["rx_bytes"] > 0
    assert set(stats["network_rate_stats"]) == {"rx_bytes_per_sec", "tx_bytes_per_sec"}

    port = {"Port": ecsd.port, "Protocol": "tcp", "TrafficType": "egress"}
    assert inside.reaches_api()
    assert inside.fault(f"{HOLE}/start", port) == (200, {"Status": "running"})
    assert not inside.reaches_api()
    os.kill(ecsd.pids()["agent"], signal.SIGKILL)  # the kernel has it
    running = (200, {"Status": "running"})
    eventually(lambda: inside.fault(f"{HOLE}/status", port) == running, seconds=15, every=0.5)
    assert not inside.reaches_api()
    assert inside.fault(f"{HOLE}/stop", port) == (200, {"Status": "stopped"})
    eventually(inside.reaches_api, seconds=10)

    late = {"DelayMilliseconds": 200, "JitterMilliseconds": 0, "Sources": ["0.0.0.0/0"]}
    code, answer = inside.fault("network-latency/start", late)
    if code == 200:
        assert inside.fault("network-latency/stop") == (200, {"Status": "stopped"})
    else:  # a kernel without netem
        assert "cannot delay or lose packets" in answer["Error"]
    kinds = ["nsenter", f"--net={inside.sandbox}", "tc", "qdisc", "show", "dev", "eth0"]
    shown = subprocess.run(kinds, capture_output=True, text=True, check=True).stdout
    assert "netem" not in shown
    assert " prio " not in shown
    account.ecs.stop_task(cluster="prod", task=arn)
    eventually(lambda: status("STOPPED"), seconds=20)
