"""DHCP options: the set that every region has, and users' own; tasks get them when they begin.

Source: Amazon EC2 API Reference, CreateDhcpOptions, AssociateDhcpOptions; VPC User Guide, DHCP
option sets.
"""

import hashlib
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.network.addressing import is_address
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import DESCRIBING, Answer, Request, action
from ecsd.operations.ec2.listing import Listing, chosen, listed
from ecsd.operations.ec2.tagging import specified_tags, tag_set
from ecsd.records.ec2.dhcp_options import OWN_RESOLVER, DhcpOptions
from ecsd.records.ec2.vpc import Vpc
from ecsd.store.finders.ec2 import require, require_vpc
from ecsd.store.scope import Scope

DEFAULT = "default"
NAME, SERVERS = "domain-name", "domain-name-servers"
NOT_SUPPORTED = frozenset(
    {
        "ntp-servers",
        "netbios-name-servers",
        "netbios-node-type",
        "ipv6-address-preferred-lease-time",
    }
)
MAX_SERVERS = 4
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


@action("CreateDhcpOptions", "DhcpConfigurations", "TagSpecifications")
async def create_dhcp_options(call: Call, request: Request) -> Answer:
    """Make a set of options."""
    given: dict[str, list[str]] = {}
    for one in request["DhcpConfigurations"]:
        key, values = one.get("Key") or "", list(one.get("Values") or ())
        _check_key(key, given)
        given[key] = values
    if not any(given.values()):
        raise AwsError("MissingParameter", "The request must contain the parameter dhcpOptions")
    names = given.get(NAME, [])
    if len(names) > 1:
        raise AwsError("InvalidParameterValue", f"Only one value of {NAME} may be given")
    options = DhcpOptions(
        dhcp_options_id=call.ids.resource_id("dopt"),
        domain_name=names[0] if names else None,
        domain_name_servers=_checked_servers(given.get(SERVERS, [])),
        tags=specified_tags(request, "dhcp-options"),
    )
    async with call.transaction() as change:
        change.put(options)
    return {"DhcpOptions": described(call, options)}


@action("AssociateDhcpOptions", "DhcpOptionsId", "VpcId")
async def associate_dhcp_options(call: Call, request: Request) -> Answer:
    """Have tasks that begin in a VPC from now on get these options; ``default``: the region's."""
    options_id = request["DhcpOptionsId"]
    async with call.transaction() as change:
        vpc = require_vpc(change, request["VpcId"])
        if options_id in {DEFAULT, default_options_id(call.scope)}:
            options_id = DEFAULT
        else:
            require(change, DhcpOptions, options_id)
        change.put(replace(vpc, dhcp_options_id=options_id))
    return {}


@action("DeleteDhcpOptions", "DhcpOptionsId")
async def delete_dhcp_options(call: Call, request: Request) -> Answer:
    """Remove a set that no VPC has."""
    async with call.transaction() as change:
        options_id = request["DhcpOptionsId"]
        used = any(vpc.dhcp_options_id == options_id for vpc in change.select(Vpc))
        if used or options_id == default_options_id(call.scope):
            raise AwsError(
                "DependencyViolation",
                f"The dhcpOptions '{options_id}' has dependencies and cannot be deleted.",
            )
        change.remove(require(change, DhcpOptions, options_id))
    return {}


@action("DescribeDhcpOptions", "DhcpOptionsIds", *DESCRIBING)
async def describe_dhcp_options(call: Call, request: Request) -> Answer:
    """Return sets of options: the default one, and users' own."""
    ids = list(request.get("DhcpOptionsIds") or ())
    default = default_options_id(call.scope)
    own = [one for one in ids if one != default]
    found = chosen(call.view, DhcpOptions, own) if own or not ids else []
    if default in ids or not ids:
        found = [_default(call), *found]
    return listed(request, OPTIONS, [described(call, one) for one in found])


def described(call: Call, options: DhcpOptions) -> dict[str, Any]:
    """Return a set in EC2's shape."""
    values = {
        NAME: [options.domain_name] if options.domain_name else [],
        SERVERS: list(options.domain_name_servers),
    }
    return {
        "DhcpOptionsId": options.dhcp_options_id,
        "OwnerId": call.scope.account,
        "DhcpConfigurations": [
            {"Key": key, "Values": [{"Value": one} for one in some]}
            for key, some in values.items()
            if some
        ],
        "Tags": tag_set(options.tags),
    }


def _default(call: Call) -> DhcpOptions:
    """Return the region's set: the VPC's own resolver, and the region's domain."""
    region = call.scope.region
    return DhcpOptions(
        dhcp_options_id=default_options_id(call.scope),
        domain_name="ec2.internal" if region == "us-east-1" else f"{region}.compute.internal",
        domain_name_servers=(OWN_RESOLVER,),
    )


def _check_key(key: str, given: dict[str, list[str]]) -> None:
    if key in NOT_SUPPORTED:
        raise AwsError("UnsupportedOperation", f"The DHCP option {key} is not supported.")
    if key not in {NAME, SERVERS}:
        raise AwsError(
            "InvalidParameterValue", f"Value ({key}) for parameter name is invalid. Unknown option"
        )
    if key in given:
        raise AwsError("InvalidParameterValue", f"The DHCP option {key} must not appear twice")


def _checked_servers(values: list[str]) -> tuple[str, ...]:
    servers = [one.strip() for value in values for one in value.split(",")]
    for one in servers:
        if one != OWN_RESOLVER and not is_address(one):
            raise AwsError(
                "InvalidParameterValue",
                f"Value ({one}) for parameter value is invalid. Invalid domain-name-servers",
            )
    if len(servers) > MAX_SERVERS:
        raise AwsError(
            "InvalidParameterValue", f"At most {MAX_SERVERS} domain-name-servers may be given"
        )
    return tuple(servers)
