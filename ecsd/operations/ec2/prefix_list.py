"""Customer-managed prefix lists with their versions.

Changes are in force when they are answered, so no state is ever ``…-in-progress``.
Source: Amazon EC2 API Reference, CreateManagedPrefixList and following; VPC User Guide, managed
prefix lists.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.network.endpoint_service import AWS, s3_prefix_list
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import DESCRIBING, Answer, Request, action, arn
from ecsd.operations.ec2.ip_permission import checked_description, checked_ipv4, checked_ipv6
from ecsd.operations.ec2.limits import (
    MAX_CHANGED_ENTRIES,
    MAX_PREFIX_LIST_ENTRIES,
    MAX_PREFIX_LIST_VERSIONS,
    MAX_PREFIX_LISTS,
)
from ecsd.operations.ec2.listing import Listing, chosen, listed, page
from ecsd.operations.ec2.rule_quota import fits_group, fits_table
from ecsd.operations.ec2.tagging import specified_tags, tag_set
from ecsd.records.ec2.prefix_list import ManagedPrefixList, PrefixListEntry, PrefixListVersion
from ecsd.records.ec2.security_group import SecurityGroupRule
from ecsd.records.ec2.vpc import RouteTable
from ecsd.store.finders.ec2 import require, require_prefix_list, users_of_prefix_list
from ecsd.store.store import Transaction, View

FAMILIES = ("IPv4", "IPv6")
MAX_NAME = 255  # characters
NAMED_AT_MOST = 10  # resources in a state message
LISTS = Listing(
    "PrefixLists",
    "PrefixListId",
    {
        "owner-id": "OwnerId",
        "prefix-list-id": "PrefixListId",
        "prefix-list-name": "PrefixListName",
    },
)


@action(
    "CreateManagedPrefixList",
    "PrefixListName",
    "Entries",
    "MaxEntries",
    "AddressFamily",
    "ClientToken",
    "TagSpecifications",
)
async def create_managed_prefix_list(call: Call, request: Request) -> Answer:
    """Make a list in its first version. The same token makes no second one."""
    token = request.get("ClientToken") or None
    family = request["AddressFamily"]
    if family not in FAMILIES:
        raise AwsError("InvalidParameterValue", f"Invalid value '{family}' for addressFamily.")
    entries = _added((), _changes(request, "Entries"), family)
    made = ManagedPrefixList(
        prefix_list_id=call.ids.resource_id("pl"),
        prefix_list_name=_checked_name(request["PrefixListName"]),
        address_family=family,
        max_entries=_checked_size(request["MaxEntries"]),
        entries=entries,
        client_token=token,
        tags=specified_tags(request, "prefix-list"),
    )
    _check_room(made)
    async with call.transaction() as change:
        lists = change.select(ManagedPrefixList)
        for one in lists:
            if token is not None and one.client_token == token:
                return {"PrefixList": described(call, one)}
        if len(lists) >= MAX_PREFIX_LISTS:
            raise AwsError(
                "PrefixListLimitExceeded", "The maximum number of prefix lists has been reached."
            )
        change.put(made, _version_of(made))
    return {"PrefixList": described(call, made)}


@action("DescribeManagedPrefixLists", "PrefixListIds", *DESCRIBING)
async def describe_managed_prefix_lists(call: Call, request: Request) -> Answer:
    """Return prefix lists, AWS's own too."""
    own = s3_prefix_list(call.scope.region)
    ids = request.get("PrefixListIds") or ()
    others = [one for one in ids if one != own.prefix_list_id]
    lists = chosen(call.view, ManagedPrefixList, others) if others or not ids else []
    lists += [own] if not ids or own.prefix_list_id in ids else []
    return listed(request, LISTS, [described(call, one) for one in lists])


@action("GetManagedPrefixListEntries", "PrefixListId", "TargetVersion", "MaxResults", "NextToken")
async def get_managed_prefix_list_entries(call: Call, request: Request) -> Answer:
    """Return the entries of a list, of its newest version unless another is named."""
    found = require_prefix_list(call.view, request["PrefixListId"])
    number = request.get("TargetVersion") or found.version
    if found.prefix_list_id == s3_prefix_list(call.scope.region).prefix_list_id:
        entries = found.entries
    else:
        entries = _require_version(call.view, found, number).entries
    documents = [{"Cidr": one.cidr, "Description": one.description} for one in entries]
    return page(request, "Entries", documents, lambda one: str(one["Cidr"]))


