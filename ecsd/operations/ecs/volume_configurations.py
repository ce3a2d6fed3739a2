"""``volumeConfigurations`` of a launch or a service, checked against the task definition.

Source: Amazon ECS API Reference, RunTask, CreateService, UpdateService.
"""

from collections.abc import Sequence
from typing import Any

from ecsd.decisions.ebs.volume_configuration import problem
from ecsd.errors import AwsError
from ecsd.operations.ecs import tag_set
from ecsd.records.ec2.volume import Snapshot
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.settings import Settings
from ecsd.store.store import View

CODE = "InvalidParameterException"


def parse(
    view: View,
    definition: TaskDefinition,
    given: Sequence[dict[str, Any]] | None,
    settings: Settings,
) -> tuple[dict[str, Any], ...]:
    """Return the configurations, or refuse: one for each volume that is configured at launch."""
    wanted = tuple(given or ())
    sizes = {one.snapshot_id: one.volume_size for one in view.select(Snapshot)}
    words = problem(wanted, definition, sizes)
    if words is not None:
        raise AwsError(CODE, words)
    for one in wanted:
        managed = one["managedEBSVolume"]
        _check_encryption(managed, settings)
        for specification in managed.get("tagSpecifications") or ():
            tag_set.parse(specification.get("tags"))
    return wanted


def _check_encryption(managed: dict[str, Any], settings: Settings) -> None:
    """Refuse encryption where nobody vouches for the disk; local mode takes it as said."""
    if managed.get("kmsKeyId"):
        raise AwsError(
            CODE,
            "managedEBSVolume.kmsKeyId is not supported by ecsd: it does not encrypt volumes.",
        )
    if managed.get("encrypted") and not settings.ebs_encryption_vouched:
        raise AwsError(
            CODE,
            "managedEBSVolume.encrypted: ecsd does not encrypt volumes itself. Put its folder "
            "(ECSD_EBS_DIR) on an encrypted disk and say so with ECSD_EBS_ENCRYPTED=on.",
        )
