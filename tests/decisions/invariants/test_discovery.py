"""Each contradiction of Cloud Map's records is found, and nothing else."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from ecsd.decisions.invariants.discovery import Discovery, check_discovery
from ecsd.records.ecs.task import Task
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.namespace import Namespace
from ecsd.records.servicediscovery.service import DiscoveryService

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMESPACE = Namespace(
    namespace_id="ns-1",
    arn="arn:ns",
    name="prod.local",
    http_name="prod.local",
    type="DNS_PRIVATE",
    operation_id="o",
    created_at=NOW,
)
SERVICE = DiscoveryService(
    service_id="srv-1", arn="arn:1", name="web", namespace_id="ns-1", created_at=NOW
)
TASK = Task(
    task_arn="arn:task",
    task_id="1",
    cluster="c",
    cluster_arn="arn:c",
    task_definition="web:1",
    task_definition_arn="arn:d",
    group="service:web",
    containers=(),
    created_at=NOW,
)
INSTANCE = Instance(
    place="srv-1|1",
    service_id="srv-1",
    instance_id="1",
    attributes={},
    task_arn="arn:task",
    registered_at=NOW,
)
SOUND = Discovery([NAMESPACE], [SERVICE], [INSTANCE], [TASK])


def test_what_is_sound_is_not_found():
    assert list(check_discovery(SOUND)) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"namespaces": []}, "belongs to no namespace"),
        ({"services": [SERVICE, replace(SERVICE, service_id="s", arn="a", name="WEB")]}, "name of"),
        ({"instances": [replace(INSTANCE, service_id="srv-2", place="srv-2|1")]}, "of no service"),
        ({"instances": [replace(INSTANCE, place="srv-1|2")]}, "another instance's key"),
        ({"tasks": []}, "outlived arn:task"),
        ({"tasks": [replace(TASK, last_status="STOPPED")]}, "outlived arn:task"),
        ({"services": [replace(SERVICE, ecs_service_arn="arn:ecs")]}, "outlived arn:ecs"),
    ],
)
def test_a_contradiction_is_found(changes, words):
    (found,) = check_discovery(SOUND._replace(**changes))
    assert (found.severity, words in found.words) == ("fatal", True)
