"""Whether a tag may be moved to another image.

Source: Amazon ECR User Guide, preventing image tags from being overwritten.
"""

import re
from collections.abc import Sequence

MUTABLE, IMMUTABLE = "MUTABLE", "IMMUTABLE"
WITH_EXCLUSION = "_WITH_EXCLUSION"
MOST_FILTERS, MOST_WILDCARDS = 5, 2


def may_move(mutability: str, filters: Sequence[str], tag: str) -> bool:
    """Return whether a tag that is taken may be given to another image."""
    movable = mutability.startswith(MUTABLE)
    if mutability.endswith(WITH_EXCLUSION) and any(_matches(one, tag) for one in filters):
        return not movable
    return movable


def fault_in(mutability: str, filters: Sequence[str]) -> str | None:
    """Return what is wrong with a setting, None if nothing is."""
    if mutability.endswith(WITH_EXCLUSION) != bool(filters):
        return (
            "imageTagMutabilityExclusionFilters must be given with, and only with, "
            "IMMUTABLE_WITH_EXCLUSION or MUTABLE_WITH_EXCLUSION"
        )
    if len(filters) > MOST_FILTERS:
        return f"imageTagMutabilityExclusionFilters may have at most {MOST_FILTERS} filters"
    if any(one.count("*") > MOST_WILDCARDS for one in filters):
        return f"an exclusion filter may have at most {MOST_WILDCARDS} wildcards"
    return None


def _matches(pattern: str, tag: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), tag) is not None
