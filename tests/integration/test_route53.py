"""Hosted zones, asked for inside containers and by the aws command, and cycled by Terraform."""

import json
import os
import shutil
import signal
from collections import Counter

import pytest

from ecsd.decisions.dns.message import MX, SOA, TXT
from tests.integration.sample import eventually
from tests.integration.test_names import inside, path_of, raw, values
from tests.integration.test_terraform import SHARED, Terraform, plugins

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]
ZONE = "corp.internal"


class Zones:
    """A VPC with a private zone, and verbs for its records."""

    def __init__(self, account):
        self.account = account
        self.route53 = account.client("route53")
        account.network()
        everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
        account.ec2.authorize_security_group_ingress(
            GroupId=account.task_group, IpPermissions=[everything]
        )
        account.ecs.create_cluster(clusterName="prod")
        self.hostnames(account.vpc)
        self.zone = self.create(ZONE, account.vpc)

    def hostnames(self, vpc):
        self.account.ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})

    def create(self, name, vpc=None):
        more = {"VPC": {"VPCRegion": "us-east-1", "VPCId": vpc}} if vpc else {}
        made = self.route53.create_hosted_zone(Name=name, CallerReference=name, **more)
        return made["HostedZone"]["Id"]

    def change(self, *record_sets, action="UPSERT", zone=None):
        """Change records; return once they are in sync, which the first look has to find soon."""
        changes = [{"Action": action, "ResourceRecordSet": one} for one in record_sets]
        made = self.route53.change_resource_record_sets(
            HostedZoneId=zone or self.zone, ChangeBatch={"Changes": changes}
        )
        self.route53.get_waiter("resource_record_sets_changed").wait(
            Id=made["ChangeInfo"]["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 10}
        )

    def records(self, zone=None):
        answer = self.route53.list_resource_record_sets(HostedZoneId=zone or self.zone)
        return [one for one in answer["ResourceRecordSets"] if one["Type"] not in {"NS", "SOA"}]

    def clean(self):
        self.account._empty("prod")
        for one in self.route53.list_hosted_zones()["HostedZones"]:
            records = self.records(one["Id"])
            if records:
                self.change(*records, action="DELETE", zone=one["Id"])
            self.route53.delete_hosted_zone(Id=one["Id"])

    def task(self):
        """Return a running task of a service without load balancer."""
        self.account.service(self.account.register(family="client"), 1, balanced=False)
        return eventually(
            lambda: next(
                (one for one in self.account.tasks() if one["lastStatus"] == "RUNNING"), None
            )
        )


@pytest.fixture
def zones(account):
    """An account's VPC with a private zone."""
    one = Zones(account)
    yield one
    one.clean()


def simple(name, kind, *contents, **more):
    records = [{"Value": one} for one in contents]
    return {"Name": f"{name}.{ZONE}", "Type": kind, "TTL": 5, "ResourceRecords": records} | more


def test_a_tasks_requests_reach_a_service_by_the_name_that_its_zone_gives_it(zones, account, ecsd):
    account.load_balancer()
    account.service(account.register())
    account.steady()
    (balancer,) = account.elbv2.describe_load_balancers()["LoadBalancers"]
    leads = {
        "HostedZoneId": balancer["CanonicalHostedZoneId"],
        "DNSName": balancer["DNSName"],
        "EvaluateTargetHealth": True,
    }
    alias = {"Name": f"web.{ZONE}", "Type": "A", "AliasTarget": leads}
    apex = alias | {"Name": ZONE}
    zones.change(alias, apex, simple("www", "CNAME", f"web.{ZONE}."))
    client = account.tasks()[0]
    path = path_of(client)
    addresses = sorted(values(raw(path, balancer["DNSName"])))
    assert len(addresses) == 2
    assert values(raw(path, f"web.{ZONE}")) == values(raw(path, ZONE)) == addresses
    for name in (f"web.{ZONE}", f"www.{ZONE}", ZONE):
        assert "release" in inside(client, "wget", "-qO-", f"http://{name}/"), name
    dug = json.loads(ecsd.run("dig", f"www.{ZONE}", "--json", "--vpc", account.vpc).stdout)
    assert [one["type"] for one in dug["records"]] == ["CNAME", "A", "A"]


def test_every_kind_of_record_is_answered(zones):
    zones.change(
        simple("a", "A", "10.9.0.1", "10.9.0.2"),
        simple("*.wild", "A", "10.9.0.3"),
        simple("text", "TXT", '"hello world" "again"'),
        simple("mail", "MX", f"10 a.{ZONE}."),
        simple("far", "CNAME", f"near.{ZONE}."),
        simple("near", "CNAME", f"a.{ZONE}."),
        *(
            simple("many", "A", f"10.9.1.{n}", SetIdentifier=f"{n}", MultiValueAnswer=True)
            for n in range(10)
        ),
        *(simple("odds", "A", f"10.9.2.{n}", SetIdentifier=f"{n}", Weight=n) for n in (0, 1, 3)),
    )
    path = path_of(zones.task())
    assert values(raw(path, f"a.{ZONE}")) == ["10.9.0.1", "10.9.0.2"]
    assert values(raw(path, f"any.thing.wild.{ZONE}")) == ["10.9.0.3"]
    assert values(raw(path, f"text.{ZONE}", TXT)) == ['"hello world" "again"']
    assert values(raw(path, f"mail.{ZONE}", MX)) == [f"10 a.{ZONE}"]
    assert len(values(raw(path, f"far.{ZONE}"))) == 4
    assert len(values(raw(path, f"many.{ZONE}"))) == 8
    drawn = Counter(values(raw(path, f"odds.{ZONE}"))[0] for _ in range(200))
    assert set(drawn) == {"10.9.2.1", "10.9.2.3"}
    assert drawn["10.9.2.3"] > drawn["10.9.2.1"]
    nobody = raw(path, f"nobody.{ZONE}")
    assert (nobody.code, nobody.answers) == (3, ())
    assert "ns-1536.awsdns-00.co.uk" in values(raw(path, ZONE, SOA))[0]
    zones.change(simple("a", "A", "10.9.0.9"))
    assert values(raw(path, f"a.{ZONE}")) == ["10.9.0.9"]


def test_a_zone_is_answered_in_its_vpcs_and_a_public_one_in_all(zones, account, ecsd):
    other = account.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    zones.hostnames(other)
    public = zones.create("example.com")
    zones.change(simple("a", "A", "10.9.0.1"))
    outside = simple("a", "A", "10.9.0.2") | {"Name": "a.example.com"}
    zones.change(outside, zone=public)

    def dug(name, vpc):
        done = ecsd.run("dig", name, "--vpc", vpc, "--json", check=False)
        return [one["value"] for one in json.loads(done.stdout or '{"records": []}')["records"]]

    assert dug(f"a.{ZONE}", account.vpc) == ["10.9.0.1"]
    assert dug(f"a.{ZONE}", other) == []
    assert dug("a.example.com", account.vpc) == dug("a.example.com", other) == ["10.9.0.2"]
    both = {"VPCRegion": "us-east-1", "VPCId": other}
    zones.route53.associate_vpc_with_hosted_zone(HostedZoneId=zones.zone, VPC=both)
    eventually(lambda: dug(f"a.{ZONE}", other) == ["10.9.0.1"])
    zones.route53.disassociate_vpc_from_hosted_zone(HostedZoneId=zones.zone, VPC=both)
    eventually(lambda: dug(f"a.{ZONE}", other) == [])


def test_records_are_answered_while_the_server_is_away_and_are_there_when_it_is_back(zones, ecsd):
    path = path_of(zones.task())
    zones.change(simple("a", "A", "10.9.0.1"))
    made = zones.route53.change_resource_record_sets(
        HostedZoneId=zones.zone,
        ChangeBatch={
            "Changes": [
                {"Action": "CREATE", "ResourceRecordSet": simple(f"n{n}", "A", "10.9.0.2")}
                for n in range(50)
            ]
        },
    )
    before = ecsd.pids()["server"]
    os.kill(before, signal.SIGKILL)
    assert values(raw(path, f"a.{ZONE}")) == ["10.9.0.1"]
    eventually(lambda: ecsd.pids().get("server") not in {None, before})
    assert len(eventually(zones.records)) == 51
    own = made["ChangeInfo"]["Id"]
    eventually(lambda: zones.route53.get_change(Id=own)["ChangeInfo"]["Status"] == "INSYNC")
    eventually(lambda: values(raw(path, f"n49.{ZONE}")) == ["10.9.0.2"])


def test_the_aws_command_lists_and_changes_records(zones, command):
    changes = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": simple("a", "A", "10.0.0.1")}]}
    own = ("--hosted-zone-id", zones.zone)
    words = ("route53", "change-resource-record-sets", *own, "--change-batch", json.dumps(changes))
    status, said = command("aws", *words)
    assert status == 0, said
    status, said = command("aws", *words)
    assert "InvalidChangeBatch" in said
    assert f"[name='a.{ZONE}.', type='A'] but it already exists]" in said
    status, said = command("aws", "route53", "list-resource-record-sets", *own)
    assert [one["Type"] for one in json.loads(said)["ResourceRecordSets"]] == ["NS", "SOA", "A"]
    status, said = command("aws", "route53", "list-hosted-zones-by-name")
    assert [one["Name"] for one in json.loads(said)["HostedZones"]] == [f"{ZONE}."]


MAIN = """
variable "aws_region" { default = "us-east-1" }
variable "ttl" { default = 300 }
variable "weight" { default = 10 }
variable "vpcs" { default = 1 }
resource "aws_vpc" "main" {
  count                = 2
  cidr_block           = "10.${count.index}.0.0/16"
  enable_dns_hostnames = true
}
resource "aws_subnet" "main" {
  count             = 2
  vpc_id            = aws_vpc.main[0].id
  cidr_block        = "10.0.${count.index}.0/24"
  availability_zone = "us-east-1${["a", "b"][count.index]}"
}
resource "aws_lb" "web" {
  name     = "web"
  internal = true
  subnets  = aws_subnet.main[*].id
}
resource "aws_route53_zone" "public" {
  name          = "example.com"
  comment       = "ours"
  tags          = { team = "a" }
  force_destroy = true
}
resource "aws_route53_zone" "private" {
  name          = "corp.internal"
  force_destroy = true
  dynamic "vpc" {
    for_each = slice(aws_vpc.main[*].id, 0, var.vpcs)
    content { vpc_id = vpc.value }
  }
}
resource "aws_route53_record" "a" {
  zone_id = aws_route53_zone.private.zone_id
  name    = "a"
  type    = "A"
  ttl     = var.ttl
  records = ["10.0.0.1", "10.0.0.2"]
}
resource "aws_route53_record" "wild" {
  zone_id = aws_route53_zone.public.zone_id
  name    = "*.apps.example.com"
  type    = "CNAME"
  ttl     = var.ttl
  records = ["www.example.com"]
}
resource "aws_route53_record" "text" {
  zone_id = aws_route53_zone.public.zone_id
  name    = ""
  type    = "TXT"
  ttl     = 60
  records = ["v=spf1 -all", "other"]
}
resource "aws_route53_record" "front" {
  zone_id = aws_route53_zone.private.zone_id
  name    = aws_route53_zone.private.name
  type    = "A"
  alias {
    name                   = aws_lb.web.dns_name
    zone_id                = aws_lb.web.zone_id
    evaluate_target_health = true
  }
}
resource "aws_route53_record" "weighted" {
  for_each       = { blue = 90, green = var.weight }
  zone_id        = aws_route53_zone.public.zone_id
  name           = "www"
  type           = "A"
  ttl            = 60
  records        = ["10.0.1.1"]
  set_identifier = each.key
  weighted_routing_policy {
    weight = each.value
  }
}
resource "aws_route53_health_check" "front" {
  fqdn              = aws_lb.web.dns_name
  type              = "HTTPS_STR_MATCH"
  port              = 443 # Route 53 adds it by itself, and Terraform would take it away again
  search_string     = "fine"
  resource_path     = "/up"
  request_interval  = 10
  failure_threshold = var.ttl == 300 ? 3 : 5
  measure_latency   = true
  tags              = { team = "a" }
}
resource "aws_route53_health_check" "all" {
  type                   = "CALCULATED"
  child_health_threshold = 1
  child_healthchecks     = [aws_route53_health_check.front.id]
}
resource "aws_route53_record" "failover" {
  for_each        = { PRIMARY = aws_route53_health_check.all.id, SECONDARY = null }
  zone_id         = aws_route53_zone.public.zone_id
  name            = "both"
  type            = "A"
  ttl             = 60
  records         = ["10.0.2.1"]
  set_identifier  = each.key
  health_check_id = each.value
  failover_routing_policy { type = each.key }
}
data "aws_route53_zone" "found" {
  name         = "corp.internal"
  private_zone = true
  depends_on   = [aws_route53_zone.private]
}
output "servers" { value = aws_route53_zone.public.name_servers }
"""


@pytest.mark.skipif(not SHARED.exists(), reason="the Terraform configurations are not here")
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_terraform_cycles_zones_and_records(ecsd, account, tmp_path):
    for name in ("providers", "versions"):
        shutil.copy(SHARED.parent / "core" / f"{name}.tf", tmp_path)
    (tmp_path / "main.tf").write_text(MAIN)
    terraform = Terraform(tmp_path, ecsd, account.number)
    terraform.run("init", "-input=false", *plugins())
    route53 = account.client("route53")

    def records():
        found = {}
        for zone in route53.list_hosted_zones()["HostedZones"]:
            answer = route53.list_resource_record_sets(HostedZoneId=zone["Id"])
            for one in answer["ResourceRecordSets"]:
                own = one["Name"], one["Type"], one.get("SetIdentifier")
                found[own] = one
        return found

    try:
        terraform.run("apply", "-auto-approve")
        assert terraform.run("plan", "-detailed-exitcode", check=False).returncode == 0
        assert records()["www.example.com.", "A", "green"]["Weight"] == 10
        assert len(json.loads(terraform.run("output", "-json", "servers").stdout)) == 4
        update = ("-var=ttl=77", "-var=weight=50", "-var=vpcs=2")
        terraform.run("apply", "-auto-approve", *update)
        assert terraform.run("plan", "-detailed-exitcode", *update, check=False).returncode == 0
        found = records()
        assert found["www.example.com.", "A", "green"]["Weight"] == 50
        assert found["a.corp.internal.", "A", None]["TTL"] == 77
        checks = route53.list_health_checks()["HealthChecks"]
        configs = {one["Id"]: one["HealthCheckConfig"] for one in checks}
        thresholds = {one.get("FailureThreshold") for one in configs.values()}
        assert thresholds == {None, 5}
        total = found["both.example.com.", "A", "PRIMARY"]["HealthCheckId"]
        assert configs[total]["Type"] == "CALCULATED"
        assert found["\\052.apps.example.com.", "CNAME", None]["TTL"] == 77
        for zone in route53.list_hosted_zones()["HostedZones"]:  # what Terraform knows nothing of
            extra = {"Name": f"extra.{zone['Name']}", "Type": "A", "TTL": 1}
            extra["ResourceRecords"] = [{"Value": "10.0.0.9"}]
            changes = [{"Action": "CREATE", "ResourceRecordSet": extra}]
            route53.change_resource_record_sets(
                HostedZoneId=zone["Id"], ChangeBatch={"Changes": changes}
            )
    finally:
        terraform.run("destroy", "-auto-approve")
    assert route53.list_hosted_zones()["HostedZones"] == []
    assert route53.list_health_checks()["HealthChecks"] == []
