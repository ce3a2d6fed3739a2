"""Pull through caches of ECR, and what repositories are like that they make.

Source: Amazon ECR API Reference, data types PullThroughCacheRule, RepositoryCreationTemplate.
"""

from datetime import datetime
from typing import Any, ClassVar

from ecsd.records.record import Record
from ecsd.records.tag import Tag


class PullThroughCacheRule(Record, frozen=True, kw_only=True):
    """Repositories below a prefix hold images of another registry.

    prefix: without final slash; ``ROOT``: every name. upstream_prefix: what upstream names of
    repositories begin with; None and ``ROOT``: nothing.
    """

    KIND: ClassVar[str] = "ecr_pull_through_cache_rule"
    KEY: ClassVar[str] = "prefix"

    prefix: str
    upstream_url: str
    upstream_registry: str  # docker-hub, quay, …
    upstream_prefix: str | None = None
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

    @property
    def of_repositories(self) -> dict[str, Any]:
        """What a repository's record takes over."""
        return {
            "image_tag_mutability": self.image_tag_mutability,
            "exclusion_filters": self.exclusion_filters,
            "policy": self.policy,
            "lifecycle_policy": self.lifecycle_policy,
            "tags": self.tags,
        }


class UpstreamCheck(Record, frozen=True, kw_only=True):
    """When a tag that came from upstream is compared with the upstream's again.

    digest: what it meant then; once somebody has pushed another image, the tag is theirs.
    """

    KIND: ClassVar[str] = "ecr_upstream_check"
    KEY: ClassVar[str] = "tag_place"
    INDEXES: ClassVar[tuple[str, ...]] = ("repository_arn",)

    repository_arn: str
    tag: str
    digest: str
    due_at: datetime

    @property
    def tag_place(self) -> str:
        """Its repository and tag."""
        return f"{self.repository_arn}:{self.tag}"
