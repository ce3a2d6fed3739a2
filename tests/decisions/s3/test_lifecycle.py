"""When things expire: midnights, filters, versions, markers."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.s3.lifecycle import (
    abort_of,
    applies,
    expired_versions,
    expiry_of,
    is_stray_marker,
    midnight_after,
)
from ecsd.records.s3.bucket import LifecycleRule
from ecsd.records.s3.stored_object import MultipartUpload, StoredObject
from ecsd.records.tag import Tag

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def rule(**more):
    return LifecycleRule(**{"rule_id": "r", "enabled": True, **more})


def stored(name="logs/a", **more):
    given = {"place": name, "bucket": "b", "name": name, "modified_at": NOON, "size": 10}
    return StoredObject(**given | more)


@given(st.datetimes(timezones=st.just(UTC)), st.integers(1, 400))
def test_days_end_at_the_midnight_that_follows(moment, days):
    if moment.year > 9990:
        return
    midnight = midnight_after(moment, days)
    assert (midnight.hour, midnight.minute, midnight.second, midnight.microsecond) == (0,) * 4
    assert moment + days * DAY <= midnight < moment + (days + 1) * DAY


def test_the_earliest_rule_decides():
    rules = [rule(expiration_days=3), rule(rule_id="s", expiration_days=1, prefix="logs/")]
    expiry = expiry_of(rules, stored())
    assert (expiry.rule_id, expiry.at) == ("s", datetime(2026, 3, 3, tzinfo=UTC))
    assert expiry_of(rules, stored("other")).rule_id == "r"
    assert expiry_of(rules, stored(delete_marker=True)) is None
    assert expiry_of([rule(expiration_date=NOON - 9 * DAY)], stored()).at == NOON


@pytest.mark.parametrize(
    ("more", "fits"),
    [
        ({}, True),
        ({"enabled": False}, False),
        ({"prefix": "logs/"}, True),
        ({"prefix": "x"}, False),
        ({"greater_than": 10}, False),
        ({"greater_than": 9, "less_than": 11}, True),
        ({"less_than": 10}, False),
        ({"tags": (Tag(key="a", value="1"),)}, True),
        ({"tags": (Tag(key="a", value="2"),)}, False),
    ],
)
def test_filters(more, fits):
    assert applies(rule(**more), stored(tags=(Tag(key="a", value="1"),))) is fits


def test_noncurrent_versions_go_but_for_the_newest_of_them():
    old = [stored(place=f"{at}", noncurrent_at=NOON - at * DAY) for at in range(1, 5)]
    versions = [stored(), *old]
    gone = expired_versions([rule(noncurrent_days=1)], versions, NOON)
    assert [one.place for one in gone] == ["2", "3", "4"]
    kept = rule(noncurrent_days=1, newer_noncurrent=3)
    assert [one.place for one in expired_versions([kept], versions, NOON)] == ["4"]


def test_a_marker_alone_is_stray():
    marker = stored(delete_marker=True)
    rules = [rule(expired_delete_marker=True)]
    assert is_stray_marker(rules, [marker])
    assert not is_stray_marker(rules, [marker, stored()])
    assert not is_stray_marker([rule(expiration_days=1)], [marker])


def test_uploads_are_given_up():
    upload = MultipartUpload(
        upload_id="u", bucket="b", name="logs/a", initiated_at=NOON, initiator=""
    )
    assert abort_of([rule(abort_days=2)], upload).at == datetime(2026, 3, 4, tzinfo=UTC)
    assert abort_of([rule(abort_days=2, prefix="x")], upload) is None
