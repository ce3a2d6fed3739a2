"""Health checks: what is refused, whom a checker may ask, and who is healthy in the end."""

from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ecsd.decisions.dns.health_check import (
    compile_endpoint_check,
    config_problems,
    is_askable,
    is_healthy,
    is_only_seen,
    sums_up_itself,
)
from ecsd.records.route53.health_check import CheckSeen, HealthCheck, HealthCheckConfig

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WEB = HealthCheckConfig(
    type="HTTP", ip_address="127.0.0.1", port=80, request_interval=30, failure_threshold=3
)
SUM = HealthCheckConfig(type="CALCULATED", health_threshold=1)


def check(own, config=WEB, healthy=None):
    return HealthCheck(
        health_check_id=own,
        caller_reference=own,
        config=config,
        healthy=healthy,
        created_at=NOW,
    )


def words(config, *, strict=False):
    return " ".join(config_problems(config, strict=strict))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (replace(WEB, ip_address=None), "IPAddress or FullyQualifiedDomainName"),
        (replace(WEB, type="TCP", port=None), "Port must be"),
        (replace(WEB, type="TCP", resource_path="/"), "ResourcePath"),
        (replace(WEB, type="HTTP_STR_MATCH"), "SearchString"),
        (replace(WEB, search_string="x"), "SearchString"),
        (replace(WEB, enable_sni=True), "EnableSNI cannot"),
        (replace(WEB, type="HTTPS", enable_sni=True), "EnableSNI needs"),
        (replace(WEB, request_interval=20), "RequestInterval"),
        (replace(WEB, regions=("us-east-1", "us-west-1", "mars")), "mars"),
        (replace(WEB, resource_path="/a b"), "ResourcePath"),
        (replace(WEB, resource_path="/a\r\nHost: x"), "ResourcePath"),
        (replace(WEB, health_threshold=1), "CALCULATED"),
        (replace(SUM, health_threshold=None), "HealthThreshold"),
        (replace(SUM, child_health_checks=("a", "a")), "twice"),
        (replace(SUM, child_health_checks=tuple(map(str, range(256)))), "at most 255"),
        (replace(SUM, port=80), "Port"),
        (replace(SUM, measure_latency=True), "MeasureLatency"),
        (replace(SUM, regions=("us-east-1",)), "Regions"),
    ],
)
def test_a_configuration_that_contradicts_itself_is_told_why(config, said):
    assert said in words(config)


def test_what_fits_is_not_refused():
    assert words(WEB) == words(SUM) == ""
    assert words(replace(WEB, type="HTTPS", fully_qualified_domain_name="a", enable_sni=True)) == ""


@pytest.mark.parametrize(
    ("address", "local", "strict"),
    [
        ("8.8.8.8", True, True),
        ("2001:4860:4860::8888", True, True),
        ("127.0.0.1", True, False),
        ("::1", True, False),
        ("10.0.0.1", False, False),
        ("192.168.1.1", False, False),
        ("100.64.0.1", False, False),
        ("169.254.169.254", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("fd00:ec2::254", False, False),
        ("224.0.0.1", False, False),
        ("0.0.0.0", False, False),
    ],
)
def test_an_address_is_checked_where_the_internet_or_the_own_machine_has_it(address, local, strict):
    one = replace(WEB, ip_address=address)
    assert (words(one) == "", words(one, strict=True) == "") == (local, strict)


@given(st.ip_addresses())
def test_a_name_never_leads_to_metadata_and_in_strict_mode_to_the_internet_alone(address):
    if is_askable(str(address), strict=True):
        assert address.is_global
        assert is_askable(str(address), strict=False)
    if is_askable(str(address), strict=False):
        assert not address.is_link_local


def test_link_local_addresses_stay_out_however_they_are_written():
    for address in ("169.254.169.254", "::ffff:169.254.169.254", "fe80::1%eth0"):
        assert not is_askable(address, strict=False), address
    assert is_askable("10.0.0.1", strict=False)
    assert not is_askable("10.0.0.1", strict=True)
    assert ip_address("100.64.0.1").is_private is False  # the standard library's view
    assert not is_askable("100.64.0.1", strict=True)


def test_health_is_what_is_known_and_turned_round_where_asked():
    for healthy, plain in ((None, True), (True, True), (False, False)):
        for config in (WEB, replace(WEB, inverted=True)):
            one = check("a", config, healthy)
            assert is_healthy(one, {}.get) is (plain != config.inverted)
    off = replace(WEB, disabled=True)
    assert is_healthy(check("a", off, False), {}.get)
    assert not is_healthy(check("a", replace(off, inverted=True), True), {}.get)


@given(st.lists(st.booleans(), max_size=6), st.integers(0, 8))
def test_a_sum_is_healthy_when_as_many_children_are_as_it_asks_for(states, threshold):
    known = {str(n): check(str(n), healthy=one) for n, one in enumerate(states)}
    one = check("s", replace(SUM, health_threshold=threshold, child_health_checks=tuple(known)))
    assert is_healthy(one, known.get) is (sum(states) >= threshold)


def test_a_check_is_never_below_itself():
    known = {
        "a": check("a", replace(SUM, child_health_checks=("b",))),
        "b": check("b", replace(SUM, child_health_checks=("c", "w"))),
        "w": check("w"),
    }
    assert sums_up_itself("c", ("a",), known.get)
    assert not sums_up_itself("d", ("a", "gone"), known.get)


def test_what_a_host_asks_follows_from_the_configuration():
    named = replace(WEB, ip_address=None, port=None, fully_qualified_domain_name="web.localhost")
    plan = compile_endpoint_check(check("a", replace(named, resource_path="up")), "1", None)
    assert (plan.address, plan.name, plan.port, plan.path) == ("", "web.localhost", 80, "/up")
    plan = compile_endpoint_check(check("a", replace(named, type="HTTPS")), "1", "127.64.0.1")
    assert (plan.address, plan.is_balancer, plan.port) == ("127.64.0.1", True, 443)
    both = replace(named, ip_address="127.0.0.1")
    assert not compile_endpoint_check(check("a", both), "1", "127.64.0.1").is_balancer
    for nothing in (SUM, replace(WEB, disabled=True)):
        assert compile_endpoint_check(check("a", nothing), "1", None) is None


def test_another_finding_alone_alters_nothing():
    one = check("a")
    seen = CheckSeen(words="x", at=NOW)
    assert is_only_seen(one, replace(one, last=seen, last_failure=seen))
    assert not is_only_seen(one, replace(one, last=seen, healthy=False))
    assert not is_only_seen(None, one)
    assert not is_only_seen(one, None)
