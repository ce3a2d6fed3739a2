"""Repository creation templates: what repositories are like that a pull makes.

Source: Amazon ECR API Reference, CreateRepositoryCreationTemplate and its kin.
"""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.ecr.lifecycle import read_policy
from ecsd.decisions.ecr.pull_through import CACHE, MOST_TEMPLATES
from ecsd.decisions.ecr.repository_policy import policy_fault
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecr.paging import page
from ecsd.operations.ecr.refusal import invalid, unsupported
from ecsd.operations.ecr.repository import AES256, read_mutability, shown_filters
from ecsd.operations.ecr.tag import merged
from ecsd.records.ecr.pull_through import RepositoryCreationTemplate
from ecsd.store.store import View


@operation("ecr", "CreateRepositoryCreationTemplate")
async def create_repository_creation_template(
    call: Call, request: dict[str, Any]
) -> dict[str, Any]:
    """Say what repositories below a prefix are to be like."""
    prefix, now = request["prefix"].removesuffix("/"), call.clock.now()
    template = _changed(
        RepositoryCreationTemplate(prefix=prefix, created_at=now, updated_at=now), request
    )
    async with call.transaction() as change:
        if change.get(RepositoryCreationTemplate, prefix) is not None:
            raise AwsError(
                "TemplateAlreadyExistsException",
                f"A repository creation template with prefix '{prefix}' already exists in the "
                f"registry with id '{call.scope.account}'",
            )
        if len(change.select(RepositoryCreationTemplate)) >= MOST_TEMPLATES:
            words = f"A registry may have at most {MOST_TEMPLATES} repository creation templates."
            raise AwsError("LimitExceededException", words)
        change.put(template)
    return _answer(call, template)


@operation("ecr", "UpdateRepositoryCreationTemplate")
async def update_repository_creation_template(
    call: Call, request: dict[str, Any]
) -> dict[str, Any]:
    """Change what is given; repositories that are there stay as they are."""
    async with call.transaction() as change:
        known = _require(change, request["prefix"])
        template = replace(_changed(known, request), updated_at=call.clock.now())
        change.put(template)
    return _answer(call, template)


@operation("ecr", "DeleteRepositoryCreationTemplate")
async def delete_repository_creation_template(
    call: Call, request: dict[str, Any]
) -> dict[str, Any]:
    """Remove a template."""
    async with call.transaction() as change:
        template = _require(change, request["prefix"])
        change.remove(template)
    return _answer(call, template)


@operation("ecr", "DescribeRepositoryCreationTemplates")
async def describe_repository_creation_templates(
    call: Call, request: dict[str, Any]
) -> dict[str, Any]:
    """Return templates by prefix, or all."""
    found = call.view.select(RepositoryCreationTemplate)
    wanted = {one.removesuffix("/") for one in request.get("prefixes") or ()}
    if wanted:
        found = [one for one in found if one.prefix in wanted]
    shown, rest = page(found, request, lambda one: one.prefix)
    listed = [_shown(one) for one in shown]
    return {"registryId": call.scope.account, "repositoryCreationTemplates": listed, **rest}


def _changed(
    template: RepositoryCreationTemplate, request: Mapping[str, Any]
) -> RepositoryCreationTemplate:
    """Return a template with what a request says of it, or refuse what has no effect."""
    _refuse(request)
    more: dict[str, Any] = {}
    if "description" in request:
        more["description"] = request["description"]
    if "imageTagMutability" in request:
        mutability, filters = read_mutability(request)
        more |= {"image_tag_mutability": mutability, "exclusion_filters": filters}
    elif "imageTagMutabilityExclusionFilters" in request:
        raise invalid("imageTagMutabilityExclusionFilters", "needs imageTagMutability")
    if "repositoryPolicy" in request:
        more["policy"] = _policy(request["repositoryPolicy"])
    if "lifecyclePolicy" in request:
        more["lifecycle_policy"] = _lifecycle(request["lifecyclePolicy"])
    if "resourceTags" in request:
        more["tags"] = merged((), request["resourceTags"])
    if "appliedFor" in request:
        more["applied_for"] = tuple(dict.fromkeys(request["appliedFor"]))
    return replace(template, **more)


def _refuse(request: Mapping[str, Any]) -> None:
    for what in request.get("appliedFor") or ():
        if what != CACHE:
            raise unsupported(f"appliedFor {what}")
    if request.get("customRoleArn") is not None:
        raise unsupported("customRoleArn")
    encryption = request.get("encryptionConfiguration") or {"encryptionType": AES256}
    if encryption["encryptionType"] != AES256 or "kmsKey" in encryption:
        raise unsupported(f"encryptionConfiguration.encryptionType {encryption['encryptionType']}")


def _policy(text: str) -> str | None:
    fault = policy_fault(text) if text else None
    if fault is not None:
        raise invalid("repositoryPolicy", f"Invalid repository policy provided: {fault}")
    return text or None


def _lifecycle(text: str) -> str | None:
    rules = read_policy(text) if text else ()
    if isinstance(rules, str):
        raise invalid("lifecyclePolicy", rules)
    return text or None


def _require(view: View, given: str) -> RepositoryCreationTemplate:
    found = view.get(RepositoryCreationTemplate, given.removesuffix("/"))
    if found is None:
        raise AwsError(
            "TemplateNotFoundException",
            f"The repository creation template with prefix '{given}' does not exist in the "
            f"registry with id '{view.scope.account}'",
        )
    return found


def _answer(call: Call, template: RepositoryCreationTemplate) -> dict[str, Any]:
    return {"registryId": call.scope.account, "repositoryCreationTemplate": _shown(template)}


def _shown(template: RepositoryCreationTemplate) -> dict[str, Any]:
    return {
        "prefix": template.prefix,
        "description": template.description,
        "encryptionConfiguration": {"encryptionType": AES256},
        "resourceTags": [{"Key": one.key, "Value": one.value} for one in template.tags],
        "imageTagMutability": template.image_tag_mutability,
        **shown_filters(template.exclusion_filters),
        "repositoryPolicy": template.policy,
        "lifecyclePolicy": template.lifecycle_policy,
        "appliedFor": list(template.applied_for),
        "createdAt": template.created_at,
        "updatedAt": template.updated_at,
    }
