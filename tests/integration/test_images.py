"""ECR end to end: docker login, push and pull, and tasks that run what was pushed."""

import base64
import io
import json
import os
import signal
import subprocess
import tarfile
import urllib.request
from hashlib import sha256
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from ecsd.agent.drivers.registry_process import RegistryProcess
from ecsd.certificates.authority import Authority
from ecsd.clock import SystemClock
from ecsd.decisions.ecr.registry_config import Place, compile_registry
from ecsd.store.images import RegistryImages, Where
from tests.integration.sample import ASSUME, eventually
from tests.store.image_contract import CONTRACT, OCI, PATH, digest_of, manifest, upload

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

EXECUTION = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
ENTERS = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}],
}


class Docker:
    """A person with docker, logged in to nothing but what the test says."""

    def __init__(self, folder, account):
        self.folder = folder
        self.account = account
        self.made = []

    def run(self, *words, said=None):
        return subprocess.run(
            ["docker", "--config", str(self.folder), *words],
            input=said,
            capture_output=True,
            text=True,
            check=False,
        )

    def login(self):
        (given,) = self.account.client("ecr").get_authorization_token()["authorizationData"]
        user, _, password = base64.b64decode(given["authorizationToken"]).decode().partition(":")
        host = given["proxyEndpoint"].removeprefix("http://")
        done = self.run("login", "-u", user, "--password-stdin", host, said=password)
        assert done.returncode == 0, done.stderr

    def push(self, image, reference):
        """Return what docker says of pushing an image under another name."""
        self.made.append(reference)
        assert self.run("tag", image, reference).returncode == 0
        done = self.run("push", reference)
        return done.stdout if done.returncode == 0 else done.stderr

    def another(self, name):
        """Return an image of one small file."""
        self.made.append(name)
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("marked"))
        done = subprocess.run(
            ["docker", "import", "-", name],
            input=content.getvalue(),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return name


@pytest.fixture
def ecr(account):
    return account.client("ecr")


@pytest.fixture
def docker(tmp_path, account):
    one = Docker(tmp_path, account)
    yield one
    for name in one.made:
        one.run("rmi", "-f", name)


def repository(ecr, name="team/app", **members):
    return ecr.create_repository(repositoryName=name, **members)["repository"]


def test_docker_pushes_and_pulls_and_an_immutable_tag_stays(docker, ecr, image):
    uri = repository(ecr, imageTagMutability="IMMUTABLE")["repositoryUri"]
    refused = docker.run("pull", f"{uri}:1")
    docker.login()
    other = docker.another("ecsd/test-second:1")

    assert "digest: sha256:" in docker.push(image, f"{uri}:1")
    (shown,) = ecr.describe_images(repositoryName="team/app")["imageDetails"]
    assert shown["imageTags"] == ["1"]
    assert shown["imageSizeInBytes"] > 500_000
    assert "the tag is immutable" in docker.push(other, f"{uri}:1")
    assert [one["imageTag"] for one in ecr.list_images(repositoryName="team/app")["imageIds"]] == [
        "1"
    ]
    assert "does not exist in the registry" in docker.push(image, f"{uri}/nosuch:1")
    assert refused.returncode != 0

    docker.run("rmi", f"{uri}:1")
    assert docker.run("pull", f"{uri}:1").returncode == 0
    assert docker.run("pull", f"{uri}@{shown['imageDigest']}").returncode == 0
    ecr.batch_delete_image(repositoryName="team/app", imageIds=[{"imageTag": "1"}])
    assert docker.run("pull", f"{uri}:1").returncode != 0
    docker.push(image, f"{uri}:2")
    with pytest.raises(ClientError, match="RepositoryNotEmpty"):
        ecr.delete_repository(repositoryName="team/app")
    ecr.delete_repository(repositoryName="team/app", force=True)


def test_a_layer_goes_in_and_out_by_the_api(ecr):
    repository(ecr, "by-api")
    layer = b"layer" * 1000
    config = b"{}"
    parts = {}
    for content in (layer, config):
        digest = f"sha256:{sha256(content).hexdigest()}"
        upload = ecr.initiate_layer_upload(repositoryName="by-api")["uploadId"]
        half = len(content) // 2
        for first, part in ((0, content[:half]), (half, content[half:])):
            ecr.upload_layer_part(
                repositoryName="by-api",
                uploadId=upload,
                partFirstByte=first,
                partLastByte=first + len(part) - 1,
                layerPartBlob=part,
            )
        ecr.complete_layer_upload(repositoryName="by-api", uploadId=upload, layerDigests=[digest])
        parts[digest] = len(content)
    (one, two) = ({"digest": digest, "size": size} for digest, size in parts.items())
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": two | {"mediaType": "application/vnd.oci.image.config.v1+json"},
        "layers": [one | {"mediaType": "application/vnd.oci.image.layer.v1.tar"}],
    }
    text = json.dumps(manifest)
    ecr.put_image(repositoryName="by-api", imageManifest=text, imageTag="a")
    (got,) = ecr.batch_get_image(repositoryName="by-api", imageIds=[{"imageTag": "a"}])["images"]
    assert got["imageManifest"] == text
    url = ecr.get_download_url_for_layer(repositoryName="by-api", layerDigest=one["digest"])
    with urllib.request.urlopen(url["downloadUrl"], timeout=10) as answer:
        assert answer.read() == layer
    text = text.replace(one["digest"], f"sha256:{'0' * 64}")
    with pytest.raises(ClientError, match="LayersNotFound"):
        ecr.put_image(repositoryName="by-api", imageManifest=text)


