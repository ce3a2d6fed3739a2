"""DHCP options: the one set that every region has, and that every VPC uses."""

import hashlib

from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import DESCRIBING, Answer, Request, action
from ecsd.operations.ec2.listing import Listing, listed
from ecsd.store.scope import Scope

OPTIONS = Listing(
    "DhcpOptions",
    "DhcpOptionsId",
    {
        "dhcp-options-id": "DhcpOptionsId",
        "key": "DhcpConfigurations.Key",
        "owner-id": "OwnerId",
        "value": "DhcpConfigurations.Values.Value",
    },
)


def default_options_id(scope: Scope) -> str:
    """Return the id of the account's default set in a region, always the same one."""
    return f"dopt-0{hashlib.sha256('/'.join(scope).encode()).hexdigest()[:16]}"


@action("DescribeDhcpOptions", "DhcpOptionsIds", *DESCRIBING)
async def describe_dhcp_options(call: Call, request: Request) -> Answer:
    """Return the default set: the VPC's own resolver, and the region's domain."""
    region = call.scope.region
    only = default_options_id(call.scope)
    for wanted in request.get("DhcpOptionsIds") or ():
        if wanted != only:
            raise AwsError(
                "InvalidDhcpOptionID.NotFound", f"The dhcpOption ID '{wanted}' does not exist"
            )
    domain = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    document = {
        "DhcpOptionsId": only,
        "OwnerId": call.scope.account,
        "DhcpConfigurations": [
            {"Key": "domain-name", "Values": [{"Value": domain}]},
            {"Key": "domain-name-servers", "Values": [{"Value": "AmazonProvidedDNS"}]},
        ],
        "Tags": [],
    }
    return listed(request, OPTIONS, [document])
