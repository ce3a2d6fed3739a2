"""Log groups and how long they keep events."""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.logs.retention import ALLOWED_DAYS, milliseconds
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.logs.log_stream import forget
from ecsd.operations.logs.requests import invalid, page, refuse_unsupported
from ecsd.operations.logs.tag import merged
from ecsd.records.logs.log_filter import MetricFilter, SubscriptionFilter
from ecsd.records.logs.log_group import LogGroup, LogStream
from ecsd.store.finders.logs import require_log_group, require_log_group_by_identifier
from ecsd.store.store import View

PAGE = 50
LINKED = ("accountIdentifiers", "includeLinkedAccounts")


@operation("logs", "CreateLogGroup")
async def create_log_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a log group; events stay for ever until a retention is put."""
    refuse_unsupported(request, "kmsKeyId")
    name, kind = request["logGroupName"], request.get("logGroupClass", "STANDARD")
    if kind not in ("STANDARD", "INFREQUENT_ACCESS"):
        raise invalid(f"logGroupClass {kind} is not supported.")
    group = LogGroup(
        log_group_name=name,
        arn=f"arn:aws:logs:{call.scope.region}:{call.scope.account}:log-group:{name}:*",
        created_at=call.clock.now(),
        log_group_class=kind,
        deletion_protection=request.get("deletionProtectionEnabled", False),
        tags=merged((), request.get("tags", {}), name),
    )
    async with call.transaction() as change:
        if change.get(LogGroup, name) is not None:
            raise AwsError(
                "ResourceAlreadyExistsException", "The specified log group already exists"
            )
        change.put(group)
    return {}


@operation("logs", "DeleteLogGroup")
async def delete_log_group(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a group with its streams; their storage is freed soon after."""
    async with call.transaction() as change:
        group = require_log_group(change, request["logGroupName"])
        if group.deletion_protection:
            raise AwsError(
                "ValidationException",
                "The log group cannot be deleted because deletion protection is enabled.",
            )
        streams = change.select(LogStream, log_group_name=group.log_group_name)
        for kind in (MetricFilter, SubscriptionFilter):
            change.remove(*change.select(kind, log_group_name=group.log_group_name))
        forget(change, streams)
        change.remove(group)
    return {}


@operation("logs", "PutLogGroupDeletionProtection")
async def put_log_group_deletion_protection(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Say whether a group may be deleted."""
    async with call.transaction() as change:
        group = require_log_group_by_identifier(change, request["logGroupIdentifier"])
        change.put(replace(group, deletion_protection=request["deletionProtectionEnabled"]))
    return {}


@operation("logs", "DescribeLogGroups")
async def describe_log_groups(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return groups by name: all, or by prefix, substring, class or identifiers."""
    refuse_unsupported(request, *LINKED)
    view = call.view
    named = [(one.log_group_name, one) for one in _wanted(view, request)]
    shown, rest = page(request, named, PAGE)
    if request.get("logGroupNamePattern"):
        return {"logGroups": [_short(one) for one in shown], **rest}
    streams = {
        one.log_group_name: view.select(LogStream, log_group_name=one.log_group_name)
        for one in shown
    }
    storages = [stream.storage for group in streams.values() for stream in group]
    summaries = await call.streams.summarize(storages)
    groups = []
    for one in shown:
        stored = sum(summaries[it.storage].stored_bytes for it in streams[one.log_group_name])
        filters = view.count(MetricFilter, "log_group_name", one.log_group_name)
        groups.append(_full(one, stored, filters))
    return {"logGroups": groups, **rest}


@operation("logs", "ListLogGroups")
async def list_log_groups(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return names, ARNs and classes of groups; the pattern knows ``^`` and ``|``."""
    refuse_unsupported(request, *LINKED, "dataSources", "fieldIndexNames", "logGroupTags")
    patterns = request.get("logGroupNamePattern", "").split("|")
    kind = request.get("logGroupClass")
    named = [
        (one.log_group_name, one)
        for one in call.view.select(LogGroup)
        if any(_has(one.log_group_name, pattern) for pattern in patterns)
        and kind in (None, one.log_group_class)
    ]
    shown, rest = page(request, named, PAGE)
    groups = [
        {
            "logGroupName": one.log_group_name,
            "logGroupArn": one.arn.removesuffix(":*"),
            "logGroupClass": one.log_group_class,
        }
        for one in shown
    ]
    return {"logGroups": groups, **rest}


@operation("logs", "PutRetentionPolicy")
async def put_retention_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Say for how many days events are kept; older ones vanish at once."""
    days = request["retentionInDays"]
    if days not in ALLOWED_DAYS:
        allowed = ", ".join(str(one) for one in ALLOWED_DAYS)
        raise invalid(
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy "
            f"constraint: Member must satisfy enum value set: [{allowed}]"
        )
    async with call.transaction() as change:
        group = require_log_group(change, request["logGroupName"])
        change.put(replace(group, retention_in_days=days, trim_at=None))
    return {}


@operation("logs", "DeleteRetentionPolicy")
async def delete_retention_policy(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep events for ever."""
    async with call.transaction() as change:
        group = require_log_group(change, request["logGroupName"])
        change.put(replace(group, retention_in_days=None, trim_at=None))
    return {}


def _wanted(view: View, request: dict[str, Any]) -> list[LogGroup]:
    prefix, pattern = request.get("logGroupNamePrefix"), request.get("logGroupNamePattern")
    identifiers, kind = request.get("logGroupIdentifiers"), request.get("logGroupClass")
    if prefix and pattern:
        raise invalid("logGroupNamePrefix and logGroupNamePattern are mutually exclusive.")
    if identifiers:
        if prefix or pattern or kind:
            raise invalid("logGroupIdentifiers cannot be combined with another filter.")
        found = [require_log_group_by_identifier(view, one) for one in identifiers]
        return list({one.log_group_name: one for one in found}.values())
    return [
        one
        for one in view.select(LogGroup)
        if one.log_group_name.startswith(prefix or "")
        and (pattern or "") in one.log_group_name
        and kind in (None, one.log_group_class)
    ]


def _short(group: LogGroup) -> dict[str, Any]:
    return {
        "logGroupName": group.log_group_name,
        "creationTime": milliseconds(group.created_at),
        "arn": group.arn,
    }


def _full(group: LogGroup, stored_bytes: int, metric_filters: int) -> dict[str, Any]:
    answer = {
        **_short(group),
        "metricFilterCount": metric_filters,
        "storedBytes": stored_bytes,
        "logGroupClass": group.log_group_class,
        "logGroupArn": group.arn.removesuffix(":*"),
        "deletionProtectionEnabled": group.deletion_protection,
    }
    if group.retention_in_days is not None:
        answer["retentionInDays"] = group.retention_in_days
    return answer


def _has(name: str, pattern: str) -> bool:
    return name.startswith(pattern[1:]) if pattern.startswith("^") else pattern in name
