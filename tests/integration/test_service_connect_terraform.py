"""Terraform makes, changes and destroys services that reach each other by Service Connect."""

import shutil

import pytest

from tests.integration.connect_world import ask
from tests.integration.sample import eventually
from tests.integration.test_terraform import SHARED, Terraform, plugins

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
MAIN = """
variable "aws_region" { default = "us-east-1" }
variable "image" {}
variable "alias" { default = "web" }
variable "override" { default = null }
resource "aws_vpc" "main" { cidr_block = "10.0.0.0/16" }
resource "aws_subnet" "main" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.0.1.0/24"
}
resource "aws_security_group" "web" {
  vpc_id = aws_vpc.main.id
  ingress {
    from_port = 0
    to_port   = 0
    protocol  = "-1"
    self      = true
  }
  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
resource "aws_service_discovery_http_namespace" "main" {
  name        = "team"
  description = "connected"
}
resource "aws_cloudwatch_log_group" "proxies" { name = "/connect" }
resource "aws_ecs_cluster" "main" {
  name = "prod"
  service_connect_defaults {
    namespace = aws_service_discovery_http_namespace.main.arn
  }
}
resource "aws_ecs_task_definition" "web" {
  family                   = "web"
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  cpu                      = 256
  memory                   = 512
  container_definitions = jsonencode([{
    name = "app", image = var.image, essential = true,
    portMappings = [{ name = "http", containerPort = 80, appProtocol = "http" }]
  }])
}
resource "aws_ecs_service" "web" {
  name            = "web"
  cluster         = aws_ecs_cluster.main.id
  task_definition = aws_ecs_task_definition.web.arn
  desired_count   = 1
  launch_type     = "FARGATE"
  network_configuration {
    subnets         = [aws_subnet.main.id]
    security_groups = [aws_security_group.web.id]
  }
  service_connect_configuration {
    enabled   = true
    namespace = aws_service_discovery_http_namespace.main.arn
    log_configuration {
      log_driver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.proxies.name
        "awslogs-region"        = "us-east-1"
        "awslogs-stream-prefix" = "proxy"
      }
    }
    service {
      port_name             = "http"
      discovery_name        = "front"
      ingress_port_override = var.override
      client_alias {
        dns_name = var.alias
        port     = 8080
      }
      timeout {
        idle_timeout_seconds        = 60
        per_request_timeout_seconds = 5
      }
    }
  }
}
resource "aws_ecs_service" "client" {
  name            = "client"
  cluster         = aws_ecs_cluster.main.id
  task_definition = aws_ecs_task_definition.web.arn
  desired_count   = 1
  launch_type     = "FARGATE"
  network_configuration {
    subnets         = [aws_subnet.main.id]
    security_groups = [aws_security_group.web.id]
  }
  service_connect_configuration {
    enabled = true
  }
  depends_on = [aws_ecs_service.web]
}
"""


@pytest.mark.skipif(not SHARED.exists(), reason="the Terraform configurations are not here")
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_terraform_cycles_services_of_a_namespace(ecsd, account, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")  # as ``ecsd env`` says
    for name in ("providers", "versions"):
        shutil.copy(SHARED.parent / "core" / f"{name}.tf", tmp_path)
    (tmp_path / "main.tf").write_text(MAIN)
    terraform = Terraform(tmp_path, ecsd, account.number)
    terraform.run("init", "-input=false", *plugins())
    cloud_map = account.client("servicediscovery")

    def asked(name):
        """Ask, from a running client, for the name."""
        clients = [one for one in account.tasks() if one["group"] == "service:client"]
        running = [one for one in clients if one["lastStatus"] == "RUNNING"]
        return any(ask(one, f"http://{name}:8080/")[0] == 200 for one in running)

    try:
        terraform.run("apply", "-auto-approve")
        assert terraform.run("plan", "-detailed-exitcode", check=False).returncode == 0
        eventually(lambda: asked("web"))
        update = ("-var=alias=shop", "-var=override=9000")
        terraform.run("apply", "-auto-approve", *update)
        assert terraform.run("plan", "-detailed-exitcode", *update, check=False).returncode == 0
        account.ecs.update_service(cluster="prod", service="client", forceNewDeployment=True)
        eventually(lambda: asked("shop"))
    finally:
        terraform.run("destroy", "-auto-approve")
    assert cloud_map.list_namespaces()["Namespaces"] == []
    assert cloud_map.list_services()["Services"] == []
