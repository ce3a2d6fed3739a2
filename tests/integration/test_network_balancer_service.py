"""Services behind network load balancers: registered, drained, shifted, and made by Terraform."""

import http.client
import json
import shutil
import threading

import pytest

from tests.integration.sample import eventually
from tests.integration.test_terraform import SHARED, Terraform, plugins

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]


def target_group(account, name, delay="2"):
    arn = account.elbv2.create_target_group(
        Name=name,
        Protocol="TCP",
        Port=80,
        VpcId=account.vpc,
        TargetType="ip",
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=2,
        HealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]
    account.elbv2.modify_target_group_attributes(
        TargetGroupArn=arn,
        Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": delay}],
    )
    return arn


def balancer(account, *groups, protocol="TCP", **more):
    """A network load balancer whose only listener forwards to the first of these groups."""
    made = account.elbv2.create_load_balancer(
        Name="flows", Type="network", Subnets=account.public, SecurityGroups=[account.alb_group]
    )["LoadBalancers"][0]
    account.balancer, account.dns_name = made["LoadBalancerArn"], made["DNSName"]
    shares = [
        {"TargetGroupArn": arn, "Weight": 0 if number else 100} for number, arn in enumerate(groups)
    ]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": shares}}
    account.group = groups[0]
    account.listener = account.elbv2.create_listener(
        LoadBalancerArn=account.balancer,
        Protocol=protocol,
        Port=80,
        DefaultActions=[action],
        **more,
    )["Listeners"][0]["ListenerArn"]


def secured(account, ecsd):
    """Have the account's requests speak TLS; return what a listener needs for that."""
    made = account.client("acm").request_certificate(DomainName="shop.test")
    account.trust = ecsd.run("ca").stdout
    return {"Certificates": [{"CertificateArn": made["CertificateArn"]}]}


class Connections:
    """One connection after the other, each with one request; counts what failed."""

    def __init__(self, account):
        self._account = account
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.done, self.failures = 0, []

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def _work(self):
        while not self._ended.wait(0.02):
            try:
                status, _, _ = self._account.get()
                self.done += 1
                if status != 200:
                    self.failures.append(status)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))


@pytest.mark.parametrize("protocol", ["TCP", "TLS"])
def test_a_rolling_deployment_refuses_no_connection(account, ecsd, protocol):
    account.network()
    more = secured(account, ecsd) if protocol == "TLS" else {}
    balancer(account, target_group(account, "web"), protocol=protocol, **more)
    account.service(account.register())
    account.steady()
    health = account.elbv2.describe_target_health(TargetGroupArn=account.group)
    assert [one["TargetHealth"] for one in health["TargetHealthDescriptions"]] == [
        {"State": "healthy"}
    ] * 2
    assert len({account.get()[2] for _ in range(20)}) == 2
    told = json.loads(ecsd.run("status", "--json").stdout)["scopes"]
    (shown,) = [one for scope in told for one in scope["loadBalancers"]]
    assert shown["urls"] == [f"{protocol.lower()}://{account.dns_name}:80"]
    why = ecsd.run("why", "flows").stdout
    assert "checks TCP" in why
    assert why.count("is healthy") == 2

    with Connections(account) as load:
        account.ecs.update_service(
            cluster="prod", service="web", taskDefinition=account.register(release="2")
        )
        account.steady()
        eventually(lambda: {account.get()[2].rpartition("release ")[2].strip()} == {"2"})
    assert load.done > 50
    assert load.failures == []
    told = "\n".join(account.events())
    assert f"registered 1 targets in (target-group {account.group})" in told
    assert f"deregistered 1 targets in (target-group {account.group})" in told
    assert "has begun draining connections on 1 tasks." in told


def test_a_task_whose_port_is_shut_is_replaced_with_elbs_reason(account):
    account.network()
    balancer(account, target_group(account, "web"))
    shut = account.register(environment=[{"name": "PORT", "value": "81"}])
    account.service(shut, desired=1)

    def told():
        words = "\n".join(account.events())
        reason = "due to (reason Health checks failed)"
        return f"is unhealthy in (target-group {account.group}) {reason}" in words

    eventually(told)


@pytest.mark.parametrize(("strategy", "protocol"), [("BLUE_GREEN", "TLS"), ("CANARY", "TCP")])
def test_a_deployment_shifts_a_listeners_flows(account, ecsd, strategy, protocol):
    account.network()
    green = target_group(account, "green")
    more = secured(account, ecsd) if protocol == "TLS" else {}
    balancer(account, target_group(account, "blue"), green, protocol=protocol, **more)
    configuration = {"strategy": strategy, "bakeTimeInMinutes": 0}
    if strategy == "CANARY":
        steps = {"canaryPercent": 25.0, "canaryBakeTimeInMinutes": 0}
        configuration["canaryConfiguration"] = steps
    account.service(
        account.register(),
        desired=1,
        loadBalancers=[
            {
                "targetGroupArn": account.group,
                "containerName": "app",
                "containerPort": 80,
                "advancedConfiguration": {
                    "alternateTargetGroupArn": green,
                    "productionListenerRule": account.listener,
                    "roleArn": f"arn:aws:iam::{account.number}:role/elb",
                },
            }
        ],
        deploymentConfiguration=configuration,
    )
    account.steady()
    assert "release 1" in account.get()[2]
    with Connections(account) as load:
        account.ecs.update_service(
            cluster="prod", service="web", taskDefinition=account.register(release="2")
        )
        account.steady()
        assert "release 2" in account.get()[2]
    assert load.failures == []
    (listener,) = account.elbv2.describe_listeners(ListenerArns=[account.listener])["Listeners"]
    shares = listener["DefaultActions"][0]["ForwardConfig"]["TargetGroups"]
    assert {one["TargetGroupArn"]: one["Weight"] for one in shares} == {
        account.group: 0,
        green: 100,
    }


