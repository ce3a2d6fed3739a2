"""HTTPS as its user meets it: Terraform makes it, clients trust the root that ecsd prints."""

import json
import os
import shutil
import signal
import socket
import ssl
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPConnection, HTTPException

import pytest
from cryptography import x509

from ecsd.certificates.authority import Authority
from tests.integration.conftest import page
from tests.integration.mixed_load import Mixed
from tests.integration.sample import eventually
from tests.integration.test_terraform import SHARED, Terraform, plugins

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

CONFIGURATION = """
variable "policy" {
  default = "ELBSecurityPolicy-TLS13-1-2-2021-06"
}
variable "name" {
  default = "app.example.test"
}
resource "aws_security_group" "alb" {
  name   = "alb"
  vpc_id = aws_vpc.main.id
  ingress {
    from_port   = 0
    to_port     = 65535
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
resource "aws_lb" "main" {
  name               = "tls"
  load_balancer_type = "application"
  security_groups    = [aws_security_group.alb.id]
  subnets            = aws_subnet.public[*].id
}
resource "aws_acm_certificate" "main" {
  domain_name               = var.name
  subject_alternative_names = ["*.${var.name}"]
  validation_method         = "DNS"
  tags                      = { Name = "main" }
  lifecycle {
    create_before_destroy = true
  }
}
resource "aws_acm_certificate_validation" "main" {
  certificate_arn = aws_acm_certificate.main.arn
  validation_record_fqdns = [
    for one in aws_acm_certificate.main.domain_validation_options : one.resource_record_name
  ]
}
resource "aws_acm_certificate" "mail" {
  domain_name       = "shop.test"
  validation_method = "EMAIL"
  key_algorithm     = "EC_prime256v1"
  options {
    certificate_transparency_logging_preference = "DISABLED"
  }
}
resource "aws_acm_certificate" "brought" {
  certificate_body  = file("brought.pem")
  private_key       = file("brought.key")
  certificate_chain = file("chain.pem")
}
resource "aws_lb_target_group" "grpc" {
  name             = "grpc"
  port             = 443
  protocol         = "HTTPS"
  protocol_version = "GRPC"
  target_type      = "ip"
  vpc_id           = aws_vpc.main.id
  health_check {
    protocol = "HTTPS"
    matcher  = "0-99"
    interval = 30
  }
}
resource "aws_lb_listener_rule" "grpc" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 1
  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.grpc.arn
  }
  condition {
    path_pattern {
      values = ["/echo.Echo/*"]
    }
  }
}
resource "aws_lb_listener_rule" "users" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 2
  action {
    type = "authenticate-oidc"
    authenticate_oidc {
      issuer                              = "https://idp.test"
      authorization_endpoint              = "https://idp.test/authorize"
      token_endpoint                      = "https://idp.test/token"
      user_info_endpoint                  = "https://idp.test/userinfo"
      client_id                           = "client"
      client_secret                       = var.policy
      authentication_request_extra_params = { prompt = "login" }
    }
  }
  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.grpc.arn
  }
  condition {
    path_pattern {
      values = ["/users/*"]
    }
  }
}
resource "aws_lb_listener" "users" {
  load_balancer_arn = aws_lb.main.arn
  port              = 8443
  protocol          = "HTTPS"
  certificate_arn   = aws_acm_certificate_validation.main.certificate_arn
  default_action {
    type = "authenticate-oidc"
    authenticate_oidc {
      issuer                     = "https://idp.test"
      authorization_endpoint     = "https://idp.test/authorize"
      token_endpoint             = "https://idp.test/token"
      user_info_endpoint         = "https://idp.test/userinfo"
      client_id                  = "client"
      client_secret              = "secret"
      on_unauthenticated_request = "deny"
      scope                      = "openid email"
      session_cookie_name        = "mine"
      session_timeout            = 60
    }
  }
  default_action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      status_code  = "200"
    }
  }
}
resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.main.arn
  port              = 80
  protocol          = "HTTP"
  default_action {
    type = "redirect"
    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}
resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.main.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = var.policy
  certificate_arn   = aws_acm_certificate_validation.main.certificate_arn
  default_action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      message_body = "hello over tls"
      status_code  = "200"
    }
  }
}
resource "aws_lb_listener_certificate" "list" {
  for_each = {
    shop    = aws_acm_certificate.mail.arn
    brought = aws_acm_certificate.brought.arn
  }
  listener_arn    = aws_lb_listener.https.arn
  certificate_arn = each.value
}
"""