@action("GetManagedPrefixListAssociations", "PrefixListId", "MaxResults", "NextToken")
async def get_managed_prefix_list_associations(call: Call, request: Request) -> Answer:
    """Return the security groups and route tables that refer to a list."""
    found = require_prefix_list(call.view, request["PrefixListId"])
    documents = [
        {"ResourceId": one, "ResourceOwner": call.scope.account}
        for one in users_of_prefix_list(call.view, found.prefix_list_id)
    ]
    return page(request, "PrefixListAssociations", documents, lambda one: str(one["ResourceId"]))


@action(
    "ModifyManagedPrefixList",
    "PrefixListId",
    "CurrentVersion",
    "PrefixListName",
    "AddEntries",
    "RemoveEntries",
    "MaxEntries",
)
async def modify_managed_prefix_list(call: Call, request: Request) -> Answer:
    """Rename a list, resize it, or change its entries, which makes a new version."""
    changing = bool(request.get("AddEntries") or request.get("RemoveEntries"))
    if changing and request.get("MaxEntries"):
        raise AwsError(
            "InvalidParameterCombination",
            "You cannot modify the entries of a prefix list and its size at the same time.",
        )
    async with call.transaction() as change:
        found = require(change, ManagedPrefixList, request["PrefixListId"])
        if changing and not request.get("CurrentVersion"):
            raise AwsError(
                "MissingParameter", "The request must contain the parameter CurrentVersion"
            )
        if request.get("CurrentVersion"):
            _check_current(found, request["CurrentVersion"])
        if request.get("PrefixListName"):
            found = replace(found, prefix_list_name=_checked_name(request["PrefixListName"]))
        if request.get("MaxEntries"):
            found = _resized(change, found, _checked_size(request["MaxEntries"]))
        elif changing:
            found = _new_version(change, found, _changed(found, request), "modify-complete")
        else:
            found = replace(found, state="modify-complete", state_message="")
        change.put(found)
    return {"PrefixList": described(call, found)}


@action("RestoreManagedPrefixListVersion", "PrefixListId", "PreviousVersion", "CurrentVersion")
async def restore_managed_prefix_list_version(call: Call, request: Request) -> Answer:
    """Make a new version of an earlier one's entries."""
    async with call.transaction() as change:
        found = require(change, ManagedPrefixList, request["PrefixListId"])
        _check_current(found, request["CurrentVersion"])
        earlier = _require_version(change, found, request["PreviousVersion"])
        found = _new_version(change, found, earlier.entries, "restore-complete")
        change.put(found)
    return {"PrefixList": described(call, found)}


@action("DeleteManagedPrefixList", "PrefixListId")
async def delete_managed_prefix_list(call: Call, request: Request) -> Answer:
    """Remove a list that no rule and no route refers to."""
    async with call.transaction() as change:
        found = require(change, ManagedPrefixList, request["PrefixListId"])
        users = users_of_prefix_list(change, found.prefix_list_id)
        if users:
            raise AwsError(
                "DependencyViolation",
                f"The prefix list '{found.prefix_list_id}' is referenced by "
                f"{', '.join(users[:NAMED_AT_MOST])} and cannot be deleted.",
            )
        versions = change.select(PrefixListVersion, prefix_list_id=found.prefix_list_id)
        change.remove(*versions, found)
    return {"PrefixList": described(call, replace(found, state="delete-complete"))}


def described(call: Call, one: ManagedPrefixList) -> dict[str, Any]:
    """Return a prefix list in EC2's shape."""
    is_ours = one.prefix_list_id == s3_prefix_list(call.scope.region).prefix_list_id
    of_aws = f"arn:aws:ec2:{call.scope.region}:aws:prefix-list/{one.prefix_list_id}"
    return {
        "PrefixListId": one.prefix_list_id,
        "PrefixListName": one.prefix_list_name,
        "PrefixListArn": of_aws if is_ours else arn(call, "prefix-list", one.prefix_list_id),
        "AddressFamily": one.address_family,
        "MaxEntries": None if is_ours else one.max_entries,
        "Version": None if is_ours else one.version,
        "State": one.state,
        "StateMessage": one.state_message or None,
        "OwnerId": AWS if is_ours else call.scope.account,
        "Tags": tag_set(one.tags),
    }


def _version_of(one: ManagedPrefixList) -> PrefixListVersion:
    return PrefixListVersion(
        version_id=f"{one.prefix_list_id}/{one.version}",
        prefix_list_id=one.prefix_list_id,
        version=one.version,
        entries=one.entries,
    )


def _require_version(view: View, one: ManagedPrefixList, number: int) -> PrefixListVersion:
    version = view.get(PrefixListVersion, f"{one.prefix_list_id}/{number}")
    if version is None:
        raise AwsError(
            "InvalidPrefixListVersion.NotFound",
            f"The version {number} of the prefix list '{one.prefix_list_id}' does not exist",
        )
    return version


