"""The real Terraform provider creates, plans clean, updates and destroys the guide's sample."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

from tests.integration.sample import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
SHARED = Path(__file__).parents[3] / "shared" / "terraform" / "tf"
QUICK = (
    "--var=image=ecsd/sample-app:1",
    "--var=target_health_interval=5",
    "--var=target_health_timeout=2",
    "--var=deregistration_delay=5",
    '--var=health_check={"interval":5,"timeout":2,"retries":3,"start_period":10}',
)


@pytest.mark.skipif(not SHARED.exists(), reason="the Terraform configurations are not here")
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_the_variant_core_cycles(ecsd):
    done = subprocess.run(
        [
            sys.executable,
            str(SHARED),
            "cycle",
            "core",
            "--endpoint",
            ecsd.endpoint,
            "--fresh-account",
            *QUICK,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=580,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "destroy        ok" in done.stdout


def guide():
    """Return the guide's "基本的な使い方" as today's provider spells it.

    Its ECR repository, autoscaling and variables of subnets are of later issues or of the network:
    the image is given, the subnets are the network's.
    """
    text = (SHARED.parents[1] / "seed" / "about-ecs.md").read_text()
    block = re.search(r"#### Terraformでの実装\s+```hcl\n(.*?)```", text, re.DOTALL)[1]
    block = block.partition("# Auto Scaling")[0]
    block = block.replace('"${aws_ecr_repository.app.repository_url}:latest"', "var.image")
    block = block.replace("var.private_subnet_ids", "aws_subnet.private[*].id")
    percents = re.compile(
        r"deployment_configuration \{\s+maximum_percent\s+= (\d+)\s+minimum_healthy_percent = (\d+)"
        r"\s+\}"
    )
    return percents.sub(
        r"deployment_maximum_percent = \1\n  deployment_minimum_healthy_percent = \2", block
    )


@pytest.mark.skipif(not SHARED.exists(), reason="the Terraform configurations are not here")
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_the_guides_sample_runs_with_its_own_health_check(ecsd, account, tmp_path):
    for name in ("network", "security", "alb", "iam", "variables", "providers", "versions"):
        shutil.copy(SHARED.parent / "core" / f"{name}.tf", tmp_path)
    (tmp_path / "guide.tf").write_text(guide())
    (tmp_path / "logs.tf").write_text(
        'resource "aws_cloudwatch_log_group" "ecs" {\n  name = "/ecs/guide"\n}\n'
    )
    terraform = Terraform(tmp_path, ecsd, account.number)
    terraform.run("init", "-input=false", *plugins())
    terraform.run("apply", "-auto-approve")
    try:
        assert terraform.run("plan", "-detailed-exitcode", check=False).returncode == 0
        state = json.loads(terraform.run("show", "-json").stdout)["values"]["root_module"]
        values = {one["address"]: one["values"] for one in state["resources"]}
        cluster = values["aws_ecs_cluster.main"]["name"]
        service = values["aws_ecs_service.app"]["name"]
        account.dns_name = values["aws_lb.main"]["dns_name"]

        def steady():
            (one,) = account.ecs.describe_services(cluster=cluster, services=[service])["services"]
            return one["deployments"][0]["rolloutState"] == "COMPLETED"

        eventually(steady, 180)
        tasks = account.ecs.list_tasks(cluster=cluster)["taskArns"]
        shown = account.ecs.describe_tasks(cluster=cluster, tasks=tasks)["tasks"]
        assert {one["healthStatus"] for one in shown} == {"HEALTHY"}
        assert len({account.get()[2] for _ in range(10)}) == 2
    finally:
        terraform.run("destroy", "-auto-approve")


@pytest.mark.skipif(not SHARED.exists(), reason="the Terraform configurations are not here")
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_the_traffic_of_the_variant_fargate_cycles(ecsd, account, tmp_path):
    """Both load balancers with HTTPS, rules, names, without what needs services of later issues."""
    folder = tmp_path / "fargate"
    folder.mkdir()
    shutil.copytree(SHARED.parent / "modules", tmp_path / "modules")
    for name in ("network", "alb", "nlb", "discovery", "variables", "providers", "versions"):
        shutil.copy(SHARED.parent / "fargate" / f"{name}.tf", folder)
    subprocess.run(["sh", SHARED.parent / "fargate" / "prepare.sh"], cwd=folder, check=True)
    terraform = Terraform(folder, ecsd, account.number)
    terraform.run("init", "-input=false", *plugins())
    terraform.run("apply", "-auto-approve")
    try:
        assert terraform.run("plan", "-detailed-exitcode", check=False).returncode == 0
        terraform.run("apply", "-auto-approve", "-var", "deregistration_delay=7")
        again = terraform.run("plan", "-detailed-exitcode", "-var", "deregistration_delay=7")
        assert again.returncode == 0
    finally:
        terraform.run("destroy", "-auto-approve")
    assert account.elbv2.describe_load_balancers()["LoadBalancers"] == []
    assert account.client("acm").list_certificates()["CertificateSummaryList"] == []


class Terraform:
    """The real terraform in a folder, its endpoint in the environment alone."""

    def __init__(self, folder, ecsd, number):
        self._folder = folder
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "AWS_ENDPOINT_URL": ecsd.endpoint,
            "AWS_ACCESS_KEY_ID": number,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
            "TF_VAR_image": "ecsd/sample-app:1",
            "TF_VAR_target_health_interval": "5",
            "TF_VAR_target_health_timeout": "2",
            "TF_VAR_deregistration_delay": "2",
        }

    def run(self, *words, check=True):
        done = subprocess.run(
            ["terraform", *words, *(["-no-color"] if words[0] != "show" else [])],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done


def plugins():
    """Return the option that names the machine's provider folder, found as ``tf`` finds it."""
    loader = SourceFileLoader("shared_tf", str(SHARED))
    module = module_from_spec(spec_from_loader("shared_tf", loader))
    loader.exec_module(module)
    folder = module.plugin_dir()
    return [f"-plugin-dir={folder}"] if folder else []
