"""The figures, each a ratio measured in one run."""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from bench import engine, machine
from ecsd.decisions.rollout.fleet import Condition, Member
from ecsd.decisions.rollout.rolling import limits, next_step
from ecsd.decisions.tasks.task_health import SETTLE_SECONDS
from tests.integration.sample import eventually

ROUNDS = 7


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


def decision(count=1000, rounds=20):
    """The slowest median of a rollout's decisions for a service of ``count`` tasks, in seconds."""
    healthy = [Condition.HEALTHY] * count
    fleets = {
        "new ones start": (_fleet(old=healthy), count, (100, 200)),
        "half of the old ones stop": (_fleet(old=healthy), count, (50, 100)),
        "old ones stop": (_fleet(old=healthy, new=healthy), count, (100, 200)),
        "scaled in": (_fleet(new=healthy), 10, (100, 200)),
    }
    medians = []
    for members, desired, percents in fleets.values():
        taken = []
        for _ in range(rounds):
            began = time.perf_counter()
            next_step(members, "new", desired, limits(desired, *percents))
            taken.append(time.perf_counter() - began)
        medians.append(statistics.median(taken))
    return max(medians)


def _fleet(**groups):
    """Return members by deployment, spread over three zones."""
    pairs = [(name, condition) for name, conditions in groups.items() for condition in conditions]
    return [
        Member(f"task-{number}", name, condition, "abc"[number % 3], number)
        for number, (name, condition) in enumerate(pairs)
    ]


def deployment(account, count=20):
    """A deployment of ``count`` tasks from the update to COMPLETED, against the Engine's own.

    The Engine's: as many pairs started and as many older ones ended, at its best concurrency, and
    the time for which a task without a health check has to run before it counts.
    """
    raw = min(engine.replaced(count, at_once) for at_once in (2, 4, 8)) + SETTLE_SECONDS
    definition = account.register(release="2")
    began = time.perf_counter()
    account.ecs.update_service(cluster="prod", service="web", taskDefinition=definition)
    account.steady(120)
    return time.perf_counter() - began, raw


def start_up(ecsd_class, count=1000):
    """``ecsd up`` → first answer with ``count`` tasks on disk."""
    folder = Path(tempfile.mkdtemp(prefix="ecsd-bench-"))
    one = ecsd_class(folder, port=4574, instance=2, ECSD_EDGE_PORT="0")
    (folder / "data").mkdir(parents=True)
    code = f"from bench.population import fill; fill({str(folder / 'data')!r}, {count})"
    subprocess.run([sys.executable, "-c", code], check=True)
    try:
        began = time.perf_counter()
        with served(one):
            taken = time.perf_counter() - began
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return taken


@contextmanager
def served(ecsd):
    """Start an ecsd in the foreground; go on as soon as it answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ecsd", "up"],
        env=ecsd.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: answers(f"{ecsd.endpoint}/_ecsd/health"), every=0.005)
        yield
    finally:
        process.terminate()
        process.wait()
        ecsd.run("down", "--state", "--yes", check=False)


def _status(account, arn):
    return account.ecs.describe_tasks(cluster="prod", tasks=[arn])["tasks"][0]["lastStatus"]


def answers(url):
    """Tell whether something answers there."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status < 500
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
