"""Hosted zones: made, shown, changed, deleted.

Source: Route 53 API Reference, CreateHostedZone and its kin.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.dns.hosted_zone import MOST_ZONES, first_record_sets, name_servers
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.route53.requests import (
    SERVICE,
    account_change,
    account_view,
    id_of,
    invalid,
    note,
    parse_name,
)
from ecsd.operations.route53.zone_vpc import parse_vpc, refuse_conflict, show_vpc
from ecsd.records.route53.hosted_zone import HostedZone
from ecsd.records.route53.record_set import RecordSet
from ecsd.store.finders.route53 import (
    count_record_sets,
    require_own_zone,
    require_zone,
)
from ecsd.store.store import View


@operation("route53", "CreateHostedZone")
async def create_hosted_zone(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a zone with its NS and SOA records; private where a VPC is named."""
    if request.get("DelegationSetId"):
        raise invalid("DelegationSetId: reusable delegation sets are not supported by ecsd yet")
    name = parse_name(request["Name"])
    config = request.get("HostedZoneConfig") or {}
    if config.get("PrivateZone") and not request.get("VPC"):
        raise invalid(
            "When you're creating a private hosted zone (when you specify true for PrivateZone), "
            "you must also specify values for VPCId and VPCRegion."
        )
    async with account_change(call) as change:
        _check_new(change, request["CallerReference"])
        vpc = parse_vpc(change, request["VPC"]) if request.get("VPC") else None
        if vpc is not None:
            refuse_conflict(change, name, vpc)
        zone = HostedZone(
            zone_id=call.ids.hosted_zone_id(),
            name=name,
            caller_reference=request["CallerReference"],
            comment=config.get("Comment"),
            private=vpc is not None,
            vpcs=() if vpc is None else (vpc,),
            created_at=call.clock.now(),
        )
        change.put(zone, *first_record_sets(zone))
        info = note(call, change, zone, None)
        shown = show(change, zone)
    return {
        "HostedZone": shown,
        "ChangeInfo": info,
        "DelegationSet": {"NameServers": list(name_servers(zone))},
        "VPC": None if vpc is None else show_vpc(vpc),
        "Location": f"https://route53.amazonaws.com/2013-04-01/hostedzone/{zone.zone_id}",
    }


@operation("route53", "GetHostedZone")
async def get_hosted_zone(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe a zone: its VPCs, or its name servers."""
    view = account_view(call)
    zone = require_zone(view, id_of(request["Id"]))
    if zone.private:
        return {"HostedZone": show(view, zone), "VPCs": [show_vpc(one) for one in zone.vpcs]}
    servers = {"NameServers": list(name_servers(zone))}
    return {"HostedZone": show(view, zone), "DelegationSet": servers}


@operation("route53", "UpdateHostedZoneComment")
async def update_hosted_zone_comment(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change the comment; none given takes it away."""
    async with account_change(call) as change:
        zone = require_own_zone(change, id_of(request["Id"]))
        zone = replace(zone, comment=request.get("Comment") or None)
        change.put(zone)
        return {"HostedZone": show(change, zone)}


@operation("route53", "DeleteHostedZone")
async def delete_hosted_zone(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a zone that has no records but those it began with."""
    async with account_change(call) as change:
        zone = require_own_zone(change, id_of(request["Id"]))
        own = change.select(RecordSet, zone_id=zone.zone_id)
        if any(one.name != zone.name or one.type not in {"NS", "SOA"} for one in own):
            raise AwsError(
                "HostedZoneNotEmpty",
                "The specified hosted zone contains non-required resource record sets  and so "
                "cannot be deleted.",
            )
        change.remove(zone, *own)
        return {"ChangeInfo": note(call, change, zone, None)}


@operation("route53", "GetDNSSEC")
async def get_dnssec(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Tell that a zone is not signed."""
    zone = require_zone(account_view(call), id_of(request["HostedZoneId"]))
    if zone.private:
        raise AwsError(
            "InvalidArgument", "Operation is unsupported for private hosted zones.", status=400
        )
    return {"Status": {"ServeSignature": "NOT_SIGNING"}, "KeySigningKeys": []}


def show(view: View, zone: HostedZone) -> dict[str, Any]:
    """Return a zone in the API's shape."""
    linked = None
    if zone.linked_arn is not None:
        linked = {"ServicePrincipal": SERVICE, "Description": f"Namespace {zone.linked_arn}"[:256]}
    return {
        "Id": f"/hostedzone/{zone.zone_id}",
        "Name": zone.name,
        "CallerReference": zone.caller_reference,
        "Config": {"Comment": zone.comment, "PrivateZone": zone.private},
        "ResourceRecordSetCount": count_record_sets(view, zone),
        "LinkedService": linked,
    }


def _check_new(view: View, caller_reference: str) -> None:
    if view.select(HostedZone, caller_reference=caller_reference):
        raise AwsError(
            "HostedZoneAlreadyExists",
            "A hosted zone has already been created with the specified caller reference.",
        )
    if len(view.select(HostedZone)) >= MOST_ZONES:
        raise AwsError("TooManyHostedZones", f"At most {MOST_ZONES} hosted zones in an account.")
