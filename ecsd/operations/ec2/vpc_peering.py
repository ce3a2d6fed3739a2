"""VPC peering: ways between two VPCs of one account and region.

Source: Amazon EC2 API Reference, CreateVpcPeeringConnection and following; VPC Peering Guide,
lifecycle and limitations.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import product
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.network.addressing import overlaps
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import DESCRIBING, Answer, Request, action, says_nothing
from ecsd.operations.ec2.internet_gateway import mark_routes
from ecsd.operations.ec2.limits import MAX_ACTIVE_PEERINGS, MAX_OUTSTANDING_PEERINGS
from ecsd.operations.ec2.listing import Listing, chosen, listed
from ecsd.operations.ec2.tagging import specified_tags, tag_set
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.ec2.vpc_peering import VpcPeeringConnection
from ecsd.store.finders.ec2 import require, require_vpc
from ecsd.store.store import View

ACCEPTED_WITHIN = timedelta(days=7)
SHOWN_FOR = timedelta(hours=2)  # after its end
ACTIVE, PENDING, FAILED = "active", "pending-acceptance", "failed"
ENDED = frozenset({"rejected", "deleted", FAILED, "expired"})
MESSAGES = {
    PENDING: "Pending Acceptance by {}",
    ACTIVE: "Active",
    "deleted": "Deleted by {}",
    "rejected": "Rejected by {}",
    "expired": "Expired",
    FAILED: "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range",
}
OPTIONS = ("AccepterPeeringConnectionOptions", "RequesterPeeringConnectionOptions")


def _party(name: str) -> dict[str, str]:
    return {
        f"{name}-vpc-info.cidr-block": f"{name.title()}VpcInfo.CidrBlock",
        f"{name}-vpc-info.owner-id": f"{name.title()}VpcInfo.OwnerId",
        f"{name}-vpc-info.vpc-id": f"{name.title()}VpcInfo.VpcId",
    }


PEERINGS = Listing(
    "VpcPeeringConnections",
    "VpcPeeringConnectionId",
    {
        **_party("accepter"),
        **_party("requester"),
        "expiration-time": "ExpirationTime",
        "status-code": "Status.Code",
        "status-message": "Status.Message",
        "vpc-peering-connection-id": "VpcPeeringConnectionId",
    },
)


@action(
    "CreateVpcPeeringConnection",
    *("VpcId", "PeerVpcId", "PeerOwnerId", "PeerRegion", "TagSpecifications"),
)
async def create_vpc_peering_connection(call: Call, request: Request) -> Answer:
    """Ask for a way between two VPCs; where their ranges overlap it is failed, as on AWS."""
    for member, own in (("PeerOwnerId", call.scope.account), ("PeerRegion", call.scope.region)):
        if request.get(member) and request[member] != own:
            raise AwsError(
                "UnsupportedOperation",
                f"The value {request[member]} of {member} is not supported: both VPCs are of one "
                "account and region.",
            )
    if not request.get("PeerVpcId"):
        raise AwsError("MissingParameter", "The request must contain the parameter peerVpcId")
    tags = specified_tags(request, "vpc-peering-connection")
    now = call.clock.now()
    async with call.transaction() as change:
        requester = require_vpc(change, request["VpcId"])
        accepter = require_vpc(change, request["PeerVpcId"])
        known = change.select(VpcPeeringConnection)
        change.remove(*(one for one in known if not _is_shown(one, now)))
        _check_new(known, requester, accepter, now)
        peering = VpcPeeringConnection(
            vpc_peering_connection_id=call.ids.resource_id("pcx"),
            requester_vpc_id=requester.vpc_id,
            requester_cidr=requester.cidr_block,
            accepter_vpc_id=accepter.vpc_id,
            accepter_cidr=accepter.cidr_block,
            status=PENDING,
            expires_at=now + ACCEPTED_WITHIN,
            tags=tags,
        )
        if _overlap(requester, accepter):
            peering = replace(peering, status=FAILED, ended_at=now)
        change.put(peering)
    return {"VpcPeeringConnection": described(call, peering)}


def _check_new(
    known: Iterable[VpcPeeringConnection], requester: Vpc, accepter: Vpc, now: datetime
) -> None:
    pair = {requester.vpc_id, accepter.vpc_id}
    living = [one for one in known if status_of(one, now) not in ENDED]
    for one in living:
        if set(one.vpc_ids) == pair:
            raise AwsError(
                "VpcPeeringConnectionAlreadyExists",
                f"A VPC peering connection between {requester.vpc_id} and {accepter.vpc_id} "
                f"already exists: {one.vpc_peering_connection_id}",
            )
    if len([one for one in living if one.status == PENDING]) >= MAX_OUTSTANDING_PEERINGS:
        raise AwsError(
            "OutstandingVpcPeeringConnectionLimitExceeded",
            "The maximum number of outstanding VPC peering connection requests has been reached.",
        )


@action("AcceptVpcPeeringConnection", "VpcPeeringConnectionId")
async def accept_vpc_peering_connection(call: Call, request: Request) -> Answer:
    """Open the way; where the VPCs' ranges overlap by now it is failed."""
    now = call.clock.now()
    async with call.transaction() as change:
        peering = _pending(change, request, now)
        for vpc_id in peering.vpc_ids:
            active = change.select(VpcPeeringConnection, vpc_ids=vpc_id, status=ACTIVE)
            if len(active) >= MAX_ACTIVE_PEERINGS:
                raise AwsError(
                    "ActiveVpcPeeringConnectionPerVpcLimitExceeded",
                    f"{vpc_id} has the maximum number of active VPC peering connections.",
                )
        requester, accepter = (require_vpc(change, one) for one in peering.vpc_ids)
        peering = replace(peering, status=ACTIVE)
        if _overlap(requester, accepter):
            peering = replace(peering, status=FAILED, ended_at=now)
        change.put(peering)
    return {"VpcPeeringConnection": described(call, peering)}


