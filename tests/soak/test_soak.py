"""Several clients at random for half an hour: no invariant breaks, nothing grows.

``make soak``; ``SECONDS`` sets its length (1800), ``SEED`` takes the same steps again. Once a lap
every client rests, and what is held then is compared: the first lap's against the last one's.
"""

import os
import random
import re
import sys
import threading
import time
from contextlib import ExitStack

import pytest

from tests.integration.conftest import findings, new_account
from tests.integration.sample import eventually
from tests.soak.holdings import growth, held
from tests.soak.steps import Client

SECONDS = float(os.environ.get("SECONDS", "1800"))
SEED = int(os.environ.get("SEED") or random.randrange(2**32))
CLIENTS = 3
LAP = 120.0  # seconds of steps
ERROR = re.compile(r"^[\d:.]+ (?:error|critical) .*$", re.MULTILINE)

pytestmark = [pytest.mark.soak, pytest.mark.timeout(SECONDS + 900)]


def say(words):
    sys.stderr.write(f"{words}\n")


def test_clients_at_random_break_nothing_and_leave_nothing(ecsd):
    say(f"seed {SEED}")
    with ExitStack() as stack:
        clients = [
            Client(
                stack.enter_context(new_account(ecsd, f"soak {number}")),
                random.Random(SEED + number),
            )
            for number in range(CLIENTS)
        ]
        together(clients, Client.begin)
        ends = time.monotonic() + SECONDS
        first = None
        while time.monotonic() < ends:
            together(clients, lambda client: lap(ecsd, client, LAP))
            together(clients, Client.rest)
            eventually(lambda: not any(client.account.tasks("STOPPED") for client in clients), 150)
            assert findings(ecsd) == []
            now = held(ecsd)
            first = first or now
            say(f"{now} after {sum(sum(one.done.values()) for one in clients)} steps")
        for client in clients:
            say(f"{client.done} refused: {client.refused}")
        assert list(growth(first, now)) == []
        assert ERROR.findall(ecsd.log()) == []


def lap(ecsd, client, seconds):
    """Take steps, and look at the invariants after each."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        step = client.step()
        assert findings(ecsd) == [], step
        time.sleep(client.chance.uniform(0.0, 1.0))


def together(clients, work):
    """Let all clients work at once; raise what the first of them raised."""
    failures = []

    def run(client):
        try:
            work(client)
        except BaseException as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
