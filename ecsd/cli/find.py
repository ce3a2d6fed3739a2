"""Finding what a person means by a name, in every account and region."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ecsd.cli.api import Api, ApiError
from ecsd.cli.status import services, tasks
from ecsd.settings import Settings


@dataclass
class Found:
    """A service, or a single task, and where it lives."""

    api: Api
    cluster: str
    service: dict[str, Any] | None
    task: dict[str, Any] | None

    @property
    def definition(self) -> str:
        """The task definition's ARN."""
        if self.service is not None:
            return str(self.service["taskDefinition"])
        return str(self.task["taskDefinitionArn"]) if self.task else ""

    def task_ids(self) -> set[str]:
        """Return the ids of its tasks, stopped ones too."""
        if self.task is not None:
            return {self.task["taskArn"].rpartition("/")[2]}
        return {one["taskArn"].rpartition("/")[2] for one in self.tasks()}

    def tasks(self) -> list[dict[str, Any]]:
        """Return the service's tasks, running and stopped."""
        name = self.service["serviceName"] if self.service else ""
        both = tasks(self.api, self.cluster) + tasks(self.api, self.cluster, "STOPPED")
        return [one for one in both if one["group"] == f"service:{name}"]


def apis(settings: Settings) -> Iterator[Api]:
    """Yield every account and region that holds something."""
    for scope in Api(settings).inspect("scopes"):
        yield Api(settings, scope["account"], scope["region"])


def find_service_or_task(settings: Settings, name: str) -> Found | None:
    """Return the first service of that name or ARN, else the task of that id (or its beginning)."""
    for api in apis(settings):
        for cluster in api.ask("ecs", "ListClusters").get("clusterArns", []):
            found = _in_cluster(api, cluster, name)
            if found is not None:
                return found
    return None


def _in_cluster(api: Api, cluster: str, name: str) -> Found | None:
    for service in services(api, cluster):
        if name in {service["serviceName"], service["serviceArn"]}:
            return Found(api, cluster, service, None)
    try:
        both = tasks(api, cluster) + tasks(api, cluster, "STOPPED")
    except ApiError:
        return None  # the cluster went away between two calls
    for task in both:
        arn = task["taskArn"]
        if name == arn or (len(name) >= 8 and arn.rpartition("/")[2].startswith(name)):  # noqa: PLR2004 - a short prefix may mean many
            return Found(api, cluster, None, task)
    return None
