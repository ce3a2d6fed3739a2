"""A task's volumes of EFS, out of everything that is stored about them.

It is decided here, where policies and groups are, and not by the agent: a host gets the outcome
with the task's plan, and can go on with it without its server.
"""

from datetime import datetime
from typing import NamedTuple

from ecsd.decisions.efs.access import (
    ANONYMOUS,
    EVERYTHING,
    Access,
    Client,
    access_of,
    client_keys,
)
from ecsd.decisions.efs.mount import Around, Volume, compile_mount, volume_of
from ecsd.decisions.iam.evaluation import Policies, Source
from ecsd.decisions.iam.statement import compile_policy
from ecsd.decisions.tasks.task_roles import TASK, RoleOfTask, roles_of
from ecsd.decisions.vpc.vpc_plan import compile_vpc
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.efs.access_point import AccessPoint
from ecsd.records.efs.file_system import FileSystem
from ecsd.records.efs.mount_target import MountTarget
from ecsd.records.plan_files import EfsMount
from ecsd.store.finders.data_plane import vpc_parts
from ecsd.store.finders.iam import find_role_by_arn
from ecsd.store.finders.iam_caller import context_of, identity_of_role
from ecsd.store.store import View
from ecsd.store.task_roles import Rules


class Asking(NamedTuple):
    """Whose decision it is. home: the account's global view."""

    home: View
    rules: Rules
    now: datetime


def efs_mounts(
    view: View, task: Task, definition: TaskDefinition, asking: Asking
) -> tuple[EfsMount, ...]:
    """Return what a task's host is told of its volumes of EFS."""
    volumes = [found for one in definition.volumes if (found := volume_of(one)) is not None]
    if not volumes:
        return ()
    interface = view.get(NetworkInterface, task.network_interface_id or "")
    parts = vpc_parts(view, interface.vpc_id) if interface else None
    network = {
        "interface": interface,
        "vpc": view.get(Vpc, interface.vpc_id) if interface else None,
        "plan": compile_vpc(parts) if parts else None,
    }
    roles = roles_of(definition, task.overrides, view.scope.account)
    role = next((one for one in roles if one.purpose == TASK), None)
    mounts = []
    for volume in volumes:
        file_system = view.get(FileSystem, volume.file_system_id)
        point = view.get(AccessPoint, volume.access_point_id)
        around = Around(
            region=view.scope.region,
            file_system=file_system,
            access_point=point,
            targets=view.select(MountTarget, file_system_id=volume.file_system_id),
            access=_access(volume, file_system, point, (role, task), asking),
            **network,  # type: ignore[arg-type]
        )
        mounts.append(compile_mount(volume, around))
    return tuple(mounts)


def _access(
    volume: Volume,
    file_system: FileSystem | None,
    point: AccessPoint | None,
    who: tuple[RoleOfTask | None, Task],
    asking: Asking,
) -> Access | None:
    """Return what the task may do; None: it has no role to show, and has to show one."""
    if file_system is None:
        return EVERYTHING
    role, task = who
    scope = asking.home.scope
    policy = None
    if file_system.policy is not None:
        policy = Source(compile_policy(file_system.policy), "file system policy")
    keys = client_keys(encrypted=volume.encrypted, access_point_arn=point.arn if point else "")
    if not volume.iam:
        client = Client(ANONYMOUS, Policies(resource=policy), keys)
        return access_of(client, file_system.arn, scope.account)
    if role is None:
        return None
    known = find_role_by_arn(asking.home, role.arn)
    if known is None or not asking.rules.judged:
        return EVERYTHING  # as its sessions: see task_roles
    identity = identity_of_role(asking.home, known, task.task_id)
    region = file_system.arn.split(":")[3]
    context = {**context_of(identity, asking.now, region), **keys}
    client = Client(identity.principal, identity.policies._replace(resource=policy), context)
    return access_of(client, file_system.arn, scope.account)
