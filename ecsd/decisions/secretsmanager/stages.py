"""Staging labels: each is on one version at most, and AWSPREVIOUS follows AWSCURRENT.

Source: AWS Secrets Manager API Reference, PutSecretValue, UpdateSecretVersionStage; User Guide,
Secret versions.
"""

from collections.abc import Mapping, Sequence

CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"
MOST = 20  # labels of a version

Stages = Mapping[str, str]  # label → version id


def labels_of(stages: Stages, version_id: str) -> list[str]:
    """Return the labels of a version, by name."""
    return sorted(label for label, holder in stages.items() if holder == version_id)


def by_version(stages: Stages) -> dict[str, list[str]]:
    """Return version id → its labels, of those that have any."""
    return {one: labels_of(stages, one) for one in dict.fromkeys(stages.values())}


def attached(stages: Stages, version_id: str, labels: Sequence[str]) -> dict[str, str]:
    """Return the labels after a new version has taken some; no label: AWSCURRENT.

    The first version of a secret is its current one whatever it asks for.
    """
    wanted = list(labels or (CURRENT,))
    if CURRENT not in stages and CURRENT not in wanted:
        wanted.append(CURRENT)
    moved = dict(stages)
    for label in wanted:
        moved = _moved(moved, label, version_id)
    return moved


def moved(
    stages: Stages, label: str, remove_from: str | None, move_to: str | None
) -> dict[str, str] | str:
    """Return the labels after one was moved, added or removed; or why that cannot be."""
    holder = stages.get(label)
    if remove_from is None and move_to is None:
        return "You must specify RemoveFromVersionId or MoveToVersionId."
    if remove_from is not None and holder != remove_from:
        return f"The staging label {label} is not attached to version {remove_from} of this secret."
    if move_to is None:
        if label == CURRENT:
            return (
                f"You can only move staging label {CURRENT} to a different secret version. It "
                "can't be completely removed."
            )
        return {one: version for one, version in stages.items() if one != label}
    if holder is not None and holder != move_to and remove_from is None:
        return (
            f"The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently "
            f"attached to version {holder}, so you must explicitly reference that version in "
            "RemoveFromVersionId."
        )
    return _moved(stages, label, move_to)


def _moved(stages: Stages, label: str, version_id: str) -> dict[str, str]:
    holder = stages.get(label)
    after = {**stages, label: version_id}
    if label == CURRENT and holder not in (None, version_id):
        after[PREVIOUS] = str(holder)
    return after
