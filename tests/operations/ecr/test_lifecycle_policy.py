"""Lifecycle policies: kept, previewed."""

import json

import pytest

RULE = {
    "rulePriority": 1,
    "description": "one image is enough, whatever its tag; the others are of no use to anybody",
    "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1},
    "action": {"type": "expire"},
}
POLICY = json.dumps({"rules": [RULE]})


@pytest.fixture
async def app(ask):
    await ask("CreateRepository", repositoryName="app")
    return {"repositoryName": "app"}


async def test_a_policy_is_kept_until_it_is_deleted(ask, refused, app):
    none = await refused("GetLifecyclePolicy", **app)
    assert none.code == "LifecyclePolicyNotFoundException"
    await ask("PutLifecyclePolicy", **app, lifecyclePolicyText=POLICY)
    assert (await ask("GetLifecyclePolicy", **app))["lifecyclePolicyText"] == POLICY
    assert (await ask("DeleteLifecyclePolicy", **app))["lifecyclePolicyText"] == POLICY
    none = await refused("DeleteLifecyclePolicy", **app)
    assert none.code == "LifecyclePolicyNotFoundException"


async def test_a_policy_that_says_nothing_is_refused(refused, app):
    text = POLICY.replace("imageCountMoreThan", "imageCount")
    error = await refused("PutLifecyclePolicy", **app, lifecyclePolicyText=text)
    assert error.code == "InvalidParameterException"
    assert "countType" in error.message


async def test_a_preview_says_what_would_go_and_nothing_goes(ask, refused, push, app, clock):
    assert (await refused("GetLifecyclePolicyPreview", **app)).code == (
        "LifecyclePolicyPreviewNotFoundException"
    )
    assert (await refused("StartLifecyclePolicyPreview", **app)).code == (
        "LifecyclePolicyNotFoundException"
    )
    old = await push("app", "old", "v1")
    clock.move(minutes=1)
    await push("app", "new", "v2")
    started = await ask("StartLifecyclePolicyPreview", **app, lifecyclePolicyText=POLICY)
    assert started["status"] == "IN_PROGRESS"
    shown = await ask("GetLifecyclePolicyPreview", **app)
    assert shown["status"] == "COMPLETE"
    (one,) = shown["previewResults"]
    assert (one["imageDigest"], one["imageTags"]) == (old, ["v1"])
    assert (one["appliedRulePriority"], one["action"]) == (1, {"type": "EXPIRE"})
    assert shown["summary"]["expiringImageTotalCount"] == 1
    untagged = await ask("GetLifecyclePolicyPreview", **app, filter={"tagStatus": "UNTAGGED"})
    assert untagged["previewResults"] == []
    named = await ask("GetLifecyclePolicyPreview", **app, imageIds=[{"imageTag": "v2"}])
    assert named["previewResults"] == []
    assert len((await ask("ListImages", **app))["imageIds"]) == 2
    clock.move(days=1)
    assert (await refused("GetLifecyclePolicyPreview", **app)).code == (
        "LifecyclePolicyPreviewNotFoundException"
    )
