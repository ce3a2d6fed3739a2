"""Requests through a load balancer: counted, and logged into a bucket."""

import gzip
import json
import os
import re
import shlex
import signal
import time

import pytest
from botocore.exceptions import ClientError

from tests.integration.sample import eventually
from tests.integration.totals import Totals

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
FIXED = {"StatusCode": "403", "MessageBody": "no", "ContentType": "text/plain"}
AGENT = {"User-Agent": 'a"b\\c é'.encode()}
MOVED = {"StatusCode": "HTTP_301", "Path": "/there"}
NAMED = (
    *("type", "time", "elb", "client", "target"),
    *("request_seconds", "target_seconds", "response_seconds", "elb_status", "target_status"),
    *("received", "sent", "request", "user_agent", "cipher", "protocol", "group", "trace"),
    *("domain", "certificate", "priority", "created", "actions", "redirect", "error"),
    *("targets", "statuses", "class", "reason", "connection"),
)


def rule(account, priority, path, **action):
    account.elbv2.create_rule(
        ListenerArn=account.listener,
        Priority=priority,
        Conditions=[{"Field": "path-pattern", "Values": [path]}],
        Actions=[action],
    )


def logging_to(account, bucket):
    for kind in ("access", "connection"):
        account.elbv2.modify_load_balancer_attributes(
            LoadBalancerArn=account.balancer,
            Attributes=[
                {"Key": f"{kind}_logs.s3.{name}", "Value": value}
                for name, value in (("enabled", "true"), ("bucket", bucket), ("prefix", "lb"))
            ],
        )


def allow(s3, bucket, account):
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::127311923021:root"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/lb/AWSLogs/{account.number}/*",
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Statement": [statement]}))


def lines(s3, bucket, connections=False):
    """Return what is in the bucket's logs, line by line in fields."""
    found = []
    for one in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        if one["Key"].endswith(".gz") and ("/conn_log." in one["Key"]) == connections:
            text = gzip.decompress(s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read())
            found += [
                shlex.split(line.replace("\\", "\\\\")) for line in text.decode().splitlines()
            ]
    return found


def serve(account):
    """A service, a rule of each kind, and a group whose target refuses; return its address."""
    account.ec2.authorize_security_group_ingress(
        GroupId=account.task_group, IpProtocol="tcp", FromPort=81, ToPort=81, CidrIp="0.0.0.0/0"
    )
    account.service(account.register(), desired=1)
    rule(account, 1, "/fixed", Type="fixed-response", FixedResponseConfig=FIXED)
    rule(account, 2, "/moved", Type="redirect", RedirectConfig=MOVED)
    nobody = account.target_group("nobody")
    rule(account, 3, "/dead", Type="forward", TargetGroupArn=nobody)
    account.steady()
    address = account.address(account.tasks()[0])
    account.elbv2.register_targets(TargetGroupArn=nobody, Targets=[{"Id": address, "Port": 81}])
    eventually(lambda: account.get("/dead")[0] == 502)
    eventually(lambda: account.get("/")[0] == 200)
    return address


def ask(account):
    for _ in range(5):
        assert account.get("/?y=%20z", headers=AGENT)[0] == 200
    assert account.get("/fixed")[0] == 403
    assert account.get("/moved")[0] == 301
    assert account.get("/dead")[0] == 502


def ask_through_reloads(account):
    for number in range(4, 7):
        rule(account, number, f"/{number}", Type="fixed-response", FixedResponseConfig=FIXED)
        for _ in range(20):
            assert account.get("/?again")[0] == 200


def agree(totals, logged):
    """Tell whether each request to a target was counted and logged, through reloads too."""
    sent = [one for one in logged if one[NAMED.index("target")] != "-"]
    again = sum("/?again" in one[NAMED.index("request")] for one in sent)
    return again == 60 and totals.of("RequestCount") == len(sent)


