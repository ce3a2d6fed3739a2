"""Lifecycle policies: which images of a repository go by themselves, and a look at that before."""

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.ecr.lifecycle import Rule, evaluate, read_policy
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecr.image import has_status
from ecsd.operations.ecr.paging import page
from ecsd.operations.ecr.refusal import invalid
from ecsd.records.ecr.repository import LifecyclePreview, PreviewedImage, Repository
from ecsd.store.finders.ecr import candidates_of, require_repository, scope_of

KEPT = timedelta(days=1)  # a preview


@operation("ecr", "PutLifecyclePolicy")
async def put_lifecycle_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Set the policy; it is applied from now on."""
    text = request["lifecyclePolicyText"]
    _rules(text)
    scope = scope_of(call.scope, request)
    async with call.store.transaction(scope) as change:
        repository = require_repository(change, request["repositoryName"])
        changed = replace(repository, lifecycle_policy=text)
        change.put(changed)
    return _named(changed, scope.account)


@operation("ecr", "GetLifecyclePolicy")
async def get_lifecycle_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the policy, and when it was applied last."""
    scope = scope_of(call.scope, request)
    repository = require_repository(call.store.view(scope), request["repositoryName"])
    return _full(_with_policy(repository, scope.account), scope.account)


@operation("ecr", "DeleteLifecyclePolicy")
async def delete_lifecycle_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove the policy; returns what it was."""
    scope = scope_of(call.scope, request)
    async with call.store.transaction(scope) as change:
        found = require_repository(change, request["repositoryName"])
        repository = _with_policy(found, scope.account)
        change.put(replace(repository, lifecycle_policy=None, lifecycle_evaluated_at=None))
    return _full(repository, scope.account)


@operation("ecr", "StartLifecyclePolicyPreview")
async def start_lifecycle_policy_preview(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Find out what a policy, the repository's own unless one is given, would have expire."""
    scope, now = scope_of(call.scope, request), call.clock.now()
    async with call.store.transaction(scope) as change:
        repository = require_repository(change, request["repositoryName"])
        text = request.get("lifecyclePolicyText")
        if text is None:
            text = _with_policy(repository, scope.account).lifecycle_policy or ""
        expired = evaluate(_rules(text), candidates_of(change, repository), now).expired
        preview = LifecyclePreview(
            arn=repository.arn,
            policy=text,
            images=tuple(
                PreviewedImage(
                    digest=image.digest,
                    image_tags=image.tags,
                    pushed_at=image.pushed_at,
                    priority=priority,
                )
                for image, priority in expired
            ),
            expires_at=now + KEPT,
        )
        change.put(preview)
    return {
        **_named(repository, scope.account),
        "lifecyclePolicyText": text,
        "status": "IN_PROGRESS",
    }


@operation("ecr", "GetLifecyclePolicyPreview")
async def get_lifecycle_policy_preview(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return what the previewed policy would have expired when it was previewed."""
    scope = scope_of(call.scope, request)
    view = call.store.view(scope)
    repository = require_repository(view, request["repositoryName"])
    preview = view.get(LifecyclePreview, repository.arn)
    if preview is None or preview.expires_at <= call.clock.now():
        raise AwsError(
            "LifecyclePolicyPreviewNotFoundException",
            "Lifecycle policy preview does not exist for the repository with name "
            f"'{repository.repository_name}' in the registry with id '{scope.account}'",
        )
    status = (request.get("filter") or {}).get("tagStatus")
    wanted = [one for one in preview.images if has_status(one.image_tags, status)]
    if request.get("imageIds"):
        ids = request["imageIds"]
        digests = {one.get("imageDigest") for one in ids} - {None}
        tags = {one.get("imageTag") for one in ids} - {None}
        wanted = [one for one in wanted if one.digest in digests or tags & set(one.image_tags)]
    shown, rest = page(wanted, request, lambda one: one.digest)
    return {
        **_named(repository, scope.account),
        "lifecyclePolicyText": preview.policy,
        "status": "COMPLETE",
        "previewResults": [
            {
                "imageDigest": one.digest,
                "imageTags": list(one.image_tags),
                "imagePushedAt": one.pushed_at,
                "action": {"type": "EXPIRE"},
                "appliedRulePriority": one.priority,
            }
            for one in shown
        ],
        "summary": {"expiringImageTotalCount": len(preview.images)},
        **rest,
    }


def _rules(text: str) -> tuple[Rule, ...]:
    rules = read_policy(text)
    if isinstance(rules, str):
        raise invalid("LifecyclePolicyText", f"Lifecycle policy validation failure: {rules}")
    return rules


def _with_policy(repository: Repository, account: str) -> Repository:
    if repository.lifecycle_policy is None:
        raise AwsError(
            "LifecyclePolicyNotFoundException",
            "Lifecycle policy does not exist for the repository with name "
            f"'{repository.repository_name}' in the registry with id '{account}'",
        )
    return repository


def _named(repository: Repository, account: str) -> dict[str, Any]:
    given = {"registryId": account, "repositoryName": repository.repository_name}
    if repository.lifecycle_policy is not None:
        given["lifecyclePolicyText"] = repository.lifecycle_policy
    return given


def _full(repository: Repository, account: str) -> dict[str, Any]:
    return {
        **_named(repository, account),
        "lastEvaluatedAt": repository.lifecycle_evaluated_at,
    }
