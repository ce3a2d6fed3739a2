"""Regions and availability zones."""

from typing import Any

from ecsd.decisions.network.availability_zone import ENABLED_BY_DEFAULT, REGIONS, zones
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import Answer, Request, action
from ecsd.operations.ec2.listing import Listing, listed

ZONES = Listing(
    "AvailabilityZones",
    "ZoneName",
    {
        "group-name": "GroupName",
        "message": "Messages.Message",
        "opt-in-status": "OptInStatus",
        "region-name": "RegionName",
        "state": "State",
        "zone-id": "ZoneId",
        "zone-name": "ZoneName",
        "zone-type": "ZoneType",
    },
)
REGION_LIST = Listing(
    "Regions",
    "RegionName",
    {"endpoint": "Endpoint", "opt-in-status": "OptInStatus", "region-name": "RegionName"},
)


@action("DescribeAvailabilityZones", "ZoneNames", "ZoneIds", "AllAvailabilityZones", "Filters")
async def describe_availability_zones(call: Call, request: Request) -> Answer:
    """Return the zones of the caller's region, all of them available."""
    region = call.scope.region
    documents = [
        {
            "State": "available",
            "OptInStatus": "opt-in-not-required",
            "Messages": [],
            "RegionName": region,
            "ZoneName": zone.name,
            "ZoneId": zone.zone_id,
            "GroupName": f"{region}-zg-1",
            "NetworkBorderGroup": region,
            "ZoneType": "availability-zone",
        }
        for zone in zones(region)
    ]
    for member, identifier in (("ZoneNames", "ZoneName"), ("ZoneIds", "ZoneId")):
        if request.get(member):
            documents = _named(documents, identifier, request[member])
    return listed(request, ZONES, documents)


@action("DescribeRegions", "RegionNames", "AllRegions", "Filters")
async def describe_regions(call: Call, request: Request) -> Answer:
    """Return the regions; every one of them is usable."""
    names = dict.fromkeys((*REGIONS, call.scope.region))
    documents: list[dict[str, Any]] = [
        {
            "RegionName": name,
            "Endpoint": f"ec2.{name}.amazonaws.com",
            "OptInStatus": "opt-in-not-required" if name in ENABLED_BY_DEFAULT else "opted-in",
        }
        for name in names
    ]
    if request.get("RegionNames"):
        documents = _named(documents, "RegionName", request["RegionNames"])
    return listed(request, REGION_LIST, documents)


def _named(
    documents: list[dict[str, Any]], identifier: str, wanted: list[str]
) -> list[dict[str, Any]]:
    known = {one[identifier] for one in documents}
    unknown = next((name for name in wanted if name not in known), None)
    if unknown is not None:
        parameter = identifier[0].lower() + identifier[1:]
        raise AwsError("InvalidParameterValue", f"Invalid {parameter}: [{unknown}]")
    return [one for one in documents if one[identifier] in wanted]
