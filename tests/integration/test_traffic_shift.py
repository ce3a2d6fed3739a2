"""Deployments that shift traffic, on a real load balancer and under load."""

import pytest

from tests.integration.sample import eventually
from tests.integration.shift_world import TEST_PORT, Shifting

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:check"
CHI_SQUARE = 15.1  # one degree of freedom, p = 0.0001


@pytest.fixture
def shifting(account):
    return Shifting(account)


def pause(stage):
    return {"targetType": "PAUSE", "lifecycleStages": [stage]}


def test_blue_green_tests_first_and_then_moves_all_traffic_at_once(shifting):
    shifting.serve("BLUE_GREEN", pause("POST_TEST_TRAFFIC_SHIFT"))
    account = shifting.account
    with account.load(connections=4, rate=150) as load:
        shifting.deploy("2")
        hook = shifting.paused("POST_TEST_TRAFFIC_SHIFT")
        eventually(lambda: shifting.releases(TEST_PORT) == {"2"})
        assert shifting.releases() == {"1"}
        attempt = shifting.attempt()
        assert attempt["targetServiceRevision"]["requestedTestTrafficWeight"] == 100.0
        assert attempt["targetServiceRevision"]["requestedProductionTrafficWeight"] == 0.0
        assert account.described()["runningCount"] == 4
        shifting.go_on(hook)
        assert shifting.ended()["status"] == "SUCCESSFUL"
        eventually(lambda: shifting.releases() == {"2"})
    assert load.failures == []
    assert load.done > 200
    account.steady()
    (revision,) = account.described()["currentServiceRevisions"]
    shown = account.ecs.describe_service_revisions(serviceRevisionArns=[revision["arn"]])
    (resolved,) = shown["serviceRevisions"][0]["resolvedConfiguration"]["loadBalancers"]
    assert resolved["targetGroupArn"] == shifting.green


def test_a_canary_gets_its_share_and_can_be_taken_back(shifting):
    shifting.serve(
        "CANARY",
        pause("POST_PRODUCTION_TRAFFIC_SHIFT"),
        canaryConfiguration={"canaryPercent": 20.0, "canaryBakeTimeInMinutes": 0},
    )
    account = shifting.account
    with account.load(connections=4, rate=300) as load:
        shifting.deploy("2")
        hook = shifting.paused("POST_PRODUCTION_TRAFFIC_SHIFT")
        eventually(lambda: "2" in shifting.releases(times=5))
        load.bodies.clear()
        eventually(lambda: sum(load.bodies.values()) > 1500)
        seen = dict(load.bodies)
        green = sum(times for body, times in seen.items() if "release 2" in body)
        total = sum(seen.values())
        expected = 0.2 * total
        deviation = (green - expected) ** 2
        assert deviation / expected + deviation / (total - expected) < CHI_SQUARE
        shifting.go_on(hook, "ROLLBACK")
        ended = shifting.ended()
    assert ended["status"] == "ROLLBACK_SUCCESSFUL"
    assert load.failures == []
    assert shifting.releases() == {"1"}
    assert {"1"} == shifting.releases(TEST_PORT)


def test_a_function_that_refuses_rolls_a_deployment_back(shifting, functions):
    hook = {
        "hookTargetArn": FUNCTION,
        "roleArn": f"arn:aws:iam::{shifting.account.number}:role/hooks",
        "lifecycleStages": ["POST_SCALE_UP", "POST_TEST_TRAFFIC_SHIFT"],
        "hookDetails": {"from": "test"},
    }
    functions.answers["POST_TEST_TRAFFIC_SHIFT"] = {"hookStatus": "FAILED"}
    shifting.serve("BLUE_GREEN", hook)
    account = shifting.account
    with account.load(connections=4, rate=100) as load:
        shifting.deploy("2")
        ended = shifting.ended()
    assert ended["status"] == "ROLLBACK_SUCCESSFUL"
    assert "POST_TEST_TRAFFIC_SHIFT lifecycle hook(s) failed" in ended["statusReason"]
    assert load.failures == []
    assert shifting.releases() == {"1"}
    stages = [payload["lifecycleStage"] for _, payload in functions.asked]
    assert stages == ["POST_SCALE_UP", "POST_TEST_TRAFFIC_SHIFT"]
    path, payload = functions.asked[0]
    assert path == "/2015-03-31/functions/check/invocations"
    assert payload["hookDetails"] == {"from": "test"}
    assert payload["resourceArn"] == ended["serviceDeploymentArn"]
    assert any("deployment failed" in words for words in account.events())


def test_a_deployment_that_waits_says_for_what_and_is_stopped_on_request(shifting, ecsd):
    shifting.serve("LINEAR", pause("PRE_SCALE_UP"))
    shifting.deploy("2")
    shifting.paused("PRE_SCALE_UP")
    told = ecsd.run("why", shifting.account.described()["serviceArn"]).stdout
    assert "is IN_PROGRESS at PRE_SCALE_UP" in told
    assert "(a pause) is AWAITING_ACTION: it waits for ContinueServiceDeployment" in told
    arn = shifting.attempt()["serviceDeploymentArn"]
    shifting.account.ecs.stop_service_deployment(serviceDeploymentArn=arn)
    assert shifting.ended()["status"] == "ROLLBACK_SUCCESSFUL"
    assert shifting.releases(times=4) == {"1"}
