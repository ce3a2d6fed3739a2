"""Health that is asked for and comes into force; when tasks are to be found."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ecsd.decisions.dns.discovery import HEALTH_WAIT, ask_health, is_name, settle_health
from ecsd.decisions.dns.registration import is_registered, task_health
from ecsd.records.ecs.task import Container, Task
from ecsd.records.servicediscovery.instance import Instance

NOW = datetime(2026, 1, 1, tzinfo=UTC)
INSTANCE = Instance(place="s|i", service_id="s", instance_id="i", attributes={}, registered_at=NOW)


def after(seconds):
    return NOW + timedelta(seconds=seconds)


def test_a_change_is_in_force_after_thirty_seconds_and_asking_again_does_not_hasten_it():
    asked = ask_health(INSTANCE, "UNHEALTHY", NOW)
    again = ask_health(asked, "UNHEALTHY", after(20))
    assert again.changes_at == NOW + HEALTH_WAIT
    assert settle_health(again, after(29)).health == "HEALTHY"
    settled = settle_health(again, after(30))
    assert (settled.health, settled.changes_to, settled.changes_at) == ("UNHEALTHY", None, None)


def test_going_back_in_time_takes_the_change_away():
    asked = ask_health(INSTANCE, "UNHEALTHY", NOW)
    assert ask_health(asked, "HEALTHY", after(10)) == INSTANCE


says = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from(["HEALTHY", "UNHEALTHY"])), max_size=8
)


@given(says)
def test_what_was_said_last_and_stood_for_thirty_seconds_is_in_force(words):
    instance, at = INSTANCE, 0
    for pause, status in words:
        at += pause
        instance = ask_health(settle_health(instance, after(at)), status, after(at))
    instance = settle_health(instance, after(at + 30))
    assert instance.health == (words[-1][1] if words else "HEALTHY")
    assert instance.changes_at is None


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("prod.local", True),
        ("_web._tcp.prod.local", True),
        ("x" * 63, True),
        ("x" * 64, False),
        ("a..b", False),
        ("", False),
        ("a b", False),
        ("é.local", False),
        (".".join(["x" * 63] * 4)[:253], True),
        (".".join(["x" * 63] * 4), False),
    ],
)
def test_names_are_what_dns_can_carry(name, valid):
    assert is_name(name) == valid


TASK = Task(
    task_arn="arn:task",
    task_id="1",
    cluster="c",
    cluster_arn="arn:c",
    task_definition="web:1",
    task_definition_arn="arn:d",
    group="service:web",
    containers=(Container(name="app", container_arn="a", image="i"),),
    attachment_status="ATTACHED",
    last_status="RUNNING",
    created_at=NOW,
)
CHECKED = replace(TASK, containers=(replace(TASK.containers[0], has_health_check=True),))


@pytest.mark.parametrize(
    ("changes", "registered"),
    [
        ({}, True),
        ({"last_status": "ACTIVATING"}, True),
        ({"last_status": "PENDING"}, False),
        ({"attachment_status": "PRECREATED"}, False),
        ({"desired_status": "STOPPED"}, False),
        ({"last_status": "DEACTIVATING"}, False),
        ({"health_status": "HEALTHY"}, True),
        ({"health_status": "UNHEALTHY"}, False),
    ],
)
def test_a_task_is_found_from_its_interface_to_its_end(changes, registered):
    assert is_registered(replace(TASK, **changes)) == registered


@pytest.mark.parametrize(
    ("task", "health"),
    [
        (TASK, "HEALTHY"),
        (replace(TASK, last_status="ACTIVATING"), "UNHEALTHY"),
        (CHECKED, "UNHEALTHY"),
        (replace(CHECKED, health_status="HEALTHY"), "HEALTHY"),
    ],
)
def test_a_task_is_healthy_once_it_runs_and_its_checks_pass(task, health):
    assert task_health(task) == health
