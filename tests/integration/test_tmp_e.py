import shutil

import pytest

from tests.integration.test_terraform import SHARED, Terraform, plugins

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]
MAIN = """
variable "aws_region" { default = "us-east-1" }
resource "aws_route53_health_check" "front" {
  fqdn              = "web-1.elb.localhost"
  type              = "HTTPS_STR_MATCH"
  search_string     = "fine"
  resource_path     = "/up"
  request_interval  = 10
  failure_threshold = 3
  measure_latency   = true
  tags              = { team = "a" }
}
resource "aws_route53_health_check" "all" {
  type                   = "CALCULATED"
  child_health_threshold = 1
  child_healthchecks     = [aws_route53_health_check.front.id]
}
"""


def test_it(ecsd, account, tmp_path):
    for name in ("providers", "versions"):
        shutil.copy(SHARED.parent / "core" / f"{name}.tf", tmp_path)
    (tmp_path / "main.tf").write_text(MAIN)
    terraform = Terraform(tmp_path, ecsd, account.number)
    terraform.run("init", "-input=false", *plugins())
    try:
        terraform.run("apply", "-auto-approve")
        done = terraform.run("plan", "-detailed-exitcode", check=False)
        print(done.stdout)
    finally:
        terraform.run("destroy", "-auto-approve")
    assert 0
