"""Permissions boundaries of users and roles: what they can ever do."""

from typing import Any

from msgspec.structs import replace

from ecsd.operations.call import Call, operation
from ecsd.operations.iam.entity_policy import NOUNS, Noun
from ecsd.operations.iam.guards import check_boundary
from ecsd.records.iam.user import Group
from ecsd.store.finders.iam import no_such_entity


def register(noun: Noun) -> None:
    """Register Put- and DeletePermissionsBoundary of a noun; groups have none."""

    @operation("iam", f"Put{noun.name}PermissionsBoundary")
    async def put(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        async with call.store.transaction(call.scope.globally()) as change:
            entity = noun.changeable(change, request)
            check_boundary(change, request["PermissionsBoundary"])
            change.put(replace(entity, permissions_boundary=request["PermissionsBoundary"]))
        return {}

    @operation("iam", f"Delete{noun.name}PermissionsBoundary")
    async def delete(call: Call, request: dict[str, Any]) -> dict[str, Any]:
        async with call.store.transaction(call.scope.globally()) as change:
            entity = noun.changeable(change, request)
            if isinstance(entity, Group) or entity.permissions_boundary is None:
                raise no_such_entity(
                    f"The {noun.name.lower()} with name {entity.key} does not have a "
                    "permissions boundary."
                )
            change.put(replace(entity, permissions_boundary=None))
        return {}


for _noun in NOUNS:
    if _noun.name != "Group":
        register(_noun)
