"""Terraform makes, plans clean, changes and destroys file systems and all that they have."""

import shutil

import pytest

from tests.integration.sample import eventually
from tests.integration.test_terraform import SHARED, Terraform, plugins

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
MAIN = """
variable "aws_region" { default = "us-east-1" }
variable "image" {}
variable "mode" { default = "bursting" }
resource "aws_vpc" "main" {
  cidr_block           = "10.0.0.0/16"
  enable_dns_hostnames = false
}
resource "aws_subnet" "main" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.0.1.0/24"
}
resource "aws_security_group" "nfs" {
  vpc_id = aws_vpc.main.id
}
resource "aws_efs_file_system" "main" {
  throughput_mode = var.mode
  lifecycle_policy {
    transition_to_ia = "AFTER_30_DAYS"
  }
  tags = { Name = "data" }
}
resource "aws_efs_mount_target" "main" {
  file_system_id  = aws_efs_file_system.main.id
  subnet_id       = aws_subnet.main.id
  security_groups = [aws_security_group.nfs.id]
}
resource "aws_efs_access_point" "main" {
  file_system_id = aws_efs_file_system.main.id
  posix_user {
    uid = 1000
    gid = 1000
  }
  root_directory {
    path = "/app"
    creation_info {
      owner_uid   = 1000
      owner_gid   = 1000
      permissions = "0755"
    }
  }
}
resource "aws_efs_file_system_policy" "main" {
  file_system_id = aws_efs_file_system.main.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "*" }
      Action    = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
      Resource  = aws_efs_file_system.main.arn
    }]
  })
}
resource "aws_efs_backup_policy" "main" {
  file_system_id = aws_efs_file_system.main.id
  backup_policy {
    status = "ENABLED"
  }
}
resource "aws_ecs_task_definition" "main" {
  family                   = "web"
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  cpu                      = 256
  memory                   = 512
  container_definitions = jsonencode([{
    name = "app", image = var.image, essential = true,
    mountPoints = [{ sourceVolume = "data", containerPath = "/data", readOnly = false }]
  }])
  volume {
    name = "data"
    efs_volume_configuration {
      file_system_id     = aws_efs_file_system.main.id
      transit_encryption = "ENABLED"
      authorization_config {
        access_point_id = aws_efs_access_point.main.id
        iam             = "DISABLED"
      }
    }
  }
}
"""


@pytest.mark.skipif(not SHARED.exists(), reason="the Terraform configurations are not here")
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_terraform_cycles_file_systems(ecsd, account, tmp_path):
    for name in ("providers", "versions"):
        shutil.copy(SHARED.parent / "core" / f"{name}.tf", tmp_path)
    (tmp_path / "main.tf").write_text(MAIN)
    terraform = Terraform(tmp_path, ecsd, account.number)
    terraform.run("init", "-input=false", *plugins())
    efs = account.client("efs")
    try:
        terraform.run("apply", "-auto-approve")
        assert terraform.run("plan", "-detailed-exitcode", check=False).returncode == 0
        update = ("-var=mode=elastic",)
        terraform.run("apply", "-auto-approve", *update)
        assert terraform.run("plan", "-detailed-exitcode", *update, check=False).returncode == 0
        (made,) = efs.describe_file_systems()["FileSystems"]
        assert (made["ThroughputMode"], made["Name"]) == ("elastic", "data")
    finally:
        terraform.run("destroy", "-auto-approve")
    eventually(lambda: efs.describe_file_systems()["FileSystems"] == [], seconds=5)
