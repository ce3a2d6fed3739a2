"""The figures, each a ratio measured in one run."""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3

from bench import engine, machine
from tests.integration.sample import eventually

ROUNDS = 7
DESCRIBE = """
wrk.method = "POST"
wrk.body = '{}'
wrk.headers["content-type"] = "application/x-amz-json-1.1"
wrk.headers["x-amz-target"] = "AmazonEC2ContainerServiceV20141113.DescribeClusters"
wrk.headers["authorization"] = "AWS4-HMAC-SHA256 " ..
    "Credential=000000000000/20260101/us-east-1/ecs/aws4_request, SignedHeaders=host, Signature=0"
"""


def launch(account, definition):
    """RunTask → RUNNING against the Engine's own pair, interleaved."""
    ours, raw = [], []
    network = {"awsvpcConfiguration": {"subnets": account.private}}
    account.ecs.create_cluster(clusterName="prod")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        (task,) = account.ecs.run_task(
            cluster="prod",
            taskDefinition=definition,
            launchType="FARGATE",
            networkConfiguration=network,
        )["tasks"]
        arn = task["taskArn"]
        eventually(lambda at=arn: _status(account, at) == "RUNNING", every=0.005)
        ours.append(time.perf_counter() - began)
        account.ecs.stop_task(cluster="prod", task=arn)
        eventually(lambda at=arn: _status(account, at) == "STOPPED")
        raw += engine.sequential(1)
    return statistics.median(ours), statistics.median(raw)


def scale_out(account, definition, count=20):
    """Twenty tasks at once against the Engine at its best concurrency."""
    raw = min(engine.together(count, at_once) for at_once in (2, 4, 8))
    account.service(definition, desired=0, balanced=False)
    account.steady()
    began = time.perf_counter()
    account.ecs.update_service(cluster="prod", service="web", desiredCount=count)
    eventually(lambda: account.described()["runningCount"] == count, every=0.02)
    return time.perf_counter() - began, raw


def idle(ecsd, seconds=10):
    """CPU share of server and agent, and their memory, with what runs at the moment."""
    pids = ecsd.pids()
    before = {name: machine.cpu_seconds(pids[name]) for name in ("server", "agent")}
    time.sleep(seconds)
    return {
        name: (
            (machine.cpu_seconds(pids[name]) - before[name]) / seconds * 100,
            machine.pss(pids[name]),
        )
        for name in before
    }


def replacement(account):
    """Container killed → its replacement RUNNING."""
    known = {one["taskArn"] for one in account.tasks()}
    victim = min(known)
    label = f"label=com.amazonaws.ecs.task-arn={victim}"
    shown = subprocess.run(
        ["docker", "ps", "-q", "--filter", label, "--filter", "ancestor=ecsd/sample-app:1"],
        capture_output=True,
        text=True,
        check=True,
    )
    began = time.perf_counter()
    subprocess.run(["docker", "kill", *shown.stdout.split()], check=True, capture_output=True)

    def replaced():
        fresh = [one for one in account.tasks() if one["taskArn"] not in known]
        return any(one["lastStatus"] == "RUNNING" for one in fresh)

    eventually(replaced, every=0.01)
    return time.perf_counter() - began


def rolling(account, wanted=20_000):
    """Failed requests of at least ``wanted`` during rolling updates under constant load."""
    release = 2
    with account.load(connections=8, rate=100_000) as load:
        while load.done < wanted:
            definition = account.register(release=str(release))
            account.ecs.update_service(cluster="prod", service="web", taskDefinition=definition)
            account.steady(120)
            release += 1
    return len(load.failures), load.done, release - 2


