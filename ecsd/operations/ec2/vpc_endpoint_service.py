"""The services that endpoints lead to, and AWS's own prefix lists.

Source: Amazon EC2 API Reference, DescribeVpcEndpointServices, DescribePrefixLists.
"""

import hashlib
from typing import Any

from ecsd.decisions.network.availability_zone import zones
from ecsd.decisions.network.described_filter import matches
from ecsd.decisions.network.endpoint_service import (
    REGISTRY,
    SERVICES,
    EndpointService,
    private_names,
    s3_prefix_list,
)
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import DESCRIBING, Answer, Request, action
from ecsd.operations.ec2.listing import Listing, checked_filters, listed, page

FILTERS = {
    "owner": "Owner",
    "service-name": "ServiceName",
    "service-region": "ServiceRegion",
    "service-type": "ServiceType.ServiceType",
    "supported-ip-address-types": "SupportedIpAddressTypes",
}
LISTS = Listing(
    "PrefixLists",
    "PrefixListId",
    {"prefix-list-id": "PrefixListId", "prefix-list-name": "PrefixListName"},
)


@action("DescribeVpcEndpointServices", "ServiceNames", "ServiceRegions", *DESCRIBING)
async def describe_vpc_endpoint_services(call: Call, request: Request) -> Answer:
    """Return the services that this ecsd has; S3 is there twice, once for each type."""
    filters = checked_filters(request, FILTERS)
    regions = request.get("ServiceRegions") or [call.scope.region]
    details = [
        _described(call.scope.region, one, kind) for one in SERVICES.values() for kind in one.types
    ]
    named = request.get("ServiceNames") or []
    known = {one["ServiceName"] for one in details}
    for name in named:
        if name not in known:
            raise AwsError(
                "InvalidServiceName", f"The Vpc Endpoint Service '{name}' does not exist"
            )
    passing = [
        one
        for one in details
        if matches(one, filters, FILTERS)
        and (not named or one["ServiceName"] in named)
        and call.scope.region in regions
    ]
    answer = page(request, "ServiceDetails", passing, lambda one: str(one["ServiceId"]))
    shown = answer["ServiceDetails"]
    return answer | {"ServiceNames": sorted({one["ServiceName"] for one in shown})}


def _described(region: str, service: EndpointService, kind: str) -> dict[str, Any]:
    name = f"com.amazonaws.{region}.{service.name}"
    known = private_names(service, region) if kind == "Interface" else ()
    places = zones(region)
    return {
        "ServiceName": name,
        "ServiceId": f"vpce-svc-0{hashlib.sha256(f'{name}/{kind}'.encode()).hexdigest()[:16]}",
        "ServiceType": [{"ServiceType": kind}],
        "ServiceRegion": region,
        "AvailabilityZones": [one.name for one in places],
        "AvailabilityZoneIds": [one.zone_id for one in places],
        "Owner": "amazon",
        "BaseEndpointDnsNames": [f"{service.host}.{region}.vpce.amazonaws.com"],
        "PrivateDnsName": known[-1] if known else None,
        "PrivateDnsNames": [{"PrivateDnsName": one} for one in known],
        "PrivateDnsNameVerificationState": "verified" if known else None,
        "VpcEndpointPolicySupported": service.name != REGISTRY,
        "AcceptanceRequired": False,
        "ManagesVpcEndpoints": False,
        "SupportedIpAddressTypes": ["ipv4"],
        "Tags": [],
    }


@action("DescribePrefixLists", "PrefixListIds", *DESCRIBING)
async def describe_prefix_lists(call: Call, request: Request) -> Answer:
    """Return AWS's own lists with their ranges: S3's of the region."""
    own = s3_prefix_list(call.scope.region)
    for one in request.get("PrefixListIds") or ():
        if one != own.prefix_list_id:
            raise AwsError(
                "InvalidPrefixListId.NotFound", f"The prefix list ID '{one}' does not exist"
            )
    document = {
        "PrefixListId": own.prefix_list_id,
        "PrefixListName": own.prefix_list_name,
        "Cidrs": [one.cidr for one in own.entries],
    }
    return listed(request, LISTS, [document])
