"""Instance profiles: the form in which an instance wears a role."""

from typing import Any

from msgspec.structs import replace

from ecsd.operations.call import Call, operation
from ecsd.operations.iam.answers import instance_profile, page
from ecsd.operations.iam.guards import check_changeable, exists_already, in_use, over_limit
from ecsd.operations.iam.tag import first_tags
from ecsd.records.iam.role import InstanceProfile
from ecsd.store.finders.iam import no_such_entity, require_instance_profile, require_role

MOST = 1000  # instance profiles of an account


@operation("iam", "CreateInstanceProfile")
async def create_instance_profile(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make an instance profile without a role."""
    name, path = request["InstanceProfileName"], request.get("Path", "/")
    profile = InstanceProfile(
        instance_profile_name=name,
        instance_profile_id=call.ids.unique_id("AIPA"),
        path=path,
        arn=f"arn:aws:iam::{call.scope.account}:instance-profile{path}{name}",
        created_at=call.clock.now(),
        tags=first_tags(request),
    )
    async with call.store.transaction(call.scope.globally()) as change:
        if change.count(InstanceProfile, "folded_name", profile.folded_name):
            raise exists_already(f"Instance Profile {name} already exists.")
        if len(change.select(InstanceProfile)) >= MOST:
            raise over_limit(f"Cannot exceed quota for InstanceProfilesPerAccount: {MOST}")
        change.put(profile)
        answer = instance_profile(change, profile, listed=False)
    return {"InstanceProfile": answer}


@operation("iam", "GetInstanceProfile")
async def get_instance_profile(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return an instance profile with its role."""
    view = call.view.globally()
    profile = require_instance_profile(view, request["InstanceProfileName"])
    return {"InstanceProfile": instance_profile(view, profile, listed=False)}


@operation("iam", "DeleteInstanceProfile")
async def delete_instance_profile(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove an instance profile that has no role."""
    async with call.store.transaction(call.scope.globally()) as change:
        profile = require_instance_profile(change, request["InstanceProfileName"])
        if profile.roles:
            raise in_use("Cannot delete entity, must remove roles from instance profile first.")
        change.remove(profile)
    return {}


@operation("iam", "AddRoleToInstanceProfile")
async def add_role_to_instance_profile(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Give an instance profile its one role."""
    async with call.store.transaction(call.scope.globally()) as change:
        profile = require_instance_profile(change, request["InstanceProfileName"])
        role = require_role(change, request["RoleName"])
        check_changeable(role)
        if profile.roles:
            raise over_limit("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
        change.put(replace(profile, roles=(role.role_name,)))
    return {}


@operation("iam", "RemoveRoleFromInstanceProfile")
async def remove_role_from_instance_profile(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take the role from an instance profile."""
    async with call.store.transaction(call.scope.globally()) as change:
        profile = require_instance_profile(change, request["InstanceProfileName"])
        name = request["RoleName"]
        if name not in profile.roles:
            raise no_such_entity(
                f"Role {name} in Instance Profile {profile.instance_profile_name} cannot be found."
            )
        change.put(replace(profile, roles=()))
    return {}


@operation("iam", "ListInstanceProfiles")
async def list_instance_profiles(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the instance profiles under a path, by name."""
    prefix = request.get("PathPrefix", "/")
    profiles = call.view.globally().select(InstanceProfile)
    return _listed(call, request, [one for one in profiles if one.path.startswith(prefix)])


@operation("iam", "ListInstanceProfilesForRole")
async def list_instance_profiles_for_role(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the instance profiles that wear a role."""
    view = call.view.globally()
    role = require_role(view, request["RoleName"])
    return _listed(call, request, view.select(InstanceProfile, roles=role.role_name))


def _listed(call: Call, request: dict[str, Any], profiles: list[InstanceProfile]) -> dict[str, Any]:
    view = call.view.globally()
    shown, rest = page(request, profiles, lambda one: one.instance_profile_name)
    return {"InstanceProfiles": [instance_profile(view, one, listed=True) for one in shown], **rest}