@action("RejectVpcPeeringConnection", "VpcPeeringConnectionId")
async def reject_vpc_peering_connection(call: Call, request: Request) -> Answer:
    """Refuse the way."""
    now = call.clock.now()
    async with call.transaction() as change:
        change.put(replace(_pending(change, request, now), status="rejected", ended_at=now))
    return {"Return": True}


@action("DeleteVpcPeeringConnection", "VpcPeeringConnectionId")
async def delete_vpc_peering_connection(call: Call, request: Request) -> Answer:
    """Close the way; routes by it become blackholes, rules that name the other side stale."""
    now = call.clock.now()
    async with call.transaction() as change:
        peering = require(change, VpcPeeringConnection, request["VpcPeeringConnectionId"])
        if status_of(peering, now) in ENDED:
            raise _wrong_state(peering, now)
        change.put(replace(peering, status="deleted", ended_at=now))
        for vpc_id in peering.vpc_ids:
            mark_routes(change, vpc_id, peering.vpc_peering_connection_id, "blackhole")
    return {"Return": True}


@action("DescribeVpcPeeringConnections", "VpcPeeringConnectionIds", *DESCRIBING)
async def describe_vpc_peering_connections(call: Call, request: Request) -> Answer:
    """Return peering connections, those that ended for a while."""
    now = call.clock.now()
    found = chosen(call.view, VpcPeeringConnection, request.get("VpcPeeringConnectionIds"))
    documents = [described(call, one) for one in found if _is_shown(one, now)]
    return listed(request, PEERINGS, documents)


@action("ModifyVpcPeeringConnectionOptions", "VpcPeeringConnectionId", *OPTIONS)
async def modify_vpc_peering_connection_options(call: Call, request: Request) -> Answer:
    """Turn options off, as they are: each that is turned on is refused by its name."""
    require(call.view, VpcPeeringConnection, request["VpcPeeringConnectionId"])
    for member in OPTIONS:
        for name, value in (request.get(member) or {}).items():
            if not says_nothing(value):
                raise AwsError(
                    "UnsupportedOperation", f"The parameter {member}.{name} is not supported."
                )
    off = {"AllowDnsResolutionFromRemoteVpc": False}
    return {member: off for member in OPTIONS if member in request}


def _overlap(one: Vpc, other: Vpc) -> bool:
    return any(overlaps(*pair) for pair in product(one.cidr_blocks, other.cidr_blocks))


def status_of(peering: VpcPeeringConnection, now: datetime) -> str:
    """Return what a peering connection is at a moment."""
    if peering.status == PENDING and peering.expires_at <= now:
        return "expired"
    return peering.status


def _is_shown(peering: VpcPeeringConnection, now: datetime) -> bool:
    if status_of(peering, now) not in ENDED:
        return True
    return now < (peering.ended_at or peering.expires_at) + SHOWN_FOR


def _pending(view: View, request: Request, now: datetime) -> VpcPeeringConnection:
    peering = require(view, VpcPeeringConnection, request["VpcPeeringConnectionId"])
    if status_of(peering, now) != PENDING:
        raise _wrong_state(peering, now)
    return peering


def _wrong_state(peering: VpcPeeringConnection, now: datetime) -> AwsError:
    return AwsError(
        "InvalidStateTransition",
        f"Invalid state transition for {peering.vpc_peering_connection_id}, attempted to "
        f"transition from {status_of(peering, now)}",
    )


def described(call: Call, peering: VpcPeeringConnection) -> dict[str, Any]:
    """Return a peering connection in EC2's shape."""
    status = status_of(peering, call.clock.now())
    account, region = call.scope.account, call.scope.region

    def party(vpc_id: str, cidr: str) -> dict[str, Any]:
        vpc = call.view.get(Vpc, vpc_id)
        ranges = vpc.cidr_blocks if vpc is not None else (cidr,)
        return {
            "VpcId": vpc_id,
            "OwnerId": account,
            "Region": region,
            "CidrBlock": cidr,
            "CidrBlockSet": [{"CidrBlock": one} for one in ranges],
            "PeeringOptions": {
                "AllowDnsResolutionFromRemoteVpc": False,
                "AllowEgressFromLocalClassicLinkToRemoteVpc": False,
                "AllowEgressFromLocalVpcToRemoteClassicLink": False,
            },
        }

    return {
        "VpcPeeringConnectionId": peering.vpc_peering_connection_id,
        "RequesterVpcInfo": party(peering.requester_vpc_id, peering.requester_cidr),
        "AccepterVpcInfo": party(peering.accepter_vpc_id, peering.accepter_cidr),
        "Status": {"Code": status, "Message": MESSAGES[status].format(account)},
        "ExpirationTime": peering.expires_at if status == PENDING else None,
        "Tags": tag_set(peering.tags),
    }
