"""Records of a zone: listed in their order, changed in batches.

Source: Route 53 API Reference, ChangeResourceRecordSets, ListResourceRecordSets.
"""

from typing import Any

from ecsd.decisions.dns.change_batch import ChangeOf, apply_batch
from ecsd.decisions.dns.domain_name import canonical, order
from ecsd.decisions.dns.record_set import place, rank
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.route53.requests import (
    account_change,
    account_view,
    cut,
    id_of,
    invalid,
    note,
    page_size,
    parse_name,
)
from ecsd.records.route53.hosted_zone import HostedZone
from ecsd.records.route53.record_set import AliasTarget, RecordSet
from ecsd.store.finders.route53 import (
    balancer_called,
    record_sets_of,
    require_health_check,
    require_own_zone,
    require_zone,
)

MOST = 300  # on a page
LATER = (
    "Region",
    "GeoLocation",
    "TrafficPolicyInstanceId",
    "CidrRoutingConfig",
    "GeoProximityLocation",
)


@operation("route53", "ChangeResourceRecordSets")
async def change_resource_record_sets(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Create, replace and delete records: all of a batch or nothing."""
    batch = request["ChangeBatch"]
    async with account_change(call) as change:
        zone = require_own_zone(change, id_of(request["HostedZoneId"]))
        asked = [_parse(one, zone) for one in batch["Changes"]]
        for one in asked:
            if one.action != "DELETE" and one.record_set.health_check_id is not None:
                require_health_check(change, one.record_set.health_check_id)
        known = change.select(RecordSet, zone_id=zone.zone_id)
        made = apply_batch(
            zone, known, asked, lambda name: balancer_called(change, name) is not None
        )
        if made.faults:
            raise AwsError("InvalidChangeBatch", f"[{', '.join(made.faults)}]", status=400)
        change.put(*made.put)
        change.remove(*made.removed)
        return {"ChangeInfo": note(call, change, zone, batch.get("Comment"))}


@operation("route53", "ListResourceRecordSets")
async def list_resource_record_sets(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List records by name (labels reversed), type and set identifier."""
    view = account_view(call)
    zone = require_zone(view, id_of(request["HostedZoneId"]))
    size = page_size(request, MOST)
    start = _start(request)
    left = [one for one in record_sets_of(view, zone) if rank(one) >= start]
    shown, rest = cut(left, size)
    return {
        "ResourceRecordSets": [_show(one) for one in shown],
        "IsTruncated": rest is not None,
        "NextRecordName": rest.name if rest else None,
        "NextRecordType": rest.type if rest else None,
        "NextRecordIdentifier": rest.set_identifier if rest else None,
        "MaxItems": str(size),
    }


def _start(request: dict[str, Any]) -> tuple[str, str, str]:
    """Return the rank to begin at."""
    name, kind = request.get("StartRecordName"), request.get("StartRecordType")
    own = request.get("StartRecordIdentifier")
    if (kind and not name) or (own and not kind):
        raise invalid(
            "StartRecordType needs StartRecordName, and StartRecordIdentifier needs both."
        )
    return (order(parse_name(name)) if name else "", kind or "", own or "")


def _parse(given: dict[str, Any], zone: HostedZone) -> ChangeOf:
    """Return a change as it is asked for, or refuse one that has no meaning."""
    one, action = given["ResourceRecordSet"], given["Action"]
    called = (
        f"Change with [Action={action}, Name={one['Name']}, Type={one['Type']}, "
        f"SetIdentifier={one.get('SetIdentifier') or 'null'}]"
    )
    for member in LATER:
        if one.get(member) is not None:
            raise invalid(f"{member} is not supported by ecsd yet, found in {called}")
    _check_routing(one, called)
    values = tuple(str(each["Value"]) for each in one.get("ResourceRecords") or ())
    target = one.get("AliasTarget")
    ttl = one.get("TTL")
    if (target is None) == (ttl is None or not values) or (target and (values or ttl is not None)):
        found = "none" if target is None else "more than one"
        raise invalid(
            "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and "
            f"ResourceRecords], or TrafficPolicyInstanceId], but found {found} in {called}"
        )
    name, own = canonical(one["Name"]), one.get("SetIdentifier")
    return ChangeOf(
        action,
        RecordSet(
            place=place(zone.zone_id, name, one["Type"], own),
            zone_id=zone.zone_id,
            name=name,
            type=one["Type"],
            ttl=ttl,
            values=values,
            alias=_alias(target) if target else None,
            set_identifier=own,
            weight=one.get("Weight"),
            failover=one.get("Failover"),
            multivalue=bool(one.get("MultiValueAnswer")),
            health_check_id=one.get("HealthCheckId"),
        ),
    )


def _check_routing(one: dict[str, Any], called: str) -> None:
    """Refuse routing policies that contradict themselves."""
    routed = (
        one.get("Weight") is not None,
        one.get("Failover") is not None,
        bool(one.get("MultiValueAnswer")),
    )
    if sum(routed) > 1:
        raise invalid(
            "Invalid request: Expected exactly one of [Weight, Failover, MultiValueAnswer], but "
            f"found more than one in {called}"
        )
    if any(routed) and not one.get("SetIdentifier"):
        raise invalid(f"Invalid request: Missing field 'SetIdentifier' in {called}")
    if one.get("SetIdentifier") and not any(routed):
        raise invalid(
            "Invalid request: Expected exactly one of [Weight, Region, Failover, GeoLocation, "
            "MultiValueAnswer, GeoProximityLocation, or CidrRoutingConfig], but found none in "
            f"{called}"
        )
    if one.get("MultiValueAnswer") and (
        one.get("AliasTarget") or one["Type"] in {"NS", "CNAME", "SOA"}
    ):
        raise invalid(
            "Invalid request: MultiValueAnswer is for values of types other than NS and CNAME, "
            f"found in {called}"
        )


def _alias(given: dict[str, Any]) -> AliasTarget:
    return AliasTarget(
        hosted_zone_id=id_of(given["HostedZoneId"]),
        dns_name=f"{given['DNSName'].lower().removesuffix('.')}.",
        evaluate_target_health=given["EvaluateTargetHealth"],
    )


def _show(one: RecordSet) -> dict[str, Any]:
    """Return a record set in the API's shape."""
    alias = one.alias
    return {
        "Name": one.name,
        "Type": one.type,
        "SetIdentifier": one.set_identifier,
        "Weight": one.weight,
        "Failover": one.failover,
        "MultiValueAnswer": one.multivalue or None,
        "HealthCheckId": one.health_check_id,
        "TTL": one.ttl,
        "ResourceRecords": [{"Value": each} for each in one.values] or None,
        "AliasTarget": None
        if alias is None
        else {
            "HostedZoneId": alias.hosted_zone_id,
            "DNSName": alias.dns_name,
            "EvaluateTargetHealth": alias.evaluate_target_health,
        },
    }
