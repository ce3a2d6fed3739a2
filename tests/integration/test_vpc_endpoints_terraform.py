"""Terraform makes, plans clean, changes and destroys VPC endpoints and what is joined to them."""

import shutil

import pytest

from tests.integration.test_terraform import SHARED, Terraform, plugins

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
MAIN = """
variable "aws_region" { default = "us-east-1" }
variable "second" { default = false }
data "aws_vpc_endpoint_service" "s3" {
  service      = "s3"
  service_type = "Gateway"
}
data "aws_prefix_list" "s3" {
  name = "com.amazonaws.us-east-1.s3"
}
resource "aws_vpc" "main" {
  cidr_block           = "10.0.0.0/16"
  enable_dns_hostnames = true
}
resource "aws_subnet" "main" {
  count             = 3
  vpc_id            = aws_vpc.main.id
  cidr_block        = "10.0.${count.index}.0/24"
  availability_zone = "us-east-1${substr("abc", count.index, 1)}"
}
resource "aws_route_table" "main" {
  count  = 2
  vpc_id = aws_vpc.main.id
}
resource "aws_security_group" "main" {
  count  = 2
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
  route_table_ids = var.second ? aws_route_table.main[*].id : [aws_route_table.main[0].id]
  tags            = { Name = "s3" }
}
resource "aws_vpc_endpoint" "joined" {
  vpc_id       = aws_vpc.main.id
  service_name = "com.amazonaws.us-east-1.s3"
}
resource "aws_route_table" "joined" {
  vpc_id = aws_vpc.main.id
}
resource "aws_vpc_endpoint_route_table_association" "joined" {
  route_table_id  = aws_route_table.joined.id
  vpc_endpoint_id = aws_vpc_endpoint.joined.id
}
resource "aws_vpc_endpoint" "interface" {
  for_each            = toset(["ecr.api", "ecr.dkr", "logs", "ecs-agent"])
  vpc_id              = aws_vpc.main.id
  vpc_endpoint_type   = "Interface"
  service_name        = "com.amazonaws.us-east-1.${each.key}"
  private_dns_enabled = !var.second
  subnet_ids          = var.second ? aws_subnet.main[*].id : [aws_subnet.main[0].id]
  security_group_ids  = [aws_security_group.main[var.second ? 1 : 0].id]
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = "*", Action = "*", Resource = "*" }]
  })
}
resource "aws_vpc_endpoint" "bare" {
  vpc_id            = aws_vpc.main.id
  vpc_endpoint_type = "Interface"
  service_name      = "com.amazonaws.us-east-1.kms"
}
resource "aws_vpc_endpoint_subnet_association" "bare" {
  vpc_endpoint_id = aws_vpc_endpoint.bare.id
  subnet_id       = aws_subnet.main[0].id
}
resource "aws_vpc_endpoint_security_group_association" "bare" {
  vpc_endpoint_id   = aws_vpc_endpoint.bare.id
  security_group_id = aws_security_group.main[0].id
}
resource "aws_vpc_endpoint_policy" "bare" {
  vpc_endpoint_id = aws_vpc_endpoint.bare.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = "*", Action = "kms:*", Resource = "*" }]
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
        for update in ((), ("-var=second=true",)):
            terraform.run("apply", "-auto-approve", *update)
            plan = terraform.run("plan", "-detailed-exitcode", *update, check=False)
            assert plan.returncode == 0, plan.stdout[-3000:] + plan.stderr[-3000:]
        by = [{"Name": "vpc-endpoint-state", "Values": ["available"]}]
        made = account.ec2.describe_vpc_endpoints(Filters=by)["VpcEndpoints"]
        assert len(made) == 7
    finally:
        terraform.run("destroy", "-auto-approve")
    assert account.ec2.describe_vpc_endpoints()["VpcEndpoints"] == []
