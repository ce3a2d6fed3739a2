"""The real Terraform provider creates, plans clean, updates and destroys the guide's sample."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
