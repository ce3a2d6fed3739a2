"""What must always hold between repositories and their images."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ecsd.decisions.invariants.finding import Finding, fatal
from ecsd.records.ecr.image import Image
from ecsd.records.ecr.repository import Repository


class Repositories(NamedTuple):
    """Every ECR record of one account and region."""

    repositories: Sequence[Repository] = ()
    images: Sequence[Image] = ()


def check_images(held: Repositories) -> Iterator[Finding]:
    """Yield what contradicts itself in one account and region."""
    known = {one.arn for one in held.repositories}
    places = {one.place for one in held.images}
    for image in held.images:
        if image.repository_arn not in known:
            yield fatal(image.place, "is in a repository that does not exist")
        for child in image.children:
            if f"{image.repository_arn}@{child}" not in places:
                yield fatal(image.place, f"lists the image {child}, which does not exist")
    tags = Counter(place for one in held.images for place in one.tag_places)
    for place, count in tags.items():
        if count > 1:
            yield fatal(place, f"is the tag of {count} images")
