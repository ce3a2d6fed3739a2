"""What a person in front of load balancers asks: lb, open, why of a URL and of a zone's name."""

import json
import signal
import subprocess
import sys

import pytest

from tests.integration.sample import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.fixture
def web(account):
    """The sample service behind a load balancer, in its steady state."""
    account.network()
    account.load_balancer()
    account.service(account.register())
    account.steady()
    return account


def listener_of(web):
    found = web.elbv2.describe_listeners(LoadBalancerArn=web.balancer)["Listeners"]
    return found[0]["ListenerArn"]


def rule(web, priority, pattern, action):
    web.elbv2.create_rule(
        ListenerArn=listener_of(web),
        Priority=priority,
        Conditions=[{"Field": "path-pattern", "Values": [pattern]}],
        Actions=[action],
    )


def test_lb_and_open_show_the_way_in(ecsd, web):
    empty = web.elbv2.create_target_group(
        Name="empty", Protocol="HTTP", Port=80, VpcId=web.vpc, TargetType="ip"
    )["TargetGroups"][0]["TargetGroupArn"]
    rule(web, 5, "/empty/*", {"Type": "forward", "TargetGroupArn": empty})
    gone = {"StatusCode": "410"}
    rule(web, 7, "/old", {"Type": "fixed-response", "FixedResponseConfig": gone})
    found = [
        one
        for one in json.loads(ecsd.run("lb", "web", "--json").stdout)
        if one["Account"] == web.number
    ]
    (shown,) = found
    assert shown["Listeners"][0]["Urls"] == [f"http://{web.dns_name}"]
    assert [one["Priority"] for one in shown["Listeners"][0]["Rules"]] == ["5", "7", "default"]
    groups = {one["TargetGroupName"]: one["Targets"] for one in shown["TargetGroups"]}
    assert groups["empty"] == []
    assert {one["TargetHealth"]["State"] for one in groups["web"]} == {"healthy"}
    text = ecsd.run("lb").stdout
    assert f"  http://{web.dns_name}\n" in text
    assert "    5: path-pattern /empty/* → forward to empty\n" in text
    assert "    7: path-pattern /old → answer 410\n" in text
    assert "    default → forward to web\n" in text
    assert ":80 healthy\n" in text
    assert ecsd.run("lb", "nobody", check=False).returncode == 1
    assert ecsd.run("open", "web", "--print").stdout.startswith("http://web-")
    assert ecsd.run("open", "nobody", "--print", check=False).returncode == 1


def test_lb_watches_until_it_is_interrupted(ecsd, web):
    watching = subprocess.Popen(
        [sys.executable, "-m", "ecsd", "lb", "web", "--watch", "--json"],
        env=ecsd.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        looks = [json.loads(watching.stdout.readline()) for _ in range(2)]
    finally:
        watching.send_signal(signal.SIGINT)
        ended = watching.wait(timeout=20)
        watching.stdout.close()
    assert ended == 130
    assert [one[0]["LoadBalancerName"] for one in looks] == ["web", "web"]


def test_why_of_a_url_follows_a_request_and_says_where_it_stops(ecsd, web):
    url = f"http://{web.dns_name}"

    def why(path="", port=""):
        return ecsd.run("why", f"{url}{port}{path}", check=False).stdout

    good = why("/")
    assert "load balancer web is active" in good
    assert "the default rule matches: forward to web" in good
    assert "2 of 2 targets are healthy" in good
    assert "it stops here" not in good
    assert "it stops here: no listener has port 81; listeners: HTTP 80" in why(port=":81")

    empty = web.elbv2.create_target_group(
        Name="empty", Protocol="HTTP", Port=80, VpcId=web.vpc, TargetType="ip"
    )["TargetGroups"][0]["TargetGroupArn"]
    rule(web, 5, "/empty/*", {"Type": "forward", "TargetGroupArn": empty})
    gone = {"StatusCode": "410"}
    rule(web, 7, "/old", {"Type": "fixed-response", "FixedResponseConfig": gone})
    assert "rule 5 (path-pattern /empty/*) matches: forward to empty" in why("/empty/x")
    assert "it stops here: target group empty has no targets" in why("/empty/x")
    assert "rule 7 (path-pattern /old) matches, 1 before it do not match: answer 410" in why("/old")
    assert "the default rule matches, 2 before it do not match" in why("/other")
    assert web.get("/old")[0] == 410

    (admits,) = (
        one["IpPermissions"]
        for one in web.ec2.describe_security_groups(GroupIds=[web.task_group])["SecurityGroups"]
    )
    web.ec2.revoke_security_group_ingress(GroupId=web.task_group, IpPermissions=admits)
    refused = f"it stops here: no ingress rule of {web.task_group}, which "
    assert refused in why("/")
    web.ec2.authorize_security_group_ingress(GroupId=web.task_group, IpPermissions=admits)
    assert "it stops here" not in why("/")

    (admits,) = (
        one["IpPermissions"]
        for one in web.ec2.describe_security_groups(GroupIds=[web.alb_group])["SecurityGroups"]
    )
    web.ec2.revoke_security_group_ingress(GroupId=web.alb_group, IpPermissions=admits)
    assert f"it stops here: {web.alb_group} admits nobody from outside to port 80" in why("/")


def test_why_knows_names_of_hosted_zones(ecsd, web):
    route53 = web.client("route53")
    vpc = {"VPCRegion": "us-east-1", "VPCId": web.vpc}
    made = route53.create_hosted_zone(Name="corp.internal", CallerReference="x", VPC=vpc)
    zone = made["HostedZone"]["Id"]
    (balancer,) = web.elbv2.describe_load_balancers()["LoadBalancers"]
    leads = {
        "HostedZoneId": balancer["CanonicalHostedZoneId"],
        "DNSName": balancer["DNSName"],
        "EvaluateTargetHealth": False,
    }
    record_sets = [
        {"Name": "web.corp.internal", "Type": "A", "AliasTarget": leads},
        {
            "Name": "*.corp.internal",
            "Type": "CNAME",
            "TTL": 9,
            "ResourceRecords": [{"Value": "web.corp.internal"}],
        },
    ]
    try:
        for action in ("CREATE", "DELETE"):
            changes = [{"Action": action, "ResourceRecordSet": one} for one in record_sets]
            if action == "DELETE":
                url = ecsd.run("why", "http://shop.corp.internal/").stdout
                assert f"shop.corp.internal leads to {balancer['DNSName']}" in url
                assert "2 of 2 targets are healthy" in url
                name = ecsd.run("why", "web.corp.internal").stdout
                assert f"is answered in VPC {web.vpc}" in name
                assert "enableDnsHostnames of VPC" in name
                assert "record web.corp.internal. A is an alias of web-" in name
                assert "load balancer web is active" in name
                missing = ecsd.run("why", "corp.internal").stdout
                assert "corp.internal. SOA" in missing
            route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
        why = ecsd.run("why", "web.corp.internal").stdout
        assert "no record has the name web.corp.internal.; the zone's names: corp.internal." in why
        web.ec2.modify_vpc_attribute(VpcId=web.vpc, EnableDnsHostnames={"Value": True})
        eventually(lambda: "is off" not in ecsd.run("why", "web.corp.internal").stdout)
    finally:
        route53.delete_hosted_zone(Id=zone)
