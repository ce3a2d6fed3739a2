"""An image with AWS's SDK for Python and the aws CLI, made of the packages that run the tests."""

import importlib.metadata
import shutil
import subprocess
import tempfile
from pathlib import Path

NAME = "ecsd/sdk:1"
PACKAGES = (
    "boto3",
    "botocore",
    "s3transfer",
    "jmespath",
    "dateutil",
    "urllib3",
    "six.py",
    "awscli",
)
FURTHER = ("docutils", "rsa", "pyasn1", "yaml", "colorama")
MODELS = ("ecs", "iam", "logs", "s3", "secretsmanager", "ssm", "sts")
RELEASE = "-".join(importlib.metadata.version(one) for one in ("boto3", "awscli"))


def provide():
    """Build the image unless it is there as these packages make it; return its name."""
    asked = ["docker", "image", "inspect", "-f", '{{index .Config.Labels "packages"}}', NAME]
    known = subprocess.run(asked, capture_output=True, text=True, check=False)
    if known.returncode == 0 and known.stdout.strip() == RELEASE:
        return NAME
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        site.mkdir()
        installed = Path(importlib.metadata.distribution("boto3").locate_file(""))
        for name in (*PACKAGES, *FURTHER):
            copy = shutil.copytree if (installed / name).is_dir() else shutil.copy2
            copy(installed / name, site / name)
        for kind in (site / "botocore" / "data").iterdir():
            if kind.is_dir() and kind.name not in MODELS:
                shutil.rmtree(kind)
        shutil.rmtree(site / "awscli" / "examples", ignore_errors=True)
        (Path(folder) / "aws").write_text(
            "#!/usr/bin/python3\nimport sys\nfrom awscli.clidriver import main\nsys.exit(main())\n"
        )
        (Path(folder) / "aws").chmod(0o755)
        (Path(folder) / "Dockerfile").write_text(
            "FROM ecsd/python:1\nCOPY site /opt/site\nCOPY aws /usr/bin/aws\n"
            f"ENV PYTHONPATH=/opt/site\nLABEL packages={RELEASE}\n"
        )
        subprocess.run(
            ["docker", "build", "-q", "-t", NAME, folder], check=True, capture_output=True
        )
    return NAME
