"""Hosted zones listed: by id, by name, by VPC. Source: Route 53 API Reference, ListHostedZones."""

from typing import Any

from ecsd.decisions.dns.domain_name import order
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.route53.hosted_zone import show
from ecsd.operations.route53.requests import (
    SERVICE,
    account_view,
    cut,
    id_of,
    invalid,
    page_size,
    parse_name,
)
from ecsd.store.finders.route53 import all_zones

MOST = 100  # on a page


@operation("route53", "ListHostedZones")
async def list_hosted_zones(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List zones by id."""
    if request.get("DelegationSetId"):
        raise invalid("DelegationSetId: reusable delegation sets are not supported by ecsd yet")
    view, marker = account_view(call), request.get("Marker") or ""
    zones = sorted(all_zones(view), key=lambda one: one.zone_id)
    if request.get("HostedZoneType"):
        zones = [one for one in zones if one.private]
    size = page_size(request, MOST)
    shown, rest = cut([one for one in zones if one.zone_id >= id_of(marker)], size)
    return {
        "HostedZones": [show(view, one) for one in shown],
        "Marker": marker,
        "IsTruncated": rest is not None,
        "NextMarker": rest.zone_id if rest else None,
        "MaxItems": str(size),
    }


@operation("route53", "ListHostedZonesByName")
async def list_hosted_zones_by_name(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List zones by name, labels reversed; zones of one name by id."""
    view = account_view(call)
    name, own = request.get("DNSName"), id_of(request.get("HostedZoneId") or "")
    if own and not name:
        raise invalid("HostedZoneId can only be specified together with DNSName.")
    start = (order(parse_name(name)), own) if name else ("", "")
    zones = sorted(all_zones(view), key=lambda one: (order(one.name), one.zone_id))
    size = page_size(request, MOST)
    left = [one for one in zones if (order(one.name), one.zone_id) >= start]
    shown, rest = cut(left, size)
    return {
        "HostedZones": [show(view, one) for one in shown],
        "DNSName": name,
        "HostedZoneId": request.get("HostedZoneId"),
        "IsTruncated": rest is not None,
        "NextDNSName": rest.name if rest else None,
        "NextHostedZoneId": rest.zone_id if rest else None,
        "MaxItems": str(size),
    }


@operation("route53", "ListHostedZonesByVPC")
async def list_hosted_zones_by_vpc(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List the private zones that a VPC asks."""
    wanted = (request["VPCId"], request["VPCRegion"])
    zones = sorted(all_zones(account_view(call)), key=lambda one: one.zone_id)
    asked = [one for one in zones if wanted in {(vpc.vpc_id, vpc.region) for vpc in one.vpcs}]
    token, size = request.get("NextToken") or "", page_size(request, MOST)
    if token and all(one.zone_id != token for one in zones):
        raise AwsError("InvalidPaginationToken", "NextToken is not one that was given out.")
    shown, rest = cut([one for one in asked if one.zone_id >= token], size)
    return {
        "HostedZoneSummaries": [
            {
                "HostedZoneId": one.zone_id,
                "Name": one.name,
                "Owner": {"OwningService": SERVICE}
                if one.linked_arn
                else {"OwningAccount": call.scope.account},
            }
            for one in shown
        ],
        "MaxItems": str(size),
        "NextToken": rest.zone_id if rest else None,
    }


@operation("route53", "GetHostedZoneCount")
async def get_hosted_zone_count(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Count the account's zones."""
    return {"HostedZoneCount": len(all_zones(account_view(call)))}
