"""What tasks are told at 169.254.170.2: their own, and nobody else's."""

import json
from datetime import timedelta
from http import HTTPStatus

import pytest
from msgspec.structs import replace

from ecsd.agent.containers.task_endpoint import TaskEndpoint
from ecsd.agent.drivers.link_local import Asked
from ecsd.agent.task_roles import TaskRoles
from ecsd.clock import VIRTUAL_START, SystemClock
from ecsd.decisions.containers.container_order import Seen
from ecsd.decisions.containers.task_endpoint import container_id, credentials_id
from ecsd.decisions.request_rate import Rate
from ecsd.decisions.tasks.task_metadata import TaskSeen
from ecsd.errors import EngineError
from ecsd.records.plan import RoleCredentials, RolesPlan
from tests.agent.fake_logs import FakeLogs
from tests.agent.task_world import ARN, plan

OWN, OTHER = "10.0.1.9", "10.0.1.10"
PLAN = plan(vpc_id="vpc-1", address=OWN, endpoint_key="k", task_role=True, execution_role=True)
V4 = f"/v4/{container_id('k', 'app')}"
OFTEN = Rate(1000, 1000)
STATE = f"/api/{container_id('k', 'app')}/task-protection/v1/state"


def credentials(name):
    return RoleCredentials(
        role_arn=f"arn:aws:iam::000000000000:role/{name}",
        access_key_id=f"ASIA{name}",
        secret_access_key="hidden",
        token="token",
        expires_at=VIRTUAL_START + timedelta(hours=6),
    )


ROLES = RolesPlan(
    task_arn=ARN, endpoint_key="k", task=credentials("app"), execution=credentials("pulls")
)
OTHERS = RolesPlan(task_arn="arn:other", endpoint_key="o", task=credentials("other"))


class Tasks:
    """Two tasks of a VPC; the Engine measures one of them."""

    def __init__(self, endpoint=""):
        self.own = replace(PLAN, logs_endpoint=endpoint)
        self.words = None

    def seen_at(self, vpc_id, address):
        view = {"app": Seen(status="RUNNING", runtime_id="c1")}
        found = {
            ("vpc-1", OWN): self.own,
            ("vpc-1", OTHER): replace(PLAN, task_arn="arn:other", address=OTHER, endpoint_key="o"),
        }.get((vpc_id, address))
        return TaskSeen(found, view, "RUNNING") if found else None

    @property
    def measures(self):
        return self

    async def stats(self, seen, runtime_ids, *, rates):
        if self.words:
            raise EngineError(self.words)
        return {one: {"id": one, "rates": rates} for one in runtime_ids}

    async def storage(self, seen):
        return {"Utilized": 3, "Reserved": 20480}

    def clock(self, seen):
        return None


@pytest.fixture
async def roles():
    made = TaskRoles()
    await made.apply(ROLES)
    await made.apply(OTHERS)
    return made


@pytest.fixture
def ask(roles):
    def endpoint(tasks=None, rate=OFTEN):
        made = TaskEndpoint(SystemClock(), tasks or Tasks(), roles, rate)

        async def ask(path, peer=OWN, method="GET", body=b"", vpc_id="vpc-1"):
            answered = await made.answer(Asked(vpc_id, peer, method, path, body))
            return answered.status, json.loads(answered.body or b"null")

        return ask

    return endpoint