@pytest.mark.skipif(not SHARED.exists(), reason="the Terraform configurations are not here")
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_terraform_makes_plans_and_destroys_it(ecsd, account, tmp_path):
    for name in ("network", "variables", "providers", "versions"):
        shutil.copy(SHARED.parent / "core" / f"{name}.tf", tmp_path)
    (tmp_path / "flows.tf").write_text(CONFIGURATION)
    terraform = Terraform(tmp_path, ecsd, account.number)
    terraform.run("init", "-input=false", *plugins())
    terraform.run("apply", "-auto-approve")
    try:
        assert terraform.run("plan", "-detailed-exitcode", check=False).returncode == 0
        account.dns_name = terraform.run("output", "-raw", "name").stdout.strip()
        assert "release 1" in account.get()[2]
        more = ("-var", "cross_zone=true")
        terraform.run("apply", "-auto-approve", *more)
        assert terraform.run("plan", "-detailed-exitcode", *more, check=False).returncode == 0
    finally:
        terraform.run("destroy", "-auto-approve")
    assert account.elbv2.describe_load_balancers()["LoadBalancers"] == []


CONFIGURATION = """
variable "cross_zone" {
  type    = bool
  default = false
}

resource "aws_security_group" "edge" {
  name   = "edge"
  vpc_id = aws_vpc.main.id

  ingress {
    from_port   = 80
    to_port     = 80
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_lb" "edge" {
  name                             = "edge"
  load_balancer_type               = "network"
  security_groups                  = [aws_security_group.edge.id]
  subnets                          = aws_subnet.public[*].id
  enable_cross_zone_load_balancing = var.cross_zone
}

resource "aws_lb" "inside" {
  name               = "inside"
  load_balancer_type = "network"
  internal           = true

  dynamic "subnet_mapping" {
    for_each = aws_subnet.private
    content {
      subnet_id            = subnet_mapping.value.id
      private_ipv4_address = cidrhost(subnet_mapping.value.cidr_block, 77)
    }
  }
}

resource "aws_eip" "fixed" {
  domain = "vpc"
}

resource "aws_lb" "fixed" {
  name               = "fixed"
  load_balancer_type = "network"

  subnet_mapping {
    subnet_id     = aws_subnet.public[0].id
    allocation_id = aws_eip.fixed.id
  }
}

resource "aws_lb_target_group" "inside" {
  name        = "inside"
  port        = 80
  protocol    = "TCP"
  target_type = "ip"
  vpc_id      = aws_vpc.main.id

  proxy_protocol_v2      = true
  connection_termination = true

  health_check {
    interval = 10
  }
}

resource "aws_lb_listener" "inside" {
  load_balancer_arn        = aws_lb.inside.arn
  port                     = 5432
  protocol                 = "TCP"
  tcp_idle_timeout_seconds = 600

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.inside.arn
  }
}

resource "aws_lb_target_group" "edge" {
  for_each = { tcp = "TCP", udp = "UDP" }

  name                 = "edge-${each.key}"
  port                 = 80
  protocol             = each.value
  target_type          = "ip"
  vpc_id               = aws_vpc.main.id
  deregistration_delay = 2
  preserve_client_ip   = true

  stickiness {
    enabled = true
    type    = "source_ip"
  }

  health_check {
    protocol            = "TCP"
    port                = 80
    interval            = 5
    timeout             = 2
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "edge" {
  for_each = { tcp = "TCP", udp = "UDP" }

  load_balancer_arn = aws_lb.edge.arn
  port              = 80
  protocol          = each.value

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.edge[each.key].arn
  }
}

resource "aws_acm_certificate" "edge" {
  domain_name       = "edge.example.test"
  validation_method = "DNS"
}

resource "aws_lb_target_group" "secure" {
  for_each = { TCP = 443, TLS = 8443 }

  name        = "secure-${each.key}"
  port        = each.value
  protocol    = each.key
  target_type = "ip"
  vpc_id      = aws_vpc.main.id
}

resource "aws_lb_listener" "secure" {
  for_each = { TCP = null, TLS = "HTTP2Preferred" }

  load_balancer_arn = aws_lb.inside.arn
  port              = aws_lb_target_group.secure[each.key].port
  protocol          = "TLS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = aws_acm_certificate.edge.arn
  alpn_policy       = each.value

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.secure[each.key].arn
  }
}

resource "aws_ecs_cluster" "main" {
  name = "edge"
}

resource "aws_ecs_task_definition" "app" {
  family                   = "app"
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  cpu                      = 256
  memory                   = 512

  container_definitions = jsonencode([{
    name         = "app"
    image        = var.image
    portMappings = [{ containerPort = 80 }]
    environment  = [{ name = "RELEASE", value = "1" }]
  }])
}

resource "aws_ecs_service" "app" {
  name                  = "app"
  cluster               = aws_ecs_cluster.main.id
  task_definition       = aws_ecs_task_definition.app.arn
  desired_count         = 2
  launch_type           = "FARGATE"
  wait_for_steady_state = true

  network_configuration {
    subnets         = aws_subnet.private[*].id
    security_groups = [aws_security_group.edge.id]
  }

  dynamic "load_balancer" {
    for_each = aws_lb_target_group.edge
    content {
      target_group_arn = load_balancer.value.arn
      container_name   = "app"
      container_port   = 80
    }
  }

  depends_on = [aws_lb_listener.edge]
}

output "name" {
  value = aws_lb.edge.dns_name
}
"""
