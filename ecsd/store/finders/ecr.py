"""Look-ups in ECR: ``require`` refuses in ECR's own words."""

from collections.abc import Iterable, Mapping
from typing import Any

from ecsd.decisions.ecr.lifecycle import Candidate
from ecsd.decisions.ecr.names import Place, aws_reference, own_reference
from ecsd.decisions.ecr.pull_through import nearest
from ecsd.errors import AwsError
from ecsd.records.ecr.image import Image
from ecsd.records.ecr.pull_through import PullThroughCacheRule
from ecsd.records.ecr.repository import Repository
from ecsd.store.scope import Scope
from ecsd.store.store import View


def arn_of(view: View, name: str) -> str:
    """Return the ARN of a repository."""
    return Place(*view.scope, name).arn


def place_in(view: View, name: str) -> Place:
    """Return a repository by its name in a view."""
    return Place(*view.scope, name)


def find_repository(view: View, name: str) -> Repository | None:
    """Return a repository, None if there is none."""
    return view.get(Repository, arn_of(view, name))


def no_repository(account: str, name: str) -> AwsError:
    """Return the error for a repository that is not there."""
    return AwsError(
        "RepositoryNotFoundException",
        f"The repository with name '{name}' does not exist in the registry with id '{account}'",
    )


def require_repository(view: View, name: str) -> Repository:
    """Return a repository, or refuse with RepositoryNotFoundException."""
    found = find_repository(view, name)
    if found is None:
        raise no_repository(view.scope.account, name)
    return found


def cache_rule(view: View, name: str) -> PullThroughCacheRule | None:
    """Return the rule by which a repository's images come from elsewhere, or None."""
    return nearest(name, view.select(PullThroughCacheRule))


def scope_of(own: Scope, request: dict[str, Any]) -> Scope:
    """Return where a request's repositories are: another account's, if it names one."""
    return Scope(request.get("registryId") or own.account, own.region)


def images_of(view: View, repository: Repository) -> list[Image]:
    """Return a repository's images, the oldest first."""
    found = view.select(Image, repository_arn=repository.arn)
    return sorted(found, key=lambda one: (one.pushed_at, one.digest))


def find_image(
    view: View, repository: Repository, *, digest: str = "", tag: str = ""
) -> Image | None:
    """Return the image of a digest or a tag, or of both together; None if there is none."""
    if digest:
        found = view.get(Image, f"{repository.arn}@{digest}")
        return found if found is None or not tag or tag in found.image_tags else None
    return view.newest(Image, "tag_places", f"{repository.arn}:{tag}")


def candidates_of(view: View, repository: Repository) -> list[Candidate]:
    """Return a repository's images as a lifecycle policy sees them."""
    return [
        Candidate(one.digest, one.image_tags, one.pushed_at, one.pulled_at, one.children)
        for one in images_of(view, repository)
    ]


def ecr_images(
    view: View, containers: Iterable[Mapping[str, Any]], registry: str
) -> dict[str, str]:
    """Return container → image at our own registry (host and port), of images that are there.

    Those that a pull through cache rule fetches count as there. An image of another account of
    AWS's, which has no repository here, stays what it is.
    """
    found = {}
    for one in containers:
        image = str(one["image"])
        reference = own_reference(image, registry)
        if reference is None:
            reference = aws_reference(image)
            if reference is None or not _is_here(view, reference.place):
                continue
        found[str(one["name"])] = reference.at(registry)
    return found


def _is_here(view: View, place: Place) -> bool:
    own = view.of_account(place.account).in_region(place.region)
    return own.get(Repository, place.arn) is not None or cache_rule(own, place.name) is not None
