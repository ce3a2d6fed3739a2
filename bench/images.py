"""Images pushed to ECR and pulled from it by docker, against a bare registry on the same disk."""

import io
import os
import subprocess
import tarfile
import tempfile
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench import machine
from bench.scene import prepared
from bench.table import Group, Row, interleaved, seconds_ratio
from tests.integration.sample import eventually
from tests.integration.test_images import Docker

BYTES, ROUNDS = 250_000_000, 3
PORT = 4799  # of the bare registry
BARE = """version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


class Registries(NamedTuple):
    """docker, logged in to ours; a repository there, and one of the bare registry."""

    docker: Docker
    ours: str
    bare: str
    images: list[str]

    def push(self, repository):
        """Return the seconds to push the newest image."""
        reference = f"{repository}:{len(self.images)}"
        machine.run("docker", "tag", self.images[-1], reference)
        return self._timed("push", reference)

    def pull(self, repository):
        """Return the seconds to pull the newest image, of which the Engine has nothing left."""
        reference = f"{repository}:{len(self.images)}"
        self.forget()
        return self._timed("pull", reference)

    def forget(self):
        """Take the newest image out of the Engine, by all its names."""
        tag = len(self.images)
        for name in (self.images[-1], f"{self.ours}:{tag}", f"{self.bare}:{tag}"):
            subprocess.run(["docker", "rmi", name], capture_output=True, check=False)

    def another(self):
        """Make an image of a layer that no registry has."""
        name = f"ecsd-bench/random:{len(self.images) + 1}"
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as archive:
            entry = tarfile.TarInfo("random")
            entry.size = BYTES
            archive.addfile(entry, io.BytesIO(os.urandom(BYTES)))
        subprocess.run(
            ["docker", "import", "-", name],
            input=content.getvalue(),
            check=True,
            capture_output=True,
        )
        self.images.append(name)

    def _timed(self, verb, reference):
        began = time.perf_counter()
        done = self.docker.run(verb, reference)
        assert done.returncode == 0, done.stderr
        return time.perf_counter() - began


@contextmanager
def opened():
    with ExitStack() as stack:
        scene = stack.enter_context(prepared())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecsd-bench-")))
        stack.enter_context(_bare_registry(folder))
        docker = Docker(folder / "docker", scene.account)
        docker.login()
        made = scene.account.client("ecr").create_repository(repositoryName="bench")
        ours = made["repository"]["repositoryUri"]
        registries = Registries(docker, ours, f"127.0.0.1:{PORT}/bench", [])
        try:
            yield registries
        finally:
            registries.forget()


@contextmanager
def _bare_registry(folder):
    config = folder / "config.yml"
    config.write_text(BARE.format(folder=folder / "data", port=PORT))
    with subprocess.Popen(["docker-registry", "serve", config], stderr=subprocess.DEVNULL) as one:
        try:
            eventually(lambda: f":{PORT} " in machine.run("ss", "-Hltn"), 10)
            yield
        finally:
            one.terminate()


def both(registries):
    """Pushed and pulled, the same image to and from both, each round another one."""
    taken = []
    for _ in range(ROUNDS):
        registries.another()
        pushed = interleaved(*(partial(registries.push, one) for one in registries[1:3]), rounds=1)
        pulled = interleaved(*(partial(registries.pull, one) for one in registries[1:3]), rounds=1)
        registries.forget()
        taken.append((*pushed, *pulled))
    push, bare_push, pull, bare_pull = (
        sorted(one)[ROUNDS // 2] for one in zip(*taken, strict=True)
    )
    return f"push {seconds_ratio(push, bare_push)}, pull {seconds_ratio(pull, bare_pull)}"


GROUP = Group(
    opened,
    (Row("a 250 MB image pushed and pulled, against the bare registry", "≤ 1.1 each", both),),
)
