"""The tags of whatever an ARN names, for conditions on ``aws:ResourceTag``."""

import re
from functools import cache

from ecsd.records.catalogue import all_kinds
from ecsd.records.record import Record
from ecsd.records.tag import Tag
from ecsd.store.store import View

GLOBAL_SERVICES = ("iam", "route53")
ROOMS = {
    "elasticloadbalancing": "elbv2",
    "elasticfilesystem": "efs",
}  # a service's records, where ARNs say otherwise
LOG_GROUP = re.compile(r":log-group:([^:]*)")


def resource_tags(view: View, arn: str) -> tuple[Tag, ...]:
    """Return the tags of a resource; empty when it has none, is not there, or is any resource."""
    parts = arn.split(":", 5)
    if len(parts) < 6:  # noqa: PLR2004 - an ARN's parts
        return ()
    service, rest = ROOMS.get(parts[2], parts[2]), parts[5]
    own = view.globally() if service in GLOBAL_SERVICES else view
    group = LOG_GROUP.search(arn)
    name = rest.partition("/")[2]
    keys = [arn, rest.rpartition("/")[2], *(group.groups() if group else ())]
    if service == "ssm":
        keys += [f"/{name}", name]  # names have a leading slash that their ARNs have not
    for kind in _tagged(service):
        for key in keys:
            found = own.get(kind, key)
            if found is not None and _is(found, arn, key):
                tags: tuple[Tag, ...] = found.tags  # type: ignore[attr-defined]
                return tags
    return ()


def _is(record: Record, arn: str, key: str) -> bool:
    """Return whether a record found by a short key is the one: records that know their ARN say."""
    own = getattr(record, "arn", None)
    return key == arn or own is None or own == arn


@cache
def _tagged(service: str) -> tuple[type[Record], ...]:
    room = f"ecsd.records.{service}."
    return tuple(
        kind
        for kind in all_kinds().values()
        if kind.__module__.startswith(room) and "tags" in kind.__struct_fields__
    )
