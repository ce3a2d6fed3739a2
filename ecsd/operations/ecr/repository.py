"""Repositories: created, described, deleted; whether their tags may move."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.ecr import names
from ecsd.decisions.ecr.tag_mutability import fault_in
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ecr.paging import page
from ecsd.operations.ecr.refusal import invalid, unsupported
from ecsd.operations.ecr.registry import put_in_use
from ecsd.operations.ecr.tag import merged
from ecsd.records.ecr.image import LayerUpload, ManifestToFree
from ecsd.records.ecr.pull_through import UpstreamCheck
from ecsd.records.ecr.repository import LifecyclePreview, Repository
from ecsd.store.finders.ecr import (
    images_of,
    place_in,
    require_repository,
    scope_of,
)
from ecsd.store.image_removal import free_pending
from ecsd.store.scope import Scope

AES256 = "AES256"


@operation("ecr", "CreateRepository")
async def create_repository(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a repository, empty."""
    _refuse_another_registry(call, request)
    name = request["repositoryName"]
    place = place_in(call.view, name)
    if not names.fits(place):
        most = names.LONGEST_PATH - len(place.path) + len(name)
        raise invalid("repositoryName", f"must be at most {most} characters in this region")
    encryption = request.get("encryptionConfiguration") or {"encryptionType": AES256}
    if encryption["encryptionType"] != AES256:
        kind = encryption["encryptionType"]
        raise unsupported(f"encryptionConfiguration.encryptionType {kind}")
    if "kmsKey" in encryption:
        raise invalid("kmsKey", f"has no meaning with {AES256}")
    mutability, filters = read_mutability(request)
    repository = Repository(
        arn=place.arn,
        repository_name=name,
        created_at=call.clock.now(),
        image_tag_mutability=mutability,
        exclusion_filters=filters,
        scan_on_push=_scans(request),
        tags=merged((), request.get("tags")),
    )
    async with call.images.turn(place.path):
        await free_pending(call.store, call.scope, call.images, place.path)
        async with call.transaction() as change:
            if change.get(Repository, place.arn) is not None:
                raise AwsError(
                    "RepositoryAlreadyExistsException",
                    f"The repository with name '{name}' already exists in the registry with id "
                    f"'{place.account}'",
                )
            change.put(repository)
    await put_in_use(call)
    return {"repository": described(call, repository)}


@operation("ecr", "DescribeRepositories")
async def describe_repositories(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return repositories by name, or all."""
    view = call.store.view(scope_of(call.scope, request))
    wanted = request.get("repositoryNames")
    if wanted:
        if "nextToken" in request or "maxResults" in request:
            raise invalid("repositoryNames", "cannot be used with nextToken or maxResults")
        chosen = [require_repository(view, one) for one in dict.fromkeys(wanted)]
        return {"repositories": [described(call, one) for one in chosen]}
    shown, rest = page(view.select(Repository), request, lambda one: one.repository_name)
    return {"repositories": [described(call, one) for one in shown], **rest}


@operation("ecr", "DeleteRepository")
async def delete_repository(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a repository; with images in it only by force."""
    scope = scope_of(call.scope, request)
    place = place_in(call.store.view(scope), request["repositoryName"])
    async with (
        call.images.turn(place.path),
        call.store.transaction(scope) as change,
    ):
        repository = require_repository(change, place.name)
        images = images_of(change, repository)
        if images and not request.get("force"):
            raise AwsError(
                "RepositoryNotEmptyException",
                f"The repository with name '{place.name}' in registry with id '{place.account}' "
                "cannot be deleted because it still contains images",
            )
        preview = change.get(LifecyclePreview, repository.arn)
        change.remove(repository, *images, *([preview] if preview else []))
        change.remove(
            *(one for one in change.select(LayerUpload) if one.repository_arn == repository.arn)
        )
        change.remove(*change.select(UpstreamCheck, repository_arn=repository.arn))
        change.put(ManifestToFree(path=place.path))
    return {"repository": described(call, repository)}


@operation("ecr", "PutImageTagMutability")
async def put_image_tag_mutability(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Say whether tags may move to other images from now on."""
    mutability, filters = read_mutability(request)
    scope = scope_of(call.scope, request)
    async with call.store.transaction(scope) as change:
        repository = require_repository(change, request["repositoryName"])
        changed = replace(repository, image_tag_mutability=mutability, exclusion_filters=filters)
        change.put(changed)
    return {
        "registryId": scope.account,
        "repositoryName": repository.repository_name,
        "imageTagMutability": mutability,
        **shown_filters(changed.exclusion_filters),
    }


@operation("ecr", "PutImageScanningConfiguration")
async def put_image_scanning_configuration(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Say whether images are to be scanned when they come: each such scan fails, and is shown so.

    Nothing here knows vulnerabilities; most configurations ask for scans all the same.
    """
    scope = scope_of(call.scope, request)
    async with call.store.transaction(scope) as change:
        repository = require_repository(change, request["repositoryName"])
        changed = replace(repository, scan_on_push=_scans(request))
        change.put(changed)
    return {
        "registryId": scope.account,
        "repositoryName": repository.repository_name,
        "imageScanningConfiguration": {"scanOnPush": changed.scan_on_push},
    }


def _scans(request: dict[str, Any]) -> bool:
    return bool((request.get("imageScanningConfiguration") or {}).get("scanOnPush"))


def described(call: Call, repository: Repository) -> dict[str, Any]:
    """Return a repository in ECR's members."""
    place = names.Place(*Scope.of_arn(repository.arn), repository.repository_name)
    return {
        "repositoryArn": repository.arn,
        "registryId": place.account,
        "repositoryName": place.name,
        "repositoryUri": f"{call.settings.registry_name}/{place.path}",
        "createdAt": repository.created_at,
        "imageTagMutability": repository.image_tag_mutability,
        **shown_filters(repository.exclusion_filters),
        "imageScanningConfiguration": {"scanOnPush": repository.scan_on_push},
        "encryptionConfiguration": {"encryptionType": AES256},
    }


def _refuse_another_registry(call: Call, request: dict[str, Any]) -> None:
    given = request.get("registryId", call.scope.account)
    if given != call.scope.account:
        raise invalid("registryId", f"repositories are made in the caller's own, not in {given}")


def shown_filters(exclusion_filters: Iterable[str]) -> dict[str, Any]:
    """Return filters in ECR's member, which is left out where there are none."""
    filters = [{"filterType": "WILDCARD", "filter": one} for one in exclusion_filters]
    return {"imageTagMutabilityExclusionFilters": filters} if filters else {}


def read_mutability(request: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return whether tags may move, and which are excepted, or refuse what contradicts itself."""
    mutability = request.get("imageTagMutability", "MUTABLE")
    given = request.get("imageTagMutabilityExclusionFilters") or ()
    filters = tuple(one["filter"] for one in given)
    fault = fault_in(mutability, filters)
    if fault is not None:
        raise invalid("imageTagMutability", fault)
    return mutability, filters