class Tasks:
    """Tasks of one image, each with an execution role of its own."""

    def __init__(self, account, image):
        self.account = account
        self.image = image
        account.network()
        account.ecs.create_cluster(clusterName="prod")

    def run(self, role, policy=None, managed=None):
        iam = self.account.iam
        arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=ASSUME)["Role"]["Arn"]
        if policy:
            iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=json.dumps(policy))
        if managed:
            iam.attach_role_policy(RoleName=role, PolicyArn=managed)
        definition = self.account.ecs.register_task_definition(
            family=role,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            executionRoleArn=arn,
            containerDefinitions=[
                {"name": "app", "image": self.image, "command": ["sleep", "600"], "stopTimeout": 2}
            ],
        )["taskDefinition"]["taskDefinitionArn"]
        network = {"subnets": self.account.private, "securityGroups": [self.account.task_group]}
        (task,) = self.account.ecs.run_task(
            cluster="prod",
            taskDefinition=definition,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": network},
        )["tasks"]
        return task["taskArn"]

    def until(self, arn, status):
        def reached():
            (task,) = self.account.ecs.describe_tasks(cluster="prod", tasks=[arn])["tasks"]
            return task["lastStatus"] == status and task

        return eventually(reached, seconds=30)

    def allowed(self, role, *actions):
        arn = f"arn:aws:iam::{self.account.number}:role/{role}"
        answer = self.account.iam.simulate_principal_policy(
            PolicySourceArn=arn, ActionNames=actions
        )
        return [one["EvalDecision"] for one in answer["EvaluationResults"]]