def root(ecsd):
    """Return the root certificate as the user gets it."""
    return ecsd.run("ca").stdout


def bring(folder):
    """Write a certificate of an authority of the user's own; return that authority's root."""
    authority, now = Authority(None), datetime.now(UTC)
    issued = authority.issue(["mine.test"], "EC_prime256v1", now)
    (folder / "brought.pem").write_text(issued.body)
    (folder / "brought.key").write_text(issued.private_key)
    (folder / "chain.pem").write_text(issued.chain)
    return authority.root(now)


class Secure(HTTPConnection):
    """A connection that checks certificate and name, and opens itself again."""

    def __init__(self, address, name, cadata, port=443):
        super().__init__(address, port, timeout=10)
        self.context = ssl.create_default_context(cadata=cadata)
        self.name = name

    def connect(self):
        raw = socket.create_connection((self.host, self.port), timeout=10)
        self.sock = self.context.wrap_socket(raw, server_hostname=self.name)

    def shown(self):
        """Return the certificate that the server showed."""
        return x509.load_der_x509_certificate(self.sock.getpeercert(binary_form=True))


def ask(address, name, cadata, path="/"):
    """Return status, body, TLS version; None where the handshake fails."""
    connection = Secure(address, name, cadata)
    try:
        connection.request("GET", path, headers={"Host": name})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), connection.sock.version()
    except (ssl.SSLError, ConnectionError):
        return None
    finally:
        connection.close()


@pytest.mark.skipif(not SHARED.exists(), reason="the Terraform configurations are not here")
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_terraform_cycles_certificates_and_https(ecsd, account, tmp_path):
    for name in ("network", "variables", "providers", "versions"):
        shutil.copy(SHARED.parent / "core" / f"{name}.tf", tmp_path)
    (tmp_path / "https.tf").write_text(CONFIGURATION)
    own = bring(tmp_path)
    terraform = Terraform(tmp_path, ecsd, account.number)
    terraform.run("init", "-input=false", *plugins())
    terraform.run("apply", "-auto-approve")
    destroyed = False
    try:
        assert terraform.run("plan", "-detailed-exitcode", check=False).returncode == 0
        state = json.loads(terraform.run("show", "-json").stdout)["values"]["root_module"]
        values = {one["address"]: one["values"] for one in state["resources"]}
        account.dns_name = values["aws_lb.main"]["dns_name"]
        assert values["aws_acm_certificate.main"]["status"] == "ISSUED"
        cadata, address = root(ecsd), account.entrance()
        for name in ("app.example.test", "x.app.example.test"):
            found = eventually(lambda name=name: ask(address, name, cadata))
            assert found[:2] == (200, "hello over tls")
        assert ask(address, "shop.test", cadata)[2] == "TLSv1.3"
        status, headers, _ = account.get("/x?y=1")
        assert (status, headers["location"]) == (301, f"https://{account.dns_name}:443/x?y=1")
        assert eventually(lambda: ask(address, "mine.test", own))[0] == 200
        own = bring(tmp_path)
        changed = ["-var=policy=ELBSecurityPolicy-TLS-1-2-2017-01", "-var=name=new.example.test"]
        terraform.run("apply", "-auto-approve", *changed)
        done = terraform.run("plan", "-detailed-exitcode", *changed, check=False)
        assert done.returncode == 0, done.stdout
        assert eventually(lambda: (ask(address, "shop.test", cadata) or "   ")[2] == "TLSv1.2")
        assert eventually(lambda: ask(address, "mine.test", own))[0] == 200
        terraform.run("destroy", "-auto-approve", *changed)
        destroyed = True
        left = account.client("acm").list_certificates(
            Includes={"keyTypes": ["RSA_2048", "EC_prime256v1"]}
        )
        assert left["CertificateSummaryList"] == []
    finally:
        if not destroyed:
            terraform.run("destroy", "-auto-approve")


