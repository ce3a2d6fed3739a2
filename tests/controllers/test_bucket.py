"""Lifecycle rules are enforced at midnight."""

from datetime import timedelta

import pytest

from ecsd.clock import VIRTUAL_START, VirtualClock
from ecsd.controllers.bucket import BucketController
from ecsd.ids import SeededIds
from ecsd.records.s3.bucket import Bucket, LifecycleRule
from ecsd.records.s3.stored_object import MultipartUpload, StoredObject
from ecsd.store.blobs import Blobs
from ecsd.store.findings import all_findings
from ecsd.store.object_versions import enter_version
from ecsd.store.scope import Scope

OWNER = Scope("000000000000", "us-east-1").globally()
DAY = timedelta(days=1)


class Standing(VirtualClock):
    at = VIRTUAL_START + timedelta(hours=1)

    def now(self):
        return self.at


@pytest.fixture
def world(store, tmp_path):
    clock, ids = Standing(), SeededIds(3)
    blobs = Blobs(tmp_path, ids, bytes(32))
    controller = BucketController(store, blobs, clock, ids)
    yield store, clock, controller
    blobs.close()


async def made(store, clock, *names, versioning=None, **rule):
    rules = (LifecycleRule(rule_id="r", enabled=True, **rule),)
    bucket = Bucket(
        name="b", region="r", created_at=clock.at, versioning=versioning, lifecycle=rules
    )
    async with store.transaction(OWNER) as change:
        change.put(bucket)
        for number, name in enumerate(names):
            one = StoredObject(place="", bucket="b", name=name, modified_at=clock.at)
            enter_version(change, bucket, one, f"v{number}")


def left(store):
    return [
        (one.name, one.version_id, one.delete_marker) for _, one in store.everywhere(StoredObject)
    ]


async def test_an_object_expires_at_midnight_and_not_before(world):
    store, clock, controller = world
    await made(store, clock, "logs/a", "other", prefix="logs/", expiration_days=1)
    when = await controller.reconcile(OWNER, "b")
    assert when == VIRTUAL_START + DAY
    clock.at = when
    assert len(left(store)) == 2  # a day from 1 o'clock ends at the second midnight
    clock.at = await controller.reconcile(OWNER, "b")
    await controller.reconcile(OWNER, "b")
    assert left(store) == [("other", "null", False)]
    assert list(all_findings(store)) == []


async def test_it_is_looked_at_once_a_day(world):
    store, clock, controller = world
    await made(store, clock, "a", expiration_days=1)
    when = await controller.reconcile(OWNER, "b")
    revision = store.revision
    clock.at += timedelta(hours=3)
    assert await controller.reconcile(OWNER, "b") == when
    assert store.revision == revision


async def test_a_version_gets_a_marker_and_goes_later(world):
    store, clock, controller = world
    rule = {"expiration_days": 1, "noncurrent_days": 1}
    await made(store, clock, "a", versioning="Enabled", **rule)
    clock.at += 2 * DAY
    await controller.reconcile(OWNER, "b")
    assert [marker for _, _, marker in left(store)] == [False, True]
    clock.at += 2 * DAY
    await controller.reconcile(OWNER, "b")
    assert [marker for _, _, marker in left(store)] == [True]
    assert list(all_findings(store)) == []


async def test_an_upload_is_given_up(world):
    store, clock, controller = world
    await made(store, clock, abort_days=1)
    upload = MultipartUpload(
        upload_id="u", bucket="b", name="k", initiated_at=clock.at, initiator=""
    )
    async with store.transaction(OWNER) as change:
        change.put(upload)
    await controller.reconcile(OWNER, "b")
    assert store.view(OWNER).get(MultipartUpload, "u") == upload
    clock.at += 2 * DAY
    await controller.reconcile(OWNER, "b")
    assert store.view(OWNER).get(MultipartUpload, "u") is None


async def test_many_objects_are_looked_at_in_several_transactions(world, monkeypatch):
    store, clock, controller = world
    monkeypatch.setattr("ecsd.controllers.bucket.AT_ONCE", 2)
    await made(store, clock, *(f"{number}" for number in range(7)), expiration_days=1)
    clock.at += 2 * DAY
    await controller.reconcile(OWNER, "b")
    assert left(store) == []
