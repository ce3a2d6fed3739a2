"""Deployments that shift the traffic of a name, on real proxies, under load and a killed server."""

import os
import re
import signal
from collections import Counter

import pytest

from tests.integration.connect_world import Asking, Connected, inside, offer
from tests.integration.sample import eventually
from tests.integration.shift_world import Attempts

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
URL = "http://web/"
TEST = ("-H", "X-Try: 2")
BLUE, GREEN = {"1": 10}, {"2": 10}


class Shifting(Connected, Attempts):
    """A service whose name is shifted, with a client that was there before."""

    def serve(self, strategy, stage, **configuration):
        rules = {"header": {"name": "X-Try", "value": {"exact": "2"}}}
        alias = {"dnsName": "web", "port": 80, "testTrafficRules": rules}
        shift = {"strategy": strategy, "bakeTimeInMinutes": 0} | configuration
        web = self.register("web", release="1")
        self.service("web", web, offers=[offer(clientAliases=[alias])])
        self.service("client", self.register("client"))
        self.steady("web")
        hook = {"targetType": "PAUSE", "lifecycleStages": [stage]}
        self.update("web", deploymentConfiguration=shift | {"lifecycleHooks": [hook]})
        return self.running("client")[0]

    def deploy(self, release):
        self.update("web", taskDefinition=self.register("web", release=release))


@pytest.fixture
def shifting(account, monkeypatch):
    monkeypatch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")  # as ``ecsd env`` says
    one = Shifting(account)
    yield one
    one.clean()


def releases(task, *words, times=10):
    """Count which releases answer a client's requests on one connection."""
    _, said = inside(task, "curl", "-s", "-m", "20", *words, f"{URL}?[1-{times}]")
    found = Counter(re.findall(r"release (\S+)", said))
    assert sum(found.values()) == times, said
    return dict(found)


def test_green_is_tested_by_a_header_and_then_answers_though_the_server_is_killed(ecsd, shifting):
    stage = "POST_TEST_TRAFFIC_SHIFT"
    task = shifting.serve("BLUE_GREEN", stage)
    with Asking(task, URL) as asking:
        shifting.deploy("2")
        hook = shifting.paused(stage)
        assert (releases(task), releases(task, *TEST)) == (BLUE, GREEN)
        assert releases(task, "-H", "X-Try: 3") == BLUE
        shifting.service("late", shifting.register("client"))
        late = shifting.running("late")[0]
        assert (releases(late), releases(late, *TEST)) == (BLUE, GREEN)
        killed = ecsd.pids()["server"]
        os.kill(killed, signal.SIGKILL)
        assert (releases(task), releases(task, *TEST)) == (BLUE, GREEN)
        eventually(lambda: ecsd.pids().get("server", killed) != killed)
        eventually(lambda: shifting.go_on(hook, "CONTINUE") is None)
        assert shifting.ended()["status"] == "SUCCESSFUL"
        assert releases(task) == releases(late) == releases(task, *TEST) == GREEN
    assert set(asking.answers) == {"200"}, asking.answers
    assert sum(asking.answers.values()) > 100


def test_a_canary_of_a_name_has_its_share_and_is_taken_back(shifting):
    stage = "POST_PRODUCTION_TRAFFIC_SHIFT"
    canary = {"canaryPercent": 20.0, "canaryBakeTimeInMinutes": 0}
    task = shifting.serve("CANARY", stage, canaryConfiguration=canary)
    shifting.deploy("2")
    hook = shifting.paused(stage)
    assert releases(task, times=50) == pytest.approx({"1": 40, "2": 10}, abs=1)
    with Asking(task, URL) as asking:
        shifting.go_on(hook, "ROLLBACK")
        assert shifting.ended()["status"] == "ROLLBACK_SUCCESSFUL"
        assert releases(task) == releases(task, *TEST) == BLUE
    assert set(asking.answers) == {"200"}, asking.answers
