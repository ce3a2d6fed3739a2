"""Pull through caches: which rule and template are for a repository, and what upstream calls it.

Source: Amazon ECR User Guide, pull through cache rules, repository creation templates.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, TypeVar

from ecsd.records.ecr.pull_through import PullThroughCacheRule, RepositoryCreationTemplate

ROOT = "ROOT"
CACHE = "PULL_THROUGH_CACHE"
MOST_RULES = MOST_TEMPLATES = 50  # of a registry
FRESH = timedelta(hours=24)  # until a tag is compared with the upstream's again
PATIENCE = timedelta(minutes=5)  # the same, where the upstream did not answer


class Upstream(NamedTuple):
    """A registry that ECR knows. secret: it asks for credentials."""

    name: str
    secret: bool = False


UPSTREAMS: Mapping[str, Upstream] = {
    "public.ecr.aws": Upstream("ecr-public"),
    "registry.k8s.io": Upstream("k8s"),
    "quay.io": Upstream("quay"),
    "registry-1.docker.io": Upstream("docker-hub", secret=True),
    "ghcr.io": Upstream("github-container-registry", secret=True),
    "registry.gitlab.com": Upstream("gitlab-container-registry", secret=True),
    "cgr.dev": Upstream("chainguard", secret=True),
}
AZURE = Upstream("azure-container-registry", secret=True)
AZURE_HOST = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\.azurecr\.io")


class Prefixed(Protocol):
    """What is for the names below a prefix."""

    @property
    def prefix(self) -> str:
        """The prefix, or ROOT."""
        ...


P = TypeVar("P", bound=Prefixed)


def upstream_of(host: str) -> Upstream | None:
    """Return the registry that ECR knows by a host, None for others."""
    if AZURE_HOST.fullmatch(host):
        return AZURE
    return UPSTREAMS.get(host)


def nearest(name: str, known: Iterable[P]) -> P | None:
    """Return what has the longest prefix that a repository's name lies below, or ROOT's."""
    fitting = [one for one in known if one.prefix == ROOT or name.startswith(f"{one.prefix}/")]
    return max(fitting, key=lambda one: (one.prefix != ROOT, len(one.prefix)), default=None)


def template_for(
    name: str, templates: Iterable[RepositoryCreationTemplate]
) -> RepositoryCreationTemplate | None:
    """Return the template of a repository that a pull makes, or None."""
    return nearest(name, (one for one in templates if CACHE in one.applied_for))


def upstream_repository(name: str, rule: PullThroughCacheRule) -> str:
    """Return what the upstream calls a repository that lies below a rule's prefix."""
    own = name if rule.prefix == ROOT else name.removeprefix(f"{rule.prefix}/")
    return own if rule.upstream_prefix in (None, ROOT) else f"{rule.upstream_prefix}/{own}"


def is_due(*, known: bool, due_at: datetime | None, by_digest: bool, now: datetime) -> bool:
    """Tell whether the upstream is asked. known: the image is here.

    due_at: when its tag is compared again; None: never: somebody pushed it here.
    """
    if not known:
        return True
    return not by_digest and due_at is not None and now >= due_at
