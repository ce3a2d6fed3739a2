"""Images of ECR: always asked for, in the execution role's name, refused in ECS's words."""

import base64
from datetime import UTC, datetime

from ecsd.agent.containers.log_credentials import LogCredentials
from ecsd.agent.containers.registry_access import Login, RegistryAccess, RegistryAuthError
from ecsd.agent.task_roles import TaskRoles
from ecsd.clock import SystemClock
from ecsd.records.plan import RoleCredentials, RolesPlan
from ecsd.settings import Settings
from tests.agent.fake_logs import FakeLogs
from tests.agent.task_world import ARN, plan

IMAGE = "localhost:4766/000000000000/eu-west-1/app:1"
GIVEN = "000000000000.dkr.ecr.eu-west-1.amazonaws.com/app:1"
LOGIN = Login("AWS", "secret")


class Access:
    """Gives a login, or refuses with words."""

    def __init__(self, words=None):
        self.words = words
        self.asked = []

    async def login(self, plan, image):
        self.asked.append((plan.task_arn, image))
        if self.words:
            raise RegistryAuthError(self.words)
        return LOGIN


def of_ecr(**more):
    return plan({"name": "app", "image": GIVEN}, ecr_images={"app": IMAGE}, **more)


def test_an_image_that_is_here_is_asked_for_all_the_same(live):
    async def scenario(world):
        world.tasks._host.registry = access = Access()
        world.engine.images.add(IMAGE)
        world.engine.registry.add(IMAGE)
        await world.apply(of_ecr())
        assert world.last().phase == "RUNNING"
        assert access.asked == [(ARN, IMAGE)]
        assert world.engine.logins == [LOGIN]
        assert ("pull", IMAGE) in world.engine.calls
        assert world.engine.bodies["ecsd-0123-app"]["Image"] == IMAGE

    live(scenario)


def test_no_authorization_ends_the_task_in_its_words(live):
    async def scenario(world):
        world.tasks._host.registry = Access("ResourceInitializationError: no")
        world.engine.images.add(IMAGE)
        await world.apply(of_ecr())
        last = world.last()
        assert (last.phase, last.stop_code) == ("STOPPED", "TaskFailedToStart")
        assert last.stopped_reason == "ResourceInitializationError: no"
        assert not world.engine.logins

    live(scenario)


def test_an_image_that_the_role_may_not_have_is_told_as_the_task_names_it(live):
    async def scenario(world):
        world.tasks._host.registry = Access()
        world.engine.images.add(IMAGE)
        words = 'Head "http://localhost:4766/v2/x": denied: User: arn:x is not authorized'
        world.engine.refusals["pull", IMAGE] = words
        await world.apply(of_ecr())
        assert world.last().stopped_reason == (
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
            f"resolve ref {GIVEN}: pulling from host {GIVEN.partition('/')[0]} failed with status "
            "code [manifests 1]: 403 Forbidden: denied: User: arn:x is not authorized"
        )

    live(scenario)


def test_an_image_that_is_not_there_is_told(live):
    async def scenario(world):
        world.tasks._host.registry = Access()
        await world.apply(of_ecr())
        assert world.last().stopped_reason.endswith(
            f"failed to resolve ref {GIVEN}: {GIVEN}: not found"
        )

    live(scenario)


class FakeEcr(FakeLogs):
    """Answers GetAuthorizationToken."""

    answer = (
        200,
        {"authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:pw").decode()}]},
    )

    def _answer(self, operation, members):
        return self.answer


def access_of(*roles):
    clock, known = SystemClock(), TaskRoles()
    known._plans.update({one.task_arn: one for one in roles})
    return RegistryAccess(LogCredentials(Settings(), clock, known), clock)


async def test_the_execution_role_asks_for_the_token():
    role = RoleCredentials(
        role_arn="r",
        access_key_id="ASIA1",
        secret_access_key="s",
        token="t",
        expires_at=datetime(2030, 1, 1, tzinfo=UTC),
    )
    roles = RolesPlan(task_arn=ARN, endpoint_key="k", execution=role)
    async with FakeEcr().listening() as ecr:
        task = of_ecr(logs_endpoint=ecr.endpoint)
        assert await access_of(roles).login(task, IMAGE) == Login("AWS", "pw")
        assert await access_of().login(task, IMAGE) == Login("AWS", "pw")
    assert [(operation, key) for operation, _, key in ecr.asked] == [
        ("GetAuthorizationToken", "ASIA1"),
        ("GetAuthorizationToken", "000000000000"),
    ]


async def refusal(task):
    try:
        await access_of().login(task, IMAGE)
    except RegistryAuthError as error:
        return str(error)
    raise AssertionError("it was let in")


async def test_a_refusal_is_told_in_ecss_words():
    async with FakeEcr().listening() as ecr:
        ecr.answer = 400, {"__type": "com.amazon#AccessDeniedException", "message": "User: x"}
        assert await refusal(of_ecr(logs_endpoint=ecr.endpoint)) == (
            "ResourceInitializationError: unable to pull secrets or registry auth: execution "
            "resource retrieval failed: unable to retrieve ecr registry auth: service call has "
            "been retried 1 time(s): AccessDeniedException: User: x"
        )
        on_ec2 = of_ecr(logs_endpoint=ecr.endpoint, launch_type="EC2")
        assert await refusal(on_ec2) == (
            "CannotPullECRContainerError: AccessDeniedException: User: x"
        )
    assert len(ecr.asked) == 2


async def test_silence_is_asked_again(monkeypatch):
    monkeypatch.setattr("ecsd.agent.containers.registry_access.PAUSE", 0.0)
    async with FakeEcr().listening() as ecr:
        pass  # nobody listens any more
    words = await refusal(of_ecr(logs_endpoint=ecr.endpoint))
    assert "service call has been retried 3 time(s): RequestError: send request failed" in words