def test_a_task_runs_what_was_pushed_as_far_as_its_execution_role_may(
    ecsd, account, docker, ecr, image
):
    uri = repository(ecr)["repositoryUri"]
    docker.login()
    docker.push(image, f"{uri}:1")
    given = f"{account.number}.dkr.ecr.us-east-1.amazonaws.com/team/app:1"
    tasks = Tasks(account, given)
    asked = ("ecr:GetAuthorizationToken", "ecr:BatchGetImage")

    good = tasks.run("pulls", managed=EXECUTION)
    outside = tasks.run("outside")
    inside = tasks.run("inside", ENTERS)

    running = tasks.until(good, "RUNNING")
    assert running["containers"][0]["image"] == given
    (shown,) = ecr.describe_images(repositoryName="team/app")["imageDetails"]
    assert running["containers"][0]["imageDigest"] == shown["imageDigest"]
    assert tasks.allowed("pulls", *asked) == ["allowed", "allowed"]

    stopped = tasks.until(outside, "STOPPED")
    who = f"arn:aws:sts::{account.number}:assumed-role/outside/{outside.rpartition('/')[2]}"
    assert stopped["stoppedReason"] == (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
        "retrieval failed: unable to retrieve ecr registry auth: service call has been retried 1 "
        f"time(s): AccessDeniedException: User: {who} is not authorized to perform: "
        "ecr:GetAuthorizationToken on resource: * because no identity-based policy allows the "
        "ecr:GetAuthorizationToken action"
    )
    why = ecsd.run("why", outside).stdout
    assert "role outside lacks ecr:GetAuthorizationToken on *" in why
    assert tasks.allowed("outside", *asked) == ["implicitDeny", "implicitDeny"]

    # The image is on this host by now; the role has to be allowed all the same.
    stopped = tasks.until(inside, "STOPPED")
    assert stopped["stoppedReason"].startswith(
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
        f"resolve ref {given}: pulling from host "
    )
    arn = f"arn:aws:ecr:us-east-1:{account.number}:repository/team/app"
    assert f"ecr:BatchGetImage on resource: {arn}" in stopped["stoppedReason"]
    assert f"role inside lacks ecr:BatchGetImage on {arn}" in ecsd.run("why", inside).stdout
    assert tasks.allowed("inside", *asked) == ["allowed", "implicitDeny"]


def test_the_registry_comes_back_and_goes_on_without_the_agent(ecsd, account, docker, ecr, image):
    uri = repository(ecr, "lasting")["repositoryUri"]
    docker.login()
    docker.push(image, f"{uri}:1")
    note = Path(ecsd.environment["ECSD_RUN_DIR"]) / "registry" / "running.json"
    before = json.loads(note.read_text())["process"]

    agent = ecsd.pids()["agent"]
    os.kill(agent, signal.SIGKILL)
    assert docker.run("pull", f"{uri}:1").returncode == 0
    assert eventually(lambda: ecsd.pids().get("agent", agent) != agent)
    os.kill(before, signal.SIGKILL)
    assert docker.run("pull", f"{uri}:1").returncode == 0  # it is waited for
    assert json.loads(note.read_text())["process"] != before


@pytest.fixture
async def registry(tmp_path):
    """A registry of its own behind a socket, with what the server reaches it by."""
    clock, key = SystemClock(), Authority(None).token_key
    folder, blobs = tmp_path / "run", tmp_path / "blobs"
    folder.mkdir()
    (folder / "tokens.pem").write_text(key.certificate())
    socket, nowhere = folder / "registry.sock", ("127.0.0.1", 1)
    place = Place(nowhere, nowhere, str(socket), str(blobs), str(folder / "tokens.pem"))
    config = compile_registry(place, "localhost:1", "secret")
    process = RegistryProcess(folder, clock, lambda: None)
    await process.serve(config)
    images = RegistryImages(Where(socket, blobs, nowhere), key, clock)
    yield images, process, config, blobs
    await images.close()
    await process.stop()


@pytest.mark.parametrize("does", CONTRACT, ids=lambda one: one.__name__)
async def test_the_real_registry(registry, does):
    await does(registry[0])


async def test_blobs_that_no_manifest_names_are_collected(registry):
    images, process, config, blobs = registry
    layers = [await upload(images, PATH, name * 1000) for name in (b"a", b"b")]
    first, second = (manifest(one) for one in layers)
    for content in (first, second):
        assert await images.put_manifest(PATH, content, OCI) is None
    await images.free(PATH, digest_of(first))
    held = sum(1 for _ in blobs.rglob("data"))
    await process.collect(config)
    await process.serve(config)
    assert sum(1 for _ in blobs.rglob("data")) == held - 2  # the layer, and the manifest itself
    assert await images.blob_size(PATH, layers[0]["digest"]) is None
    assert await images.manifest(PATH, digest_of(second), OCI) == second
    again = await upload(images, PATH, b"a" * 1000)
    assert await images.blob_size(PATH, again["digest"]) == 1000
