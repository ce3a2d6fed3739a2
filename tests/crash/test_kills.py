"""kill -9 of server and agent at random moments: nothing acknowledged is lost, traffic goes on.

``KILLS`` sets how many of each (3 by default; ``make crash KILLS=50`` for the long run). The seed
of the moments is printed with every failure; ``SEED`` takes it again.
"""

import os
import random
import signal
import subprocess
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.integration.conftest import findings
from tests.integration.sample import eventually
from tests.integration.shift_world import Shifting

pytestmark = [pytest.mark.crash, pytest.mark.timeout(1500)]
KILLS = int(os.environ.get("KILLS", "3"))
SEED = os.environ.get("SEED")
CANARY = {"canaryPercent": 20.0, "canaryBakeTimeInMinutes": 0}


def moments():
    """Return the chance that chooses the moments; its seed is shown when the test fails."""
    seed = int(SEED) if SEED else random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    return random.Random(seed)


def containers(account):
    """Return the ids of all running app containers of an account."""
    shown = subprocess.run(
        [
            *("docker", "ps", "--no-trunc", "--filter", "label=com.amazonaws.ecs.task-arn"),
            *("--format", '{{.ID}} {{.Label "com.amazonaws.ecs.task-arn"}}'),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split() for line in shown.stdout.splitlines()]
    return {name for name, arn in lines if f":{account.number}:" in arn}


class Writer:
    """Creates clusters all the while and remembers what was acknowledged."""

    def __init__(self, account):
        self.acknowledged, self._account = [], account
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def _write(self):
        number = 0
        while not self._ended.is_set():
            name = f"written-{number}"
            number += 1
            try:
                self._account.ecs.create_cluster(clusterName=name)
            except (BotoCoreError, ClientError):
                continue  # not acknowledged: it may be there or not
            self.acknowledged.append(name)


def kill(ecsd, name):
    """kill -9 one process and wait until its successor runs."""
    before = eventually(lambda: ecsd.pids().get(name))
    os.kill(before, signal.SIGKILL)
    eventually(lambda: ecsd.pids().get(name) not in {None, before})


@pytest.mark.parametrize("name", ["server", "agent"])
def test_a_killed_process_loses_nothing_and_disturbs_nobody(ecsd, account, name):
    chance = moments()
    account.network()
    account.load_balancer()
    account.service(account.register())
    account.steady()
    before = containers(account)
    with account.load(connections=2, rate=100) as load, Writer(account) as writer:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.05, 1.0))
            kill(ecsd, name)
        eventually(lambda: account.described()["runningCount"] == 2)
        time.sleep(0.5)
    assert containers(account) == before
    assert load.failures == []
    assert load.done > 50
    held = set()
    for page in account.ecs.get_paginator("list_clusters").paginate():
        held |= {one.rpartition("/")[2] for one in page["clusterArns"]}
    assert set(writer.acknowledged) <= held
    assert findings(ecsd) == []
    account.steady()


def test_kills_in_the_middle_of_deployments_end_in_a_steady_state(ecsd, account):
    chance = moments()
    account.network()
    account.load_balancer()
    account.service(account.register())
    account.steady()
    with account.load(connections=2, rate=50) as load:
        for number in range(KILLS):
            definition = account.register(release=str(number + 2))
            eventually(lambda at=definition: _update(account, at))
            time.sleep(chance.uniform(0.0, 1.5))
            kill(ecsd, chance.choice(["server", "agent"]))
        account.steady(120)
        wanted = f"release {KILLS + 1}"
        eventually(lambda: any(wanted in body for body in load.bodies))
    assert load.failures == []
    assert len(account.tasks()) == 2
    assert findings(ecsd) == []


def test_kills_in_the_middle_of_a_traffic_shift_lose_no_request(ecsd, account):
    chance = moments()
    shifting = Shifting(account)
    shifting.serve("CANARY", canaryConfiguration=CANARY)
    with account.load(connections=2, rate=50) as load:
        for number in range(KILLS):
            release = str(number + 2)
            definition = account.register(release=release)
            eventually(lambda at=definition: _update(account, at))
            time.sleep(chance.uniform(0.0, 2.5))
            kill(ecsd, chance.choice(["server", "agent"]))
        account.steady(120)
        eventually(lambda: shifting.releases(times=4) == {str(KILLS + 1)})
    assert load.failures == []
    assert shifting.attempt()["status"] == "SUCCESSFUL"
    assert len(account.tasks()) == 2
    assert findings(ecsd) == []


def _update(account, definition):
    """Ask again while the server is away: an update is idempotent."""
    try:
        return account.ecs.update_service(cluster="prod", service="web", taskDefinition=definition)
    except (BotoCoreError, ClientError):
        return None
