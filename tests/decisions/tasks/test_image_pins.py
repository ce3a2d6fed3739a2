"""A deployment's images are those of its first task, as far as versionConsistency wants it."""

from datetime import UTC, datetime

from ecsd.decisions.tasks.image_pins import pinned
from ecsd.records.ecs.service_deployment import ServiceRevision
from ecsd.records.ecs.task import Container, Task
from ecsd.records.ecs.task_definition import TaskDefinition

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_each_container_is_pinned_unless_it_goes_with_its_tag():
    definitions = (
        {"name": "registry", "image": "app:1"},
        {"name": "local", "image": "built:1", "versionConsistency": "enabled"},
        {"name": "loose", "image": "app:latest", "versionConsistency": "disabled"},
    )
    definition = TaskDefinition(
        name="web:1",
        arn="arn",
        family="web",
        revision=1,
        container_definitions=definitions,
        registered_at=NOW,
        registered_by="me",
    )
    seen = {"registry": ("sha256:1", "app@sha256:1"), "local": (None, "sha256:2")}
    seen["loose"] = ("sha256:3", "app@sha256:3")
    task = Task(
        task_arn="arn:task",
        task_id="1",
        cluster="c",
        cluster_arn="arn:c",
        task_definition="web:1",
        task_definition_arn="arn",
        group="service:web",
        containers=tuple(
            Container(
                name=name, container_arn="a", image="i", image_digest=digest, image_reference=ref
            )
            for name, (digest, ref) in seen.items()
        ),
        created_at=NOW,
    )
    revision = ServiceRevision(
        arn="arn:revision",
        service_arn="arn:service",
        cluster_arn="arn:c",
        task_definition="web:1",
        task_definition_arn="arn",
        created_at=NOW,
    )
    after = pinned(revision, task, definition)
    assert after.image_digests == {"registry": "sha256:1"}
    assert after.image_references == {"registry": "app@sha256:1", "local": "sha256:2"}
