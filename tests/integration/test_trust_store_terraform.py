"""Terraform makes, plans clean, changes and destroys trust stores and listeners that use them."""

import shutil
from datetime import UTC, datetime

import pytest

from tests.certificates.pems import DAY, pair, revocations
from tests.integration.sample import eventually
from tests.integration.test_terraform import SHARED, Terraform, plugins

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
NOW = datetime.now(UTC)
MAIN = """
variable "aws_region" { default = "us-east-1" }
variable "bucket" {}
variable "bundle" { default = "one.pem" }
variable "lenient" { default = false }
resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
}
resource "aws_subnet" "main" {
  count             = 2
  vpc_id            = aws_vpc.main.id
  cidr_block        = "10.0.${count.index}.0/24"
  availability_zone = "us-east-1${count.index == 0 ? "a" : "b"}"
}
resource "aws_s3_bucket" "main" {
  bucket = var.bucket
}
resource "aws_s3_object" "main" {
  for_each = toset(["one.pem", "two.pem", "crl.pem"])
  bucket   = aws_s3_bucket.main.id
  key      = each.key
  content  = file("${path.module}/${each.key}")
}
resource "aws_lb_trust_store" "main" {
  name                             = "clients"
  ca_certificates_bundle_s3_bucket = aws_s3_bucket.main.id
  ca_certificates_bundle_s3_key    = aws_s3_object.main[var.bundle].key
  tags                             = { Name = "clients" }
}
resource "aws_lb_trust_store_revocation" "main" {
  trust_store_arn       = aws_lb_trust_store.main.arn
  revocations_s3_bucket = aws_s3_bucket.main.id
  revocations_s3_key    = aws_s3_object.main["crl.pem"].key
}
data "aws_lb_trust_store" "main" {
  name       = "clients"
  depends_on = [aws_lb_trust_store.main]
}
resource "aws_acm_certificate" "main" {
  domain_name       = "app.example.test"
  validation_method = "DNS"
}
resource "aws_lb" "main" {
  for_each           = toset(["application", "network"])
  name               = each.key
  load_balancer_type = each.key
  internal           = true
  subnets            = aws_subnet.main[*].id
}
resource "aws_lb_target_group" "main" {
  name        = "flows"
  protocol    = "TCP"
  port        = 80
  target_type = "ip"
  vpc_id      = aws_vpc.main.id
}
resource "aws_lb_listener" "requests" {
  load_balancer_arn = aws_lb.main["application"].arn
  protocol          = "HTTPS"
  port              = 443
  certificate_arn   = aws_acm_certificate.main.arn
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
  load_balancer_arn = aws_lb.main["network"].arn
  protocol          = "TLS"
  port              = 443
  certificate_arn   = aws_acm_certificate.main.arn
  mutual_authentication {
    mode            = "verify"
    trust_store_arn = aws_lb_trust_store.main.arn
  }
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.main.arn
  }
}
"""


def authority(name):
    return pair(name, since=NOW - DAY, until=NOW + DAY, authority=True)


@pytest.mark.skipif(not SHARED.exists(), reason="the Terraform configurations are not here")
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_terraform_cycles_trust_stores(ecsd, account, tmp_path):
    for name in ("providers", "versions"):
        shutil.copy(SHARED.parent / "core" / f"{name}.tf", tmp_path)
    (tmp_path / "main.tf").write_text(MAIN)
    mine, other = authority("one.test"), authority("two.test")
    client = pair("client.test", issuer=mine)
    (tmp_path / "one.pem").write_bytes(mine.body)
    (tmp_path / "two.pem").write_bytes(mine.body + other.body)
    (tmp_path / "crl.pem").write_bytes(revocations(mine, client, until=NOW + DAY))
    terraform = Terraform(tmp_path, ecsd, account.number)
    terraform.run("init", "-input=false", *plugins())
    elbv2 = account.elbv2
    own = f"-var=bucket=trust-{account.number}"
    changed = (own, "-var=bundle=two.pem", "-var=lenient=true")

    def applied(*variables):
        terraform.run("apply", "-auto-approve", *variables)
        planned = terraform.run("plan", "-detailed-exitcode", *variables, check=False)
        assert planned.returncode == 0, planned.stdout
        (store,) = elbv2.describe_trust_stores()["TrustStores"]
        return store["NumberOfCaCertificates"], store["TotalRevokedEntries"]

    try:
        assert applied(own) == (1, 1)
        assert applied(*changed) == (2, 1)
    finally:
        terraform.run("destroy", "-auto-approve", own)
    eventually(lambda: elbv2.describe_trust_stores()["TrustStores"] == [], seconds=5)
