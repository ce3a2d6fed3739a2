"""Filters of ListSecrets and BatchGetSecretValue.

Values of one filter are alternatives, filters add up, ``!`` before a value turns it round. Source:
AWS Secrets Manager User Guide, Search for secrets.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ecsd.records.secretsmanager.secret import Secret

_WORDS = re.compile(r"[^\s/_+=.@-]+")


def fits(filters: Sequence[Mapping[str, Any]], secret: Secret, region: str) -> bool:
    """Return whether a secret meets all filters. region: that it is in."""
    return all(
        any(_meets(one["Key"], value, secret, region) for value in one["Values"]) for one in filters
    )


def _meets(key: str, value: str, secret: Secret, region: str) -> bool:
    if value.startswith("!"):
        return not _meets(key, value[1:], secret, region)
    match key:
        case "name":
            return secret.name.startswith(value)
        case "description":
            return (secret.description or "").lower().startswith(value.lower())
        case "tag-key":
            return any(tag.key.startswith(value) for tag in secret.tags)
        case "tag-value":
            return any(tag.value.startswith(value) for tag in secret.tags)
        case "all":
            return _has_words(secret, value)
        case "primary-region":
            return region.startswith(value)
        case _:
            return False  # owning-service: no secret here is managed by another service


def _has_words(secret: Secret, value: str) -> bool:
    texts = [secret.name, secret.description or ""]
    texts += [text for tag in secret.tags for text in (tag.key, tag.value)]
    own = _words(texts)
    return all(any(word.startswith(one) for word in own) for one in _words([value]))


def _words(texts: Iterable[str]) -> list[str]:
    return [word.lower() for text in texts for word in _WORDS.findall(text)]
