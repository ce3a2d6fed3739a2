"""Names as the C libraries in containers see them: glibc's, musl's and busybox's resolvers."""

import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest

from tests.integration.sample import eventually
from tests.integration.test_names import CHECK, container, inside, names  # noqa: F401 - a fixture

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
SOURCE = Path(__file__).with_name("resolve.c")
LIBRARIES = {"glibc": ("gcc", "-lresolv"), "musl": ("musl-gcc", "-static")}
ASKED = 15


@pytest.fixture
def resolvers(tmp_path):
    """Ways to ask in a task: addresses of a name, or its SRV records."""
    found = [asked_of_busybox]
    for library, (compiler, option) in LIBRARIES.items():
        if shutil.which(compiler) is None:
            pytest.skip(f"{compiler} is missing: apt-get install gcc libc6-dev musl-tools")
        program = tmp_path / f"resolve-{library}"
        subprocess.run([compiler, "-o", program, SOURCE, option], check=True)
        found.append(partial(asked_of, program))
    return found


def asked_of(program, task, name, *, services=False):
    """Return what a program of ours hears."""
    place = f"{container(task)}:/tmp/{program.name}"
    subprocess.run(["docker", "cp", program, place], check=True, capture_output=True)
    said = inside(task, f"/tmp/{program.name}", *(["-s"] if services else []), name)
    return sorted(said.splitlines())


def asked_of_busybox(task, name, *, services=False):
    """Return what ``nslookup`` shows; of SRV records what it says behind ``service =``."""
    if services:
        said = inside(task, "nslookup", "-type=srv", name)
        return sorted(
            one.partition("service = ")[2] for one in said.splitlines() if "service" in one
        )
    answer = inside(task, "nslookup", "-type=a", name).partition("Name:")[2]
    return sorted(
        one.partition("Address")[2].split(":", 1)[1].strip()
        for one in answer.splitlines()
        if one.startswith("Address")
    )


def test_names_are_the_same_to_every_resolver(names, account, resolvers):  # noqa: F811
    def heard(name, **more):
        return [resolve(client, name, **more) for resolve in resolvers]

    definition = account.register(healthCheck=CHECK | {"retries": 3})
    weighted = names.cloud_map.create_service(
        Name="one",
        NamespaceId=names.namespace,
        DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 0}], "RoutingPolicy": "WEIGHTED"},
    )["Service"]["Arn"]
    names.service("web", definition, 3, names.registry("web"))
    names.service("api", definition, 1, names.registry("api", "SRV"), port=8080)
    names.service("one", definition, 2, weighted)
    tasks = names.running("web", 3)
    (client,) = names.running("api", 1)
    names.running("one", 2)
    wanted = names.addresses("web")
    eventually(lambda: {one["healthStatus"] for one in names.tasks("web")} == {"HEALTHY"})
    eventually(lambda: heard("web.prod.local") == [wanted] * len(resolvers))

    sick = account.address(tasks[0])
    inside(tasks[0], "touch", "/tmp/sick")
    eventually(lambda: not any(sick in one for one in heard("web.prod.local")))
    for answer in heard("web.prod.local"):
        assert set(wanted) - {sick} <= set(answer)

    task_id = client["taskArn"].rpartition("/")[2]
    record = f"1 1 8080 {task_id}.api.prod.local"
    for answer in heard("api.prod.local", services=True):
        assert answer == [record]
    for answer in heard(f"{task_id}.api.prod.local"):
        assert answer == names.addresses("api")
    answers = [answer for _ in range(ASKED) for answer in heard("one.prod.local")]
    assert {len(one) for one in answers} == {1}
    assert {one[0] for one in answers} == set(names.addresses("one"))
    for answer in heard("nobody.prod.local"):
        assert not [one for one in answer if one.startswith("10.")]
