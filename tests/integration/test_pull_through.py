"""Pull through caches: docker and tasks get images of another registry, which may then be away."""

import base64
import json
import shutil
import subprocess
from contextlib import contextmanager
from urllib.request import urlopen

import pytest

from tests.integration.instance import UPSTREAM
from tests.integration.sample import eventually
from tests.integration.test_images import EXECUTION, Docker, Tasks
from tests.integration.test_terraform import SHARED, Terraform, plugins

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

IMPORTS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["ecr:BatchImportUpstreamImage", "ecr:CreateRepository"],
            "Resource": "*",
        }
    ],
}
CONFIGURATION = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "{address}"}}
"""


@contextmanager
def another_registry(folder):
    """A Distribution registry of somebody else's, for as long as the block lasts."""
    address = UPSTREAM.removeprefix("http://")
    path = folder / "upstream.yml"
    path.write_text(CONFIGURATION.format(folder=folder / "upstream", address=address))
    process = subprocess.Popen(
        ["docker-registry", "serve", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        eventually(lambda: _answers(f"{UPSTREAM}/v2/"), seconds=10)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=10)


def _answers(url):
    try:
        with urlopen(url, timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture
def docker(tmp_path, account):
    one = Docker(tmp_path, account)
    yield one
    for name in one.made:
        one.run("rmi", "-f", name)


def test_docker_and_tasks_pull_what_another_registry_has(account, docker, image, tmp_path):
    ecr, registry = account.client("ecr"), account.number
    ecr.create_pull_through_cache_rule(ecrRepositoryPrefix="quay", upstreamRegistryUrl="quay.io")
    ecr.create_repository_creation_template(
        prefix="quay", appliedFor=["PULL_THROUGH_CACHE"], imageTagMutability="IMMUTABLE"
    )
    docker.login()
    host = account.client("ecr").get_authorization_token()["authorizationData"][0]["proxyEndpoint"]
    uri = f"{host.removeprefix('http://')}/{registry}/us-east-1/quay/team/app"
    docker.made += [f"{uri}:1"]
    away = docker.run("pull", f"{uri}:1")
    assert away.returncode != 0
    with another_registry(tmp_path) as upstream:
        docker.push(image, f"{upstream}/team/app:1")
        valid = ecr.validate_pull_through_cache_rule(ecrRepositoryPrefix="quay")
        assert valid["isValid"], valid
        tasks = Tasks(account, f"{registry}.dkr.ecr.us-east-1.amazonaws.com/quay/team/app:1")
        refused = tasks.run("refused", managed=EXECUTION)
        stopped = tasks.until(refused, "STOPPED")
        assert "perform: ecr:BatchImportUpstreamImage" in stopped["stoppedReason"]
        assert ecr.describe_repositories()["repositories"] == []
        first = tasks.run("imports", IMPORTS, EXECUTION)
        tasks.until(first, "RUNNING")
        missing = docker.run("pull", f"{uri}:2")
        assert "quay.io has no team/app, 2" in missing.stderr
    # From here on the other registry is away.
    (made,) = ecr.describe_repositories()["repositories"]
    assert (made["repositoryName"], made["imageTagMutability"]) == ("quay/team/app", "IMMUTABLE")
    (shown,) = ecr.describe_images(repositoryName="quay/team/app")["imageDetails"]
    docker.run("rmi", "-f", f"{upstream}/team/app:1")
    pulled = docker.run("pull", f"{uri}:1")
    assert pulled.returncode == 0, pulled.stderr
    assert shown["imageDigest"] in pulled.stdout
    tasks.until(tasks.run("cached", managed=EXECUTION), "RUNNING")
    assert not ecr.validate_pull_through_cache_rule(ecrRepositoryPrefix="quay")["isValid"]


def test_credentials_of_a_secret_open_a_registry_that_asks_for_some(account, docker, image):
    ecr, secrets = account.client("ecr"), account.client("secretsmanager")
    (given,) = ecr.get_authorization_token()["authorizationData"]
    user, _, password = base64.b64decode(given["authorizationToken"]).decode().partition(":")
    host = given["proxyEndpoint"].removeprefix("http://")
    docker.login()
    uri = ecr.create_repository(repositoryName="own/app")["repository"]["repositoryUri"]
    docker.push(image, f"{uri}:1")
    secret = secrets.create_secret(
        Name="ecr-pullthroughcache/hub",
        SecretString=json.dumps({"username": user, "accessToken": "wrong"}),
    )["ARN"]
    # The hub's mirror is this ecsd's own registry, where the same names have a longer prefix.
    ecr.create_pull_through_cache_rule(
        ecrRepositoryPrefix="hub",
        upstreamRegistryUrl="registry-1.docker.io",
        upstreamRepositoryPrefix=f"{account.number}/us-east-1",
        credentialArn=secret,
    )
    cached = f"{host}/{account.number}/us-east-1/hub/own/app:1"
    docker.made.append(cached)
    assert "gave no token: 401" in docker.run("pull", cached).stderr
    secrets.put_secret_value(
        SecretId=secret, SecretString=json.dumps({"username": user, "accessToken": password})
    )
    assert ecr.validate_pull_through_cache_rule(ecrRepositoryPrefix="hub")["isValid"]
    assert docker.run("pull", cached).returncode == 0
    digests = [
        ecr.describe_images(repositoryName=name)["imageDetails"][0]["imageDigest"]
        for name in ("own/app", "hub/own/app")
    ]
    assert digests[0] == digests[1]


MAIN = """
variable "aws_region" { default = "us-east-1" }
resource "aws_secretsmanager_secret" "hub" {
  name                    = "ecr-pullthroughcache/hub"
  recovery_window_in_days = 0
}
resource "aws_secretsmanager_secret_version" "hub" {
  secret_id     = aws_secretsmanager_secret.hub.id
  secret_string = jsonencode({ username = "me", accessToken = "secret" })
}
resource "aws_ecr_pull_through_cache_rule" "hub" {
  ecr_repository_prefix = "hub"
  upstream_registry_url = "registry-1.docker.io"
  credential_arn        = aws_secretsmanager_secret_version.hub.arn
}
resource "aws_ecr_repository_creation_template" "hub" {
  prefix               = "hub"
  description          = "of the hub"
  applied_for          = ["PULL_THROUGH_CACHE"]
  image_tag_mutability = "IMMUTABLE"
  resource_tags        = { team = "a" }
  lifecycle_policy = jsonencode({
    rules = [{
      rulePriority = 1
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 9 }
      action       = { type = "expire" }
    }]
  })
  repository_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = "*", Action = "ecr:BatchGetImage" }]
  })
}
data "aws_ecr_pull_through_cache_rule" "hub" {
  ecr_repository_prefix = aws_ecr_pull_through_cache_rule.hub.ecr_repository_prefix
}
"""


@pytest.mark.skipif(not SHARED.exists(), reason="the Terraform configurations are not here")
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_terraform_cycles_rules_and_templates(ecsd, account, tmp_path):
    for name in ("providers", "versions"):
        shutil.copy(SHARED.parent / "core" / f"{name}.tf", tmp_path)
    (tmp_path / "main.tf").write_text(MAIN)
    terraform = Terraform(tmp_path, ecsd, account.number)
    terraform.run("init", "-input=false", *plugins())
    ecr = account.client("ecr")
    try:
        terraform.run("apply", "-auto-approve")
        plan = terraform.run("plan", "-detailed-exitcode", check=False)
        assert plan.returncode == 0, plan.stdout
        (rule,) = ecr.describe_pull_through_cache_rules()["pullThroughCacheRules"]
        assert rule["upstreamRegistry"] == "docker-hub"
    finally:
        terraform.run("destroy", "-auto-approve")
    assert ecr.describe_pull_through_cache_rules()["pullThroughCacheRules"] == []
    assert ecr.describe_repository_creation_templates()["repositoryCreationTemplates"] == []
