"""A Lambda function behind a load balancer, beside targets in the network."""

import os
import signal

import pytest

from tests.integration.sample import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
HELLO = {"statusCode": 200, "headers": {"X-Own": "1"}, "body": "hello", "isBase64Encoded": False}


def test_a_rule_leads_to_a_function(account, ecsd, functions, command):
    account.network()
    account.load_balancer()
    elbv2 = account.elbv2
    made = elbv2.create_target_group(
        Name="f", TargetType="lambda", HealthCheckEnabled=True, HealthCheckIntervalSeconds=35
    )
    group = made["TargetGroups"][0]["TargetGroupArn"]
    function = f"arn:aws:lambda:us-east-1:{account.number}:function:f"
    elbv2.create_rule(
        ListenerArn=account.listener,
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/f*"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    functions.reply = HELLO
    assert eventually(lambda: account.get("/f")[0] == 503)
    elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": function}])
    eventually(lambda: account.get("/f")[0] == 200)

    functions.asked.clear()
    status, headers, body = account.get("/f/x?a=%20b", headers={"X-ECSD-Function": "other"})
    assert (status, headers["x-own"], body) == (200, "1", "hello")
    [(path, event)] = [one for one in functions.asked if "x-forwarded-for" in one[1]["headers"]]
    assert path == "/2015-03-31/functions/f/invocations"
    assert event["requestContext"]["elb"]["targetGroupArn"] == group
    assert (event["httpMethod"], event["path"]) == ("GET", "/f/x")
    assert event["queryStringParameters"] == {"a": "%20b"}
    assert event["headers"]["x-amzn-trace-id"].startswith("Root=1-")
    assert "x-ecsd-function" not in event["headers"]

    assert account.get("/f", headers={"Upgrade": "websocket"})[0] == 400
    functions.reply = {"no": "status"}
    status, headers, _ = account.get("/f")
    assert (status, headers["server"]) == (502, "awselb/2.0")
    assert account.get("/other")[0] == 503  # the group in the network has no targets

    def health():
        found = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return found[0]["TargetHealth"]["State"] == "healthy"

    eventually(health)
    functions.reply = HELLO
    os.kill(ecsd.pids()["agent"], signal.SIGKILL)
    assert eventually(lambda: account.get("/f")[0] == 200)  # by the next agent
    code, words = command("ecsd", "why", f"http://{account.dns_name}/f")
    assert (code, function in words, "no security group applies" in words) == (0, True, True)
    code, words = command("ecsd", "lb", "web")
    assert (code, f"{function} healthy" in words) == (0, True)
