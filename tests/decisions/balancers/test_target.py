"""Targets: registered, drained, and the table of shown health."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from ecsd.decisions.balancers.target import (
    delay_seconds,
    drain,
    drained_at,
    place,
    register,
    shown_health,
)
from ecsd.records.elbv2.target_group import HealthCheck, TargetGroup

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=10)
ARN = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/web/0123456789abcdef"
GROUP = TargetGroup(
    target_group_arn=ARN,
    name="web",
    protocol="HTTP",
    protocol_version="HTTP1",
    port=80,
    vpc_id="vpc-1",
    target_type="ip",
    health_check=HealthCheck(),
)
UNUSED = ("unused", "Target.NotInUse")


def registered(known=None, now=NOW):
    return register(
        known,
        target_group_arn=ARN,
        target_id="10.0.0.9",
        port=80,
        availability_zone="us-east-1a",
        now=now,
    )


def test_a_new_target_waits_for_its_first_check():
    target = registered()
    assert target.place == place(ARN, "10.0.0.9", 80)
    assert (target.state, target.reason) == ("initial", "Elb.RegistrationInProgress")


def test_registering_again_changes_nothing():
    healthy = replace(registered(), state="healthy", reason=None, task_arn="arn:task")
    assert registered(healthy, LATER) is healthy


def test_registering_while_it_drains_begins_anew():
    draining = drain(replace(registered(), state="healthy", reason=None), NOW)
    again = registered(draining, LATER)
    assert (again.draining_since, again.state, again.registered_at) == (None, "initial", LATER)


def test_a_drain_begins_once_and_lasts_the_groups_delay():
    draining = drain(drain(registered(), NOW), LATER)
    assert drained_at(draining, 300) == NOW + timedelta(seconds=300)
    assert drained_at(draining, 0) == NOW
    assert drained_at(registered(), 300) is None


def test_the_delay_is_five_minutes_by_default():
    assert delay_seconds(GROUP) == 300
    short = {"deregistration_delay.timeout_seconds": "5"}
    assert delay_seconds(replace(GROUP, attributes=short)) == 5


def test_a_function_does_not_drain():
    assert delay_seconds(replace(GROUP, target_type="lambda")) == 0


@pytest.mark.parametrize(
    ("state", "draining", "in_use", "zone", "shown"),
    [
        ("initial", False, True, True, ("initial", "Elb.RegistrationInProgress")),
        ("unhealthy", False, True, True, ("unhealthy", "Target.Timeout")),
        ("healthy", False, True, True, ("healthy", None)),
        ("healthy", False, False, True, UNUSED),
        ("healthy", False, True, False, UNUSED),
        ("initial", False, False, False, UNUSED),
        ("healthy", True, True, True, ("draining", "Target.DeregistrationInProgress")),
        ("unhealthy", True, True, False, ("draining", "Target.DeregistrationInProgress")),
    ],
)
def test_shown_health(state, draining, in_use, zone, shown):
    reasons = {"healthy": None, "unhealthy": "Target.Timeout"}
    target = registered()
    target = replace(target, state=state, reason=reasons.get(state, target.reason))
    if draining:
        target = drain(target, NOW)
    health = shown_health(target, GROUP, in_use=in_use, zone_enabled=zone)
    assert (health["State"], health.get("Reason")) == shown
    assert (set(health) == {"State"}) == (state == "healthy" and shown[0] == "healthy")


def test_the_two_kinds_of_unused_are_told_apart():
    target = registered()
    no_listener = shown_health(target, GROUP, in_use=False, zone_enabled=True)
    other_zone = shown_health(target, GROUP, in_use=True, zone_enabled=False)
    assert no_listener["Description"] == (
        "Target group is not configured to receive traffic from the load balancer"
    )
    assert other_zone["Description"] == (
        "Target is in an Availability Zone that is not enabled for the load balancer"
    )


def test_without_checks_health_is_not_available():
    group = replace(GROUP, health_check=HealthCheck(enabled=False))
    health = shown_health(registered(), group, in_use=True, zone_enabled=True)
    assert health == {
        "State": "unavailable",
        "Reason": "Target.HealthCheckDisabled",
        "Description": "Health checks are disabled",
    }
