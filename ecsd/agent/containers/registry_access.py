"""How tasks get images of ECR: in their execution role's name, as the ECS agent does.

Source: Amazon ECS Developer Guide, task execution IAM role; captured stoppedReasons of Fargate.
"""

import base64

from ecsd.agent.api_client import ApiClient, ApiError
from ecsd.agent.containers.log_credentials import LogCredentials
from ecsd.clock import Clock
from ecsd.decisions.containers.startup_values import Login
from ecsd.decisions.ecr.names import own_reference
from ecsd.decisions.tasks import stop_cause
from ecsd.errors import EcsdError
from ecsd.records.plan import TaskPlan

ATTEMPTS = 3
PAUSE = 0.5  # seconds
TARGET = ("ecr", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken")


class RegistryAuthError(EcsdError):
    """No authorization token; the text is the task's or the container's reason."""


class RegistryAccess:
    """Authorization tokens, one for each pull."""

    def __init__(self, credentials: LogCredentials, clock: Clock) -> None:
        self._credentials = credentials
        self._clock = clock
        self._api = ApiClient(clock)

    async def login(self, plan: TaskPlan, image: str) -> Login:
        """Return what a task's image is pulled with.

        Raises:
            RegistryAuthError: the role may not, or nobody answers.
        """
        keys = self._credentials.keys(plan.account, plan.task_arn)
        registry, _, _ = image.partition("/")
        reference = own_reference(image, registry)
        region = reference.place.region if reference else plan.region
        place, words = (plan.logs_endpoint, region), ""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = await self._api.ask(place, keys, TARGET, {})
            except ApiError as error:
                words = str(error)
                if error.code:
                    break
            else:
                token = answer["authorizationData"][0]["authorizationToken"]
                user, _, password = base64.b64decode(token).decode().partition(":")
                return Login(user, password)
            if attempt < ATTEMPTS:
                await self._clock.sleep(PAUSE)
        raise RegistryAuthError(stop_cause.registry_failure(words, attempt, plan.launch_type))
