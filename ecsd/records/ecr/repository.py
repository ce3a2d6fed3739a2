"""Repositories of ECR, and what is remembered about the registry as a whole."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Part, Record
from ecsd.records.tag import Tag


class Repository(Record, frozen=True, kw_only=True):
    """A repository; its images are records of their own."""

    KIND: ClassVar[str] = "ecr_repository"
    KEY: ClassVar[str] = "arn"

    arn: str
    repository_name: str
    created_at: datetime
    image_tag_mutability: str = "MUTABLE"
    exclusion_filters: tuple[str, ...] = ()
    scan_on_push: bool = False
    policy: str | None = None  # raw JSON
    lifecycle_policy: str | None = None  # raw JSON
    lifecycle_evaluated_at: datetime | None = None
    tags: tuple[Tag, ...] = ()


class PreviewedImage(Part, frozen=True, kw_only=True):
    """An image that a previewed policy would have expire."""

    digest: str
    image_tags: tuple[str, ...]
    pushed_at: datetime
    priority: int


class LifecyclePreview(Record, frozen=True, kw_only=True):
    """What a lifecycle policy would do, as it was when it was asked for; goes after a day."""

    KIND: ClassVar[str] = "ecr_lifecycle_preview"
    KEY: ClassVar[str] = "arn"

    arn: str  # the repository's
    policy: str
    images: tuple[PreviewedImage, ...]
    expires_at: datetime


class Registry(Record, frozen=True, kw_only=True):
    """The registry behind all repositories, in use since somebody asked for one.

    collection: the number of the collection of unused blobs that is to be made, or was.
    """

    KIND: ClassVar[str] = "ecr_registry"
    KEY: ClassVar[str] = "name"

    name: str = "registry"
    collection: int = 0
    freed_at: datetime | None = None  # since when there may be unused blobs
