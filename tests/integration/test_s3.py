"""S3 as its users have it: the aws CLI, presigned URLs, a kill, Terraform."""

import hashlib
import os
import re
import shutil
import signal
import urllib.request

import pytest

from tests.integration.sample import eventually
from tests.integration.test_terraform import SHARED, Terraform, plugins

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
SIZE = 64 << 20  # bytes: eight parts of the CLI
MAIN = """
resource "aws_s3_bucket" "main" {
  bucket        = var.name
  force_destroy = true
  tags          = { team = "web" }
}
variable "name" {}
resource "aws_s3_bucket_versioning" "main" {
  bucket = aws_s3_bucket.main.id
  versioning_configuration { status = "Enabled" }
}
resource "aws_s3_bucket_public_access_block" "main" {
  bucket              = aws_s3_bucket.main.id
  block_public_acls   = true
  block_public_policy = true
}
resource "aws_s3_bucket_server_side_encryption_configuration" "main" {
  bucket = aws_s3_bucket.main.id
  rule {
    apply_server_side_encryption_by_default { sse_algorithm = "AES256" }
  }
}
resource "aws_s3_bucket_ownership_controls" "main" {
  bucket = aws_s3_bucket.main.id
  rule { object_ownership = "BucketOwnerPreferred" }
}
resource "aws_s3_bucket_acl" "main" {
  depends_on = [aws_s3_bucket_ownership_controls.main]
  bucket     = aws_s3_bucket.main.id
  acl        = "private"
}
resource "aws_s3_bucket_policy" "main" {
  bucket = aws_s3_bucket.main.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::111122223333:root" }
      Action    = "s3:GetObject"
      Resource  = "${aws_s3_bucket.main.arn}/*"
    }]
  })
}
resource "aws_s3_object" "main" {
  bucket       = aws_s3_bucket.main.id
  key          = "env/app.env"
  content      = "A=1"
  content_type = "text/plain"
  tags         = { part = "env" }
}
"""


@pytest.fixture
def s3(account):
    """S3's client; what the test leaves is removed."""
    client = account.client("s3")
    yield client
    for bucket in client.list_buckets()["Buckets"]:
        name = bucket["Name"]
        held = client.list_object_versions(Bucket=name)
        for one in held.get("Versions", []) + held.get("DeleteMarkers", []):
            client.delete_object(Bucket=name, Key=one["Key"], VersionId=one["VersionId"])
        client.delete_bucket(Bucket=name)


@pytest.fixture
def name(account):
    return f"bucket-{account.number}"


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def objects(ecsd):
    """Return the files on disk that hold objects, of every account."""
    return {path for path in (ecsd.folder / "data" / "objects").glob("*/*") if path.is_file()}


def test_the_cli_copies_syncs_presigns_and_a_kill_loses_nothing(ecsd, s3, name, command, tmp_path):
    def aws(*words):
        code, said = command("aws", *words)
        assert code == 0, said
        return said

    before = objects(ecsd)
    aws("s3", "mb", f"s3://{name}")
    large, back = tmp_path / "large", tmp_path / "back"
    large.write_bytes(os.urandom(SIZE))
    aws("s3", "cp", "--quiet", str(large), f"s3://{name}/large")
    assert s3.head_object(Bucket=name, Key="large")["ETag"].endswith('-8"')
    server = ecsd.pids()["server"]
    os.kill(server, signal.SIGKILL)
    eventually(lambda: ecsd.pids().get("server") not in (None, server), 20)
    aws("s3", "cp", "--quiet", f"s3://{name}/large", str(back))
    assert digest(back) == digest(large)
    folder = tmp_path / "site"
    (folder / "a b").mkdir(parents=True)
    for number in range(5):
        (folder / "a b" / f"{number}+ü.txt").write_text(f"{number}")
    aws("s3", "sync", str(folder), f"s3://{name}/site")
    (folder / "a b" / "0+ü.txt").unlink()
    aws("s3", "sync", "--delete", str(folder), f"s3://{name}/site")
    listed = aws("s3", "ls", "--recursive", f"s3://{name}/site/")
    assert re.findall(r"site/a b/(\d)\+ü\.txt", listed) == ["1", "2", "3", "4"]
    url = aws("s3", "presign", f"s3://{name}/site/a b/1+ü.txt").strip()
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.read() == b"1"
    by_host = {"Host": f"{name}.s3.localhost", "Range": "bytes=0-9"}
    request = urllib.request.Request(f"{ecsd.endpoint}/large", headers=by_host)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert (answer.status, answer.read()) == (206, large.read_bytes()[:10])
    aws("s3", "rb", "--force", f"s3://{name}")
    assert objects(ecsd) <= before


@pytest.mark.skipif(not SHARED.exists(), reason="the Terraform configurations are not here")
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_terraform_cycles_a_bucket_and_what_belongs_to_it(ecsd, account, s3, name, tmp_path):
    for file in ("versions.tf", "providers.tf"):
        shutil.copy(SHARED.parent / "core" / file, tmp_path)
    (tmp_path / "main.tf").write_text(MAIN + 'variable "aws_region" { default = "us-east-1" }\n')
    terraform = Terraform(tmp_path, ecsd, account.number)
    terraform.run("init", "-input=false", *plugins())
    named = f"-var=name={name}"
    try:
        terraform.run("apply", "-auto-approve", named)
        clean = terraform.run("plan", "-detailed-exitcode", named, check=False)
        assert clean.returncode == 0, clean.stdout
        found = s3.get_object(Bucket=name, Key="env/app.env")
        assert (found["Body"].read(), found["ContentType"]) == (b"A=1", "text/plain")
    finally:
        terraform.run("destroy", "-auto-approve", named)
    assert s3.list_buckets()["Buckets"] == []
