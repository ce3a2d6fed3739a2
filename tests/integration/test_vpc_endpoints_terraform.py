"""Terraform makes, plans clean and destroys VPC endpoints."""

import shutil

import pytest

from tests.integration.test_terraform import SHARED, Terraform, plugins

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
MAIN = """
variable "aws_region" { default = "us-east-1" }
data "aws_vpc_endpoint_service" "s3" {
  service      = "s3"
  service_type = "Gateway"
}
data "aws_prefix_list" "s3" {
  name = "com.amazonaws.us-east-1.s3"
}
resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
}
resource "aws_security_group" "main" {
  vpc_id = aws_vpc.main.id
  egress {
    from_port       = 443
    to_port         = 443
    protocol        = "tcp"
    prefix_list_ids = [data.aws_prefix_list.s3.id]
  }
}
resource "aws_vpc_endpoint" "s3" {
  vpc_id          = aws_vpc.main.id
  service_name    = data.aws_vpc_endpoint_service.s3.service_name
  route_table_ids = [aws_vpc.main.main_route_table_id]
  tags            = { Name = "s3" }
}
resource "aws_vpc_endpoint" "logs" {
  vpc_id            = aws_vpc.main.id
  vpc_endpoint_type = "Interface"
  service_name      = "com.amazonaws.us-east-1.logs"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = "*", Action = "logs:*", Resource = "*" }]
  })
}
"""


@pytest.mark.skipif(not SHARED.exists(), reason="the Terraform configurations are not here")
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_terraform_cycles_vpc_endpoints(ecsd, account, tmp_path):
    for name in ("providers", "versions"):
        shutil.copy(SHARED.parent / "core" / f"{name}.tf", tmp_path)
    (tmp_path / "main.tf").write_text(MAIN)
    terraform = Terraform(tmp_path, ecsd, account.number)
    terraform.run("init", "-input=false", *plugins())
    try:
        terraform.run("apply", "-auto-approve")
        plan = terraform.run("plan", "-detailed-exitcode", check=False)
        assert plan.returncode == 0, plan.stdout[-3000:] + plan.stderr[-3000:]
        by = [{"Name": "vpc-endpoint-state", "Values": ["available"]}]
        assert len(account.ec2.describe_vpc_endpoints(Filters=by)["VpcEndpoints"]) == 2
    finally:
        terraform.run("destroy", "-auto-approve")
    assert account.ec2.describe_vpc_endpoints()["VpcEndpoints"] == []
