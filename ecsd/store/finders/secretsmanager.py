"""Look-ups in Secrets Manager: ``require`` refuses in its own words."""

from collections.abc import Mapping, Sequence
from typing import Any

from ecsd.decisions.iam.evaluation import Source
from ecsd.decisions.iam.statement import compile_policy
from ecsd.decisions.secretsmanager.secret_filter import fits
from ecsd.errors import AwsError
from ecsd.records.secretsmanager.secret import Secret, SecretVersion, version_key
from ecsd.store.finders.iam_policies import RESOURCE
from ecsd.store.store import View


def arn_head(view: View) -> str:
    """Return how ARNs of secrets begin."""
    return f"arn:aws:secretsmanager:{view.scope.region}:{view.scope.account}:secret:"


def find_secret(view: View, reference: str) -> Secret | None:
    """Return a secret by its name, its ARN, or its ARN without the six random characters."""
    if not reference.startswith("arn:"):
        return next(iter(view.select(Secret, name=reference)), None)
    found = view.get(Secret, reference)
    if found is None and reference.startswith(arn_head(view)):
        return find_secret(view, reference.removeprefix(arn_head(view)))
    return found


def require_secret(view: View, reference: str) -> Secret:
    """Return a secret, or refuse with ResourceNotFoundException."""
    found = find_secret(view, reference)
    if found is None:
        raise AwsError(
            "ResourceNotFoundException", "Secrets Manager can't find the specified secret."
        )
    return found


def require_living_secret(view: View, reference: str) -> Secret:
    """Return a secret that is not about to be deleted, or refuse."""
    secret = require_secret(view, reference)
    if secret.deletion_at is not None:
        raise AwsError(
            "InvalidRequestException",
            "You can't perform this operation on the secret because it was marked for deletion.",
        )
    return secret


def versions_of(view: View, secret: Secret) -> list[SecretVersion]:
    """Return a secret's versions, oldest first."""
    return sorted(
        view.select(SecretVersion, secret_arn=secret.arn),
        key=lambda one: (one.created_at, one.version_id),
    )


def find_version(view: View, secret: Secret, version_id: str) -> SecretVersion | None:
    """Return a version of a secret, or None."""
    return view.get(SecretVersion, version_key(secret.arn, version_id))


def find_deprecated(view: View, secret: Secret, version_id: str) -> list[SecretVersion]:
    """Return a version of a secret, if it is there and has no label."""
    version = find_version(view, secret, version_id)
    return [] if version is None or version_id in secret.stages.values() else [version]


def filtered_secrets(view: View, filters: Sequence[Mapping[str, Any]]) -> list[Secret]:
    """Return the secrets that meet filters and are not about to be deleted, by name."""
    found = [
        one
        for one in view.select(Secret)
        if one.deletion_at is None and fits(filters, one, view.scope.region)
    ]
    return sorted(found, key=lambda one: one.name)


def policy_source(secret: Secret) -> Source | None:
    """Return a secret's policy, compiled; None if it has none."""
    if secret.policy is None:
        return None
    return Source(compile_policy(secret.policy), "secret policy", RESOURCE)