def balancer(account, ecsd, seconds=3, rounds=5):
    """The ALB's requests a second against a bare HAProxy of the same rules, way and backend."""
    entrance = account.entrance()
    namespace = f"--net=/run/netns/ecsd{ecsd.environment['ECSD_INSTANCE']}-{account.vpc}"
    ours = {"url": f"http://{entrance}/", "host": account.dns_name}
    bare = {"url": f"http://{entrance}:8099/"}
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bare.cfg"
        path.write_text(_bare_rules(ecsd, account.vpc, entrance))
        process = subprocess.Popen(["nsenter", namespace, "haproxy", "-db", "-f", str(path)])
        try:
            time.sleep(1)
            for one in (ours, bare):  # both warm: the first seconds pay for connections
                machine.wrk(**one, seconds=2, connections=16)
            for _ in range(rounds):
                pair = [machine.wrk(**one, seconds=seconds, connections=16) for one in (ours, bare)]
                if any(bad for _, bad in pair):
                    raise RuntimeError(f"a balancer answered with errors: {pair}")
                measured.append([rate for rate, _ in pair])
        finally:
            process.terminate()
            process.wait()
    return tuple(statistics.median(rates) for rates in zip(*measured, strict=True))


def _bare_rules(ecsd, vpc, entrance):
    """Return the configuration in force, without what is ecsd's: sockets, user, other ways in."""
    text = (ecsd.folder / "run" / "haproxy" / vpc / "haproxy.cfg").read_text()
    lines = []
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["bind"] and words[1].startswith(f"{entrance}:"):
            lines.append(line.replace(words[1], f"{entrance}:8099"))
        elif words[:1] not in (["bind"], ["user"], ["group"]) and words[:2] != ["stats", "socket"]:
            lines.append(line)
    return "\n".join(lines) + "\n"


def describe_clusters(ecsd, seconds=5):
    """DescribeClusters a second against MiniStack's, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "describe.lua"
        script.write_text(DESCRIBE)
        venv = Path(folder) / "venv"
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        pip = [str(venv / "bin" / "pip"), "install", "-q", "ministack[full]"]
        subprocess.run(pip, check=True, capture_output=True)
        process = subprocess.Popen(
            [str(venv / "bin" / "ministack")],
            env={"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": "4598", "PATH": "/usr/bin:/bin"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
        )
        try:
            eventually(lambda: _answers("http://127.0.0.1:4598/"), 30)
            for endpoint in (ecsd.endpoint, "http://127.0.0.1:4598"):
                _default_cluster(endpoint)
            rounds = []
            for _ in range(3):
                ours, bad = machine.wrk(
                    f"{ecsd.endpoint}/", seconds=seconds, connections=8, script=str(script)
                )
                theirs, worse = machine.wrk(
                    "http://127.0.0.1:4598/", seconds=seconds, connections=8, script=str(script)
                )
                if bad or worse:
                    raise RuntimeError(f"bad answers: {bad} of ecsd, {worse} of MiniStack")
                rounds.append((ours, theirs))
        finally:
            process.terminate()
            process.wait()
    return statistics.median(one for one, _ in rounds), statistics.median(two for _, two in rounds)


def _default_cluster(endpoint):
    """Make the cluster that will be described."""
    boto3.client(
        "ecs",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="000000000000",
        aws_secret_access_key="test",
    ).create_cluster(clusterName="default")


def start_up(ecsd_class, count=1000):
    """``ecsd up`` → first answer with ``count`` tasks on disk."""
    folder = Path(tempfile.mkdtemp(prefix="ecsd-bench-"))
    one = ecsd_class(folder, port=4574, instance=2, ECSD_EDGE_PORT="0")
    (folder / "data").mkdir(parents=True)
    code = f"from bench.population import fill; fill({str(folder / 'data')!r}, {count})"
    subprocess.run([sys.executable, "-c", code], check=True)
    try:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "ecsd", "up"],
            env=one.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        eventually(lambda: _answers(f"{one.endpoint}/_ecsd/health"), every=0.005)
        taken = time.perf_counter() - began
        process.terminate()
        process.wait()
    finally:
        one.run("down", "--state", "--yes", check=False)
        shutil.rmtree(folder, ignore_errors=True)
    return taken


def _status(account, arn):
    return account.ecs.describe_tasks(cluster="prod", tasks=[arn])["tasks"][0]["lastStatus"]


def _answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status < 500
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
