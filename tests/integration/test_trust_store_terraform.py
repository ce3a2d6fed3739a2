"""Terraform takes over, plans clean, changes and destroys a trust store; listeners that use it too.

What they need beside is made without it: the provider takes its time over balancers and buckets,
and rests 30 seconds once it has made a trust store.
"""

import shutil
from datetime import UTC, datetime

import pytest

from tests.certificates.pems import DAY, pair, revocations
from tests.integration.test_terraform import SHARED, Terraform, plugins

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
NOW = datetime.now(UTC)
MAIN = """
variable "aws_region" { default = "us-east-1" }
variable "bucket" {}
variable "store" {}
variable "bundle" { default = "one.pem" }
variable "lenient" { default = false }
variable "application" {}
variable "network" {}
variable "group" {}
variable "certificate" {}
import {
  to = aws_lb_trust_store.main
  id = var.store
}
resource "aws_lb_trust_store" "main" {
  name                             = "clients"
  ca_certificates_bundle_s3_bucket = var.bucket
  ca_certificates_bundle_s3_key    = var.bundle
  tags                             = { Name = "clients" }
}
resource "aws_lb_trust_store_revocation" "main" {
  trust_store_arn       = aws_lb_trust_store.main.arn
  revocations_s3_bucket = var.bucket
  revocations_s3_key    = "crl.pem"
}
data "aws_lb_trust_store" "main" {
  name       = "clients"
  depends_on = [aws_lb_trust_store.main]
}
resource "aws_lb_listener" "requests" {
  load_balancer_arn = var.application
  protocol          = "HTTPS"
  port              = 443
  certificate_arn   = var.certificate
  mutual_authentication {
    mode                             = "verify"
    trust_store_arn                  = data.aws_lb_trust_store.main.arn
    ignore_client_certificate_expiry = var.lenient
    advertise_trust_store_ca_names   = var.lenient ? "on" : "off"
  }
  default_action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      status_code  = "200"
    }
  }
}
resource "aws_lb_listener" "flows" {
  load_balancer_arn = var.network
  protocol          = "TLS"
  port              = 443
  certificate_arn   = var.certificate
  mutual_authentication {
    mode            = "verify"
    trust_store_arn = aws_lb_trust_store.main.arn
  }
  default_action {
    type             = "forward"
    target_group_arn = var.group
  }
}
"""


def authority(name):
    return pair(name, since=NOW - DAY, until=NOW + DAY, authority=True)


def surroundings(account):
    """Make what Terraform is told of; return its variables."""
    account.network()
    account.load_balancer()
    elbv2, s3 = account.elbv2, account.client("s3")
    flows = elbv2.create_load_balancer(Name="flows", Type="network", Subnets=account.private)
    group = elbv2.create_target_group(
        Name="flows", Protocol="TCP", Port=80, VpcId=account.vpc, TargetType="ip"
    )
    mine, other = authority("one.test"), authority("two.test")
    bucket = f"trust-{account.number}"
    s3.create_bucket(Bucket=bucket)
    for key, text in (
        ("one.pem", mine.body),
        ("two.pem", mine.body + other.body),
        ("crl.pem", revocations(mine, pair("client.test", issuer=mine), until=NOW + DAY)),
    ):
        s3.put_object(Bucket=bucket, Key=key, Body=text)
    where = {"CaCertificatesBundleS3Bucket": bucket, "CaCertificatesBundleS3Key": "one.pem"}
    (store,) = elbv2.create_trust_store(Name="clients", **where)["TrustStores"]
    return {
        "store": store["TrustStoreArn"],
        "bucket": bucket,
        "application": account.balancer,
        "network": flows["LoadBalancers"][0]["LoadBalancerArn"],
        "group": group["TargetGroups"][0]["TargetGroupArn"],
        "certificate": account.client("acm").request_certificate(DomainName="app.example.test")[
            "CertificateArn"
        ],
    }


@pytest.mark.skipif(not SHARED.exists(), reason="the Terraform configurations are not here")
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_terraform_cycles_trust_stores(ecsd, account, tmp_path):
    for name in ("providers", "versions"):
        shutil.copy(SHARED.parent / "core" / f"{name}.tf", tmp_path)
    (tmp_path / "main.tf").write_text(MAIN)
    told = [f"-var={name}={value}" for name, value in surroundings(account).items()]
    terraform = Terraform(tmp_path, ecsd, account.number)
    terraform.run("init", "-input=false", *plugins())

    changed = ("-var=bundle=two.pem", "-var=lenient=true")

    def held():
        (store,) = account.elbv2.describe_trust_stores()["TrustStores"]
        return store["NumberOfCaCertificates"], store["TotalRevokedEntries"]

    try:
        terraform.run("apply", "-auto-approve", *told)
        assert held() == (1, 1)
        terraform.run("apply", "-auto-approve", *told, *changed)
        assert held() == (2, 1)
        planned = terraform.run("plan", "-detailed-exitcode", *told, *changed, check=False)
        assert planned.returncode == 0, planned.stdout
    finally:
        terraform.run("destroy", "-auto-approve", *told)
    assert account.elbv2.describe_trust_stores()["TrustStores"] == []