def _check_current(one: ManagedPrefixList, number: int) -> None:
    if number != one.version:
        raise AwsError(
            "PrefixListVersionMismatch",
            f"The prefix list '{one.prefix_list_id}' has version {one.version}, not {number}.",
        )


def _new_version(
    change: Transaction, one: ManagedPrefixList, entries: tuple[PrefixListEntry, ...], state: str
) -> ManagedPrefixList:
    """Return the list in its next version; the oldest goes where there are too many."""
    new = replace(one, entries=entries, version=one.version + 1, state=state, state_message="")
    _check_room(new)
    change.put(_version_of(new))
    oldest = change.get(
        PrefixListVersion, f"{new.prefix_list_id}/{new.version - MAX_PREFIX_LIST_VERSIONS}"
    )
    if oldest is not None:
        change.remove(oldest)
    return new


def _resized(change: Transaction, one: ManagedPrefixList, size: int) -> ManagedPrefixList:
    """Return the list in another size, or told in its state what has no room for that."""
    wanted = replace(one, max_entries=size, state="modify-complete", state_message="")
    _check_room(wanted)
    change.put(wanted)  # the quotas are asked about the list as it would be
    full = [
        user for user in users_of_prefix_list(change, one.prefix_list_id) if not _fits(change, user)
    ]
    if not full:
        return wanted
    named = ", ".join(full[:NAMED_AT_MOST])
    return replace(
        one,
        state="modify-failed",
        state_message=f"The following resources do not support the new maximum size: {named}",
    )


def _fits(view: View, user: str) -> bool:
    table = view.get(RouteTable, user)
    if table is not None:
        return fits_table(view, table)
    rules = view.select(SecurityGroupRule, group_id=user)
    return all(
        fits_group(view, [one for one in rules if one.is_egress == is_egress])
        for is_egress in (False, True)
    )


def _changes(request: Request, member: str) -> list[dict[str, Any]]:
    changes = list(request.get(member) or ())
    if len(changes) > MAX_CHANGED_ENTRIES:
        raise AwsError(
            "InvalidParameterValue",
            f"At most {MAX_CHANGED_ENTRIES} entries may be given in {member} of one request.",
        )
    return changes


def _changed(one: ManagedPrefixList, request: Request) -> tuple[PrefixListEntry, ...]:
    family = one.address_family
    gone = [_range(entry, family) for entry in _changes(request, "RemoveEntries")]
    came = _changes(request, "AddEntries")
    if {_range(entry, family) for entry in came} & set(gone):
        raise AwsError(
            "InvalidParameterValue", "The same entry cannot be added and removed in one request."
        )
    known = {entry.cidr for entry in one.entries}
    for cidr in gone:
        if cidr not in known:
            raise AwsError(
                "InvalidParameterValue",
                f"The entry {cidr} is not in the prefix list '{one.prefix_list_id}'.",
            )
    kept = tuple(entry for entry in one.entries if entry.cidr not in gone)
    return _added(kept, came, family)


def _added(
    kept: tuple[PrefixListEntry, ...], came: list[dict[str, Any]], family: str
) -> tuple[PrefixListEntry, ...]:
    """Return entries with more of them; one that is there already gets its new description."""
    new = [
        PrefixListEntry(cidr=_range(one, family), description=checked_description(one))
        for one in came
    ]
    named = {one.cidr for one in new}
    if len(named) < len(new):
        raise AwsError("InvalidParameterValue", "The same entry must not appear multiple times.")
    return (*(one for one in kept if one.cidr not in named), *new)


def _range(entry: dict[str, Any], family: str) -> str:
    cidr = entry.get("Cidr")
    return checked_ipv4(cidr) if family == "IPv4" else checked_ipv6(cidr)


def _checked_name(name: str) -> str:
    if not name or len(name) > MAX_NAME or name.startswith("com.amazonaws"):
        raise AwsError(
            "InvalidParameterValue",
            f"Invalid prefix list name '{name}': 1 to {MAX_NAME} characters, and it cannot start "
            "with com.amazonaws.",
        )
    return name


def _checked_size(size: int) -> int:
    if not 1 <= size <= MAX_PREFIX_LIST_ENTRIES:
        raise AwsError(
            "InvalidParameterValue",
            f"Invalid value '{size}' for maxEntries: 1 to {MAX_PREFIX_LIST_ENTRIES}.",
        )
    return size


def _check_room(one: ManagedPrefixList) -> None:
    if len(one.entries) > one.max_entries:
        raise AwsError(
            "PrefixListMaxEntriesExceeded",
            f"The prefix list would have {len(one.entries)} entries; its maximum is "
            f"{one.max_entries}.",
        )
