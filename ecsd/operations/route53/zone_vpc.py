"""Which VPCs ask a private zone. Source: Route 53 API Reference, AssociateVPCWithHostedZone."""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.dns.hosted_zone import MOST_VPCS, conflicting
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.route53.requests import account_change, id_of, invalid, note
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.route53.hosted_zone import ZoneVpc
from ecsd.store.finders.route53 import require_own_zone, zones_called
from ecsd.store.store import View


@operation("route53", "AssociateVPCWithHostedZone")
async def associate_vpc_with_hosted_zone(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Let one more VPC ask a private zone; again is the same as once."""
    async with account_change(call) as change:
        zone = require_own_zone(change, id_of(request["HostedZoneId"]))
        vpc = parse_vpc(change, request["VPC"])
        if not zone.private:
            raise AwsError(
                "PublicZoneVPCAssociation",
                "You're trying to associate a VPC with a public hosted zone. Amazon Route 53 "
                "doesn't support associating a VPC with a public hosted zone.",
            )
        if vpc not in zone.vpcs:
            refuse_conflict(change, zone.name, vpc)
            if len(zone.vpcs) >= MOST_VPCS:
                words = f"At most {MOST_VPCS} VPCs can be associated with a hosted zone."
                raise AwsError("LimitsExceeded", words, status=400)
            zone = replace(zone, vpcs=(*zone.vpcs, vpc))
            change.put(zone)
        return {"ChangeInfo": note(call, change, zone, request.get("Comment"))}


@operation("route53", "DisassociateVPCFromHostedZone")
async def disassociate_vpc_from_hosted_zone(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Let a VPC ask a private zone no more; one has to be left. The VPC itself may be gone."""
    async with account_change(call) as change:
        zone = require_own_zone(change, id_of(request["HostedZoneId"]))
        vpc_id, region = _named(request["VPC"])
        gone = ZoneVpc(vpc_id=vpc_id, region=region)
        if gone not in zone.vpcs:
            raise AwsError(
                "VPCAssociationNotFound",
                f"The VPC: {vpc_id} and hosted zone: {zone.zone_id} you provided are not "
                "associated.",
            )
        left = tuple(one for one in zone.vpcs if one != gone)
        if not left:
            raise AwsError(
                "LastVPCAssociation",
                "The VPC that you're trying to disassociate from the private hosted zone is the "
                "last VPC that is associated with the hosted zone. Amazon Route 53 doesn't support "
                "disassociating the last VPC from a hosted zone.",
            )
        zone = replace(zone, vpcs=left)
        change.put(zone)
        return {"ChangeInfo": note(call, change, zone, request.get("Comment"))}


def parse_vpc(view: View, given: dict[str, Any]) -> ZoneVpc:
    """Return a VPC of this account, or refuse with InvalidVPCId."""
    vpc_id, region = _named(given)
    if view.in_region(region).get(Vpc, vpc_id) is None:
        raise AwsError(
            "InvalidVPCId", f"The VPC ID is invalid: no VPC {vpc_id} in region {region}."
        )
    return ZoneVpc(vpc_id=vpc_id, region=region)


def show_vpc(vpc: ZoneVpc) -> dict[str, Any]:
    """Return a VPC in the API's shape."""
    return {"VPCRegion": vpc.region, "VPCId": vpc.vpc_id}


def refuse_conflict(view: View, name: str, vpc: ZoneVpc) -> None:
    """Refuse a VPC that asks a private zone of this name already."""
    known = conflicting(name, vpc.vpc_id, zones_called(view, name))
    if known is not None:
        raise AwsError(
            "ConflictingDomainExists",
            f"The VPC {vpc.vpc_id} in region {vpc.region} has already been associated with the "
            f"hosted zone {known.zone_id} with the same domain name.",
            status=400,
        )


def _named(given: dict[str, Any]) -> tuple[str, str]:
    vpc_id, region = given.get("VPCId"), given.get("VPCRegion")
    if not vpc_id or not region:
        raise invalid("VPC: both VPCId and VPCRegion are required.")
    return vpc_id, region
