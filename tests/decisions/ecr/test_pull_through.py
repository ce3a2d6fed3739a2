"""Whose images a repository holds, what upstream calls it, and when upstream is asked."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.clock import VIRTUAL_START
from ecsd.decisions.ecr.pull_through import (
    CACHE,
    FRESH,
    is_due,
    nearest,
    template_for,
    upstream_of,
    upstream_repository,
)
from ecsd.records.ecr.pull_through import PullThroughCacheRule, RepositoryCreationTemplate

TIMES = {"created_at": VIRTUAL_START, "updated_at": VIRTUAL_START}
PARTS = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=4).map("/".join)


def rule(prefix, upstream=None):
    return PullThroughCacheRule(
        prefix=prefix,
        upstream_url="quay.io",
        upstream_registry="quay",
        upstream_prefix=upstream,
        **TIMES,
    )


def template(prefix, *applied):
    return RepositoryCreationTemplate(prefix=prefix, applied_for=applied or (CACHE,), **TIMES)


@pytest.mark.parametrize(
    ("name", "prefixes", "found"),
    [
        ("quay/team/app", ("quay",), "quay"),
        ("quay/team/app", ("quay", "quay/team", "ROOT"), "quay/team"),
        ("quay/other/app", ("quay", "quay/team", "ROOT"), "quay"),
        ("app", ("quay", "ROOT"), "ROOT"),
        ("app", ("quay",), None),
        ("quay", ("quay",), None),  # the prefix itself names nothing upstream
        ("quayside/app", ("quay",), None),
        ("q/app", ("ROOT", "q"), "q"),  # shorter than the word ROOT
    ],
)
def test_the_longest_prefix_counts(name, prefixes, found):
    chosen = nearest(name, [rule(one) for one in prefixes])
    assert (chosen.prefix if chosen else None) == found


@pytest.mark.parametrize(
    ("name", "prefix", "upstream", "expected"),
    [
        ("quay/team/app", "quay", "ROOT", "team/app"),
        ("quay/team/app", "quay", None, "team/app"),
        ("hub/nginx", "hub", "library", "library/nginx"),
        ("team/app", "ROOT", "ROOT", "team/app"),
        ("app", "ROOT", "team", "team/app"),
        ("a/a/b", "a", "ROOT", "a/b"),
    ],
)
def test_what_upstream_calls_it(name, prefix, upstream, expected):
    assert upstream_repository(name, rule(prefix, upstream)) == expected


@given(PARTS, PARTS, PARTS)
def test_two_names_below_a_rule_are_never_one_upstream(prefix, one, other):
    names = {upstream_repository(f"{prefix}/{name}", rule(prefix)) for name in (one, other)}
    assert names == {one, other}


def test_templates_of_other_purposes_are_passed_over():
    known = [template("a/b", "REPLICATION"), template("a"), template("ROOT")]
    assert template_for("a/b/c", known).prefix == "a"
    assert template_for("x", known).prefix == "ROOT"
    assert template_for("x", known[:1]) is None


@pytest.mark.parametrize(
    ("host", "name", "secret"),
    [
        ("quay.io", "quay", False),
        ("registry-1.docker.io", "docker-hub", True),
        ("mine.azurecr.io", "azure-container-registry", True),
        (".azurecr.io", None, None),
        ("10.0.0.1/.azurecr.io", None, None),  # asked would be another host
        ("10.0.0.1:80#x.azurecr.io", None, None),
        ("me@x.azurecr.io", None, None),
        ("mine.azurecr.io.evil.com", None, None),
        ("azurecr.io", None, None),
        ("docker.io", None, None),
        ("evil.com/quay.io", None, None),
    ],
)
def test_registries_that_ecr_knows(host, name, secret):
    found = upstream_of(host)
    assert (found.name, found.secret) == (name, secret) if name else found is None


@pytest.mark.parametrize(
    ("known", "due", "by_digest", "expected"),
    [
        (False, None, False, True),
        (False, None, True, True),
        (False, FRESH, False, True),  # it was deleted here
        (True, None, False, False),  # somebody pushed it
        (True, timedelta(seconds=1), False, False),
        (True, timedelta(0), False, True),
        (True, timedelta(0), True, False),  # a digest never means anything else
    ],
)
def test_when_upstream_is_asked(known, due, by_digest, expected):
    due_at = None if due is None else VIRTUAL_START + due
    asked = is_due(known=known, due_at=due_at, by_digest=by_digest, now=VIRTUAL_START)
    assert asked is expected