@contextmanager
def load(make, connections=3):
    """Requests over kept-alive TLS connections; what failed is remembered."""
    with ExitStack() as stack:
        opened = [stack.enter_context(closing(make())) for _ in range(connections)]
        yield stack.enter_context(
            Mixed(
                {f"connection {number}": partial(asked, one) for number, one in enumerate(opened)}
            )
        )


def asked(connection):
    """Ask once; a connection that fails opens itself again at the next request."""
    try:
        connection.request("GET", "/", headers={"Host": connection.name})
        answer = connection.getresponse()
        answer.read()
    except (OSError, HTTPException):
        connection.close()
        raise
    assert answer.status == 200


@pytest.fixture
def served(account):
    """The sample behind an HTTPS listener with a certificate for the balancer's own name."""
    account.network()
    account.ec2.authorize_security_group_ingress(
        GroupId=account.alb_group,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 443,
                "ToPort": 443,
                "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
            }
        ],
    )
    account.load_balancer()
    acm = account.client("acm")
    account.certificate = acm.request_certificate(
        DomainName=account.dns_name, ValidationMethod="DNS"
    )["CertificateArn"]
    account.https = account.elbv2.create_listener(
        LoadBalancerArn=account.balancer,
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": account.certificate}],
        DefaultActions=[{"Type": "forward", "TargetGroupArn": account.group}],
    )["Listeners"][0]["ListenerArn"]
    account.service(account.register(), desired=1)
    account.steady()
    return account


def test_a_service_answers_over_tls_and_a_renewal_drops_nothing(ecsd, served):
    cadata, address, name = root(ecsd), served.entrance(), served.dns_name
    status, body, _ = eventually(lambda: ask(address, name, cadata))
    assert (status, bool(body)) == (200, True)
    told = ecsd.run("status").stdout
    assert f"https://{name}" in told
    assert f"http://{name}" in told
    acm = served.client("acm")

    def serial():
        connection = Secure(address, name, cadata)
        connection.connect()
        try:
            return connection.shown().serial_number
        finally:
            connection.close()

    first = serial()
    with load(lambda: Secure(address, name, cadata)) as asking:
        asking.goes_on()
        acm.renew_certificate(CertificateArn=served.certificate)
        eventually(lambda: serial() != first)
        asking.goes_on()
    assert asking.failures == []
    assert sum(asking.done.values()) > 20
    shown = acm.describe_certificate(CertificateArn=served.certificate)["Certificate"]
    assert shown["InUseBy"] == [served.balancer]
    assert int(shown["Serial"].replace(":", ""), 16) == serial()
    with pytest.raises(acm.exceptions.ResourceInUseException):
        acm.delete_certificate(CertificateArn=served.certificate)
    # A server that starts anew has the same authority, and opens the keys that are stored.
    os.kill(ecsd.pids()["server"], signal.SIGKILL)
    second = serial()
    eventually(lambda: root(ecsd) == cadata)
    acm.renew_certificate(CertificateArn=served.certificate)
    eventually(lambda: serial() != second)
    assert ask(address, name, cadata)[0] == 200
    assert page(ecsd, "errors") == []


def test_no_private_key_is_readable_in_the_data_folder_but_the_authoritys(ecsd, served):
    """The plan log holds keys too, under the mode that it always had."""
    holders = {
        path.name: path.stat().st_mode & 0o777
        for path in (ecsd.folder / "data").rglob("*")
        if path.is_file() and b"PRIVATE KEY" in path.read_bytes()
    }
    registry = holders.pop("registry.key", 0o600)  # there once somebody has used ECR
    assert (holders, registry) == ({"root.key": 0o600, "agent-plans.log": 0o600}, 0o600)