async def test_a_task_gets_its_own_roles_credentials(ask):
    path = f"/v2/credentials/{credentials_id('k', 'task')}"
    assert await ask()(path) == (
        HTTPStatus.OK,
        {
            "RoleArn": "arn:aws:iam::000000000000:role/app",
            "AccessKeyId": "ASIAapp",
            "SecretAccessKey": "hidden",
            "Token": "token",
            "Expiration": f"{ROLES.task.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        },
    )


@pytest.mark.parametrize(
    ("path", "peer", "vpc_id", "code"),
    [
        (f"/v2/credentials/{credentials_id('k', 'task')}", OTHER, "vpc-1", "InvalidIdInRequest"),
        (f"/v2/credentials/{credentials_id('k', 'task')}", OWN, "vpc-2", "InvalidIdInRequest"),
        (f"/v2/credentials/{credentials_id('o', 'task')}", OWN, "vpc-1", "InvalidIdInRequest"),
        (f"/v2/credentials/{credentials_id('k', 'execution')}", OWN, "vpc-1", "InvalidIdInRequest"),
        ("/v2/credentials/guessed", OWN, "vpc-1", "InvalidIdInRequest"),
        ("/v2/credentials/", OWN, "vpc-1", "NoIdInRequest"),
        ("/v2/credentials", OWN, "vpc-1", "NoIdInRequest"),
    ],
)
async def test_nobody_gets_anothers(ask, path, peer, vpc_id, code):
    status, told = await ask()(path, peer, vpc_id=vpc_id)
    assert (status, told["code"]) == (HTTPStatus.BAD_REQUEST, code)


async def test_what_was_taken_away_is_handed_out_no_more(ask, roles):
    path = f"/v2/credentials/{credentials_id('k', 'task')}"
    await roles.apply(replace(ROLES, task=credentials("renewed")))
    assert (await ask()(path))[1]["AccessKeyId"] == "ASIArenewed"
    await roles.remove(ARN)
    assert (await ask()(path))[0] == HTTPStatus.BAD_REQUEST


async def test_metadata_in_all_versions(ask):
    tell = ask()
    for version in ("v3", "v4"):
        path = f"/{version}/{container_id('k', 'app')}"
        assert (await tell(path))[1]["Name"] == "app"
        for whole in ("task", "taskWithTags"):
            assert (await tell(f"{path}/{whole}"))[1]["TaskARN"] == ARN
        stats = {"id": "c1", "rates": version == "v4"}
        assert (await tell(f"{path}/stats"))[1] == stats
        assert (await tell(f"{path}/task/stats"))[1] == {"c1": stats}
    measured = (await tell(f"{V4}/task"))[1]
    assert measured["EphemeralStorageMetrics"] == {"Utilized": 3, "Reserved": 20480}
    assert "ClockDrift" not in measured  # it is not known
    assert (await tell("/v2/metadata"))[1]["TaskARN"] == ARN
    assert (await tell("/v2/metadata/c1"))[1]["Name"] == "app"
    stats = {"id": "c1", "rates": False}
    assert (await tell("/v2/stats"))[1] == {"c1": stats}
    assert (await tell("/v2/stats/c1"))[1] == stats


@pytest.mark.parametrize(
    ("path", "peer"),
    [
        (V4, OTHER),
        (f"{V4}/task", "10.9.9.9"),
        (f"{V4}/nothing", OWN),
        ("/v4/guessed/task", OWN),
        ("/v2/metadata/c2", OWN),
        ("/", OWN),
        ("/latest/meta-data/", OWN),
        (STATE, OTHER),
    ],
)
async def test_what_is_not_its_own_is_not_found(ask, path, peer):
    assert (await ask()(path, peer))[0] == HTTPStatus.NOT_FOUND


async def test_metadata_is_only_read(ask):
    assert (await ask()(V4, method="PUT"))[0] == HTTPStatus.METHOD_NOT_ALLOWED


async def test_stats_that_are_not_to_be_had_are_an_error(ask):
    tasks = Tasks()
    tasks.words = "the Engine is away"
    status, told = await ask(tasks)(f"{V4}/stats")
    assert (status, told) == (500, "no stats: the Engine is away")


async def test_a_task_that_asks_too_often_is_put_off_and_no_other(ask):
    tell = ask(rate=Rate(1, 2))
    assert [(await tell(V4))[0] for _ in range(3)] == [200, 200, 429]
    assert (await tell("/v2/metadata", OTHER))[0] == 200


class Protection(FakeLogs):
    """ECS, as far as protection goes."""

    def __init__(self):
        super().__init__()
        self.answer = 200, {"protectedTasks": [{"protectionEnabled": True, "taskArn": ARN}]}

    def _answer(self, operation, members):
        return self.answer


async def test_protection_is_asked_for_in_the_tasks_role(ask):
    async with Protection().listening() as ecs:
        tell = ask(Tasks(ecs.endpoint))
        wanted = json.dumps({"ProtectionEnabled": True, "ExpiresInMinutes": 5}).encode()
        told = {"protection": {"ProtectionEnabled": True, "TaskArn": ARN}}
        assert await tell(STATE, method="PUT", body=wanted) == (200, told)
        assert await tell(STATE) == (200, told)
        ecs.answer = 200, {"failures": [{"arn": ARN, "reason": "TASK_NOT_VALID"}]}
        told = {"failure": {"Arn": ARN, "Reason": "TASK_NOT_VALID"}}
        assert await tell(STATE) == (200, told)
        ecs.answer = 400, {"__type": "AccessDeniedException", "message": "no"}
        status, answer = await tell(STATE)
        assert (status, answer["error"]["Code"]) == (400, "AccessDeniedException")
    assert [(operation, key) for operation, _, key in ecs.asked[:2]] == [
        ("UpdateTaskProtection", "ASIAapp"),
        ("GetTaskProtection", "ASIAapp"),
    ]
    assert ecs.asked[0][1] == {
        "cluster": "c",
        "tasks": [ARN],
        "protectionEnabled": True,
        "expiresInMinutes": 5,
    }


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"ProtectionEnabled": "yes"}', b'{"ExpiresInMinutes": 5}']
)
async def test_protection_that_is_not_said_right_is_refused(ask, body):
    status, told = await ask()(STATE, method="PUT", body=body)
    assert (status, told["error"]["Code"]) == (400, "InvalidParameterException")


async def test_protection_needs_a_role_and_faults_are_not_injected(ask, roles):
    await roles.remove(ARN)
    assert (await ask()(STATE))[0] == HTTPStatus.FORBIDDEN
    path = f"/api/{container_id('k', 'app')}/fault/v1/network-latency/stop"
    status, told = await ask()(path, method="POST")
    assert (status, "enableFaultInjection" in told["Error"]) == (400, True)
