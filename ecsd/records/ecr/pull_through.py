"""Pull through caches of ECR. Source: Amazon ECR API, data types PullThroughCacheRule and
RepositoryCreationTemplate.
"""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record
from ecsd.records.tag import Tag


class PullThroughCacheRule(Record, frozen=True, kw_only=True):
    """Repositories below a prefix hold images of another registry.

    prefix: without final slash; ``ROOT``: every name. upstream_prefix: what upstream names of
    repositories begin with; ``ROOT``: nothing.
    """

    KIND: ClassVar[str] = "ecr_pull_through_cache_rule"
    KEY: ClassVar[str] = "prefix"

    prefix: str
    upstream_url: str
    upstream_registry: str  # docker-hub, quay, …
    upstream_prefix: str = "ROOT"
    credential_arn: str | None = None  # of a secret
    created_at: datetime
    updated_at: datetime


class RepositoryCreationTemplate(Record, frozen=True, kw_only=True):
    """What repositories are like that ECR makes by itself, below a prefix; ``ROOT``: all others."""

    KIND: ClassVar[str] = "ecr_repository_creation_template"
    KEY: ClassVar[str] = "prefix"

    prefix: str
    description: str = ""
    image_tag_mutability: str = "MUTABLE"
    exclusion_filters: tuple[str, ...] = ()
    policy: str | None = None  # raw JSON
    lifecycle_policy: str | None = None  # raw JSON
    tags: tuple[Tag, ...] = ()
    applied_for: tuple[str, ...] = ()
    created_at: datetime
    updated_at: datetime


class UpstreamCheck(Record, frozen=True, kw_only=True):
    """When a tag was last compared with the upstream's."""

    KIND: ClassVar[str] = "ecr_upstream_check"
    KEY: ClassVar[str] = "tag_place"
    INDEXES: ClassVar[tuple[str, ...]] = ("repository_arn",)

    repository_arn: str
    tag: str
    checked_at: datetime

    @property
    def tag_place(self) -> str:
        """Its repository and tag."""
        return f"{self.repository_arn}:{self.tag}"