def check_kill(ecsd, account, totals):
    """What was counted is not counted again; what nobody saw may be missing."""
    asked, more = totals.of("RequestCount"), 0
    os.kill(ecsd.pids()["agent"], signal.SIGKILL)
    while totals.of("RequestCount") <= asked:
        more += account.get()[0] == 200
        time.sleep(0.2)
    assert totals.of("RequestCount") <= asked + more


def check_lines(account, found, address):
    def about(path):
        return [one for one in found if f":80{path} " in one["request"]][-1]

    plain, fixed, moved, dead = (about(one) for one in ("/?y=%20z", "/fixed", "/moved", "/dead"))
    assert (plain["type"], plain["elb_status"], plain["target_status"]) == ("http", "200", "200")
    assert plain["elb"] == account.balancer.partition("loadbalancer/")[2]
    assert plain["request"] == f"GET http://{account.dns_name}:80/?y=%20z HTTP/1.1"
    assert plain["user_agent"] == r"a\x22b\x5Cc \xC3\xA9"
    assert (plain["target"], plain["group"]) == (f"{address}:80", account.group)
    assert (plain["priority"], plain["actions"]) == ("0", "forward")
    assert plain["trace"].startswith("Root=1-")
    assert re.fullmatch("TID_[0-9a-f]{32}", plain["connection"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", plain["time"])
    assert [fixed[one] for one in ("elb_status", "priority", "actions")] == [
        *("403", "1", "fixed-response")
    ]
    assert (fixed["target"], fixed["target_status"], fixed["target_seconds"]) == ("-", "-", "-1")
    assert (moved["elb_status"], moved["actions"]) == ("301", "redirect")
    assert moved["redirect"] == f"http://{account.dns_name}:80/there"
    assert (dead["elb_status"], dead["target_status"]) == ("502", "-")
    assert dead["target"] == f"{address}:81"
    return plain["connection"]


def test_requests_are_counted_and_logged(ecsd, account, command):
    account.network()
    account.load_balancer()
    bucket, s3 = f"logs-{account.number}", account.client("s3")
    with pytest.raises(ClientError, match=f"Access Denied for bucket: {bucket}. Please check S3"):
        logging_to(account, bucket)
    s3.create_bucket(Bucket=bucket)
    with pytest.raises(ClientError, match="InvalidConfigurationRequest"):
        logging_to(account, bucket)
    allow(s3, bucket, account)
    logging_to(account, bucket)
    address = serve(account)
    totals = Totals(ecsd, account.balancer, "LoadBalancer")
    ask(account)

    def logged():
        found = [dict(zip(NAMED, one, strict=True)) for one in lines(s3, bucket)]
        found.sort(key=lambda one: one["time"])
        asked = [one for one in found if one["user_agent"].startswith("a")]
        dead = [one["elb_status"] for one in found if "/dead" in one["request"]]
        return len(asked) == 5 and dead[-1:] == ["502"] and found

    connection = check_lines(account, eventually(logged, 20), address)
    eventually(lambda: connection in {one[-1] for one in lines(s3, bucket, connections=True)})
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert f"lb/AWSLogs/{account.number}/ELBAccessLogTestFile" in keys
    assert f"lb/AWSLogs/{account.number}/ELBConnectionLogTestFile" in keys
    named = f"lb/AWSLogs/{account.number}/elasticloadbalancing/us-east-1/"
    assert any(one.startswith(named) and "_app.web." in one for one in keys)

    eventually(lambda: totals.of("HTTPCode_ELB_502_Count") >= 1)
    ask_through_reloads(account)
    eventually(lambda: agree(totals, lines(s3, bucket)), 15)
    assert totals.of("HTTPCode_ELB_3XX_Count") == 1
    assert totals.of("HTTPCode_ELB_4XX_Count") == 1
    assert totals.of("TargetResponseTime") > 0
    check_kill(ecsd, account, totals)
    code, words = command("ecsd", "status")
    assert (code, "requests/min" in words) == (0, True), words
