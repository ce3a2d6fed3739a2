"""Network interfaces: how one is made, whoever asks for it."""

from datetime import datetime
from typing import NotRequired, Required, TypedDict, Unpack

from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.vpc import Subnet
from ecsd.records.tag import Tag


class Wanted(TypedDict):
    """What the maker of an interface decides; meanings as in ``NetworkInterface``."""

    network_interface_id: Required[str]
    address: Required[str]
    mac_address: Required[str]
    group_ids: NotRequired[tuple[str, ...]]
    interface_type: NotRequired[str]
    description: NotRequired[str]
    owner: NotRequired[str]
    requester_id: NotRequired[str | None]
    attachment_id: NotRequired[str | None]
    attached_at: NotRequired[datetime]
    public_ip: NotRequired[str | None]
    source_dest_check: NotRequired[bool]
    tags: NotRequired[tuple[Tag, ...]]


def new_interface(subnet: Subnet, **wanted: Unpack[Wanted]) -> NetworkInterface:
    """Return an interface of the subnet; one that has an owner is attached, hence ``in-use``.

    Attachments of load balancers begin with ``ela-attach``, as EC2's do.
    """
    owner = wanted.get("owner", "")
    requester_id = wanted.get("requester_id")
    attachment_id = wanted.get("attachment_id")
    if owner and attachment_id is None:
        kind = "ela" if requester_id == "amazon-elb" else "eni"
        number = wanted["network_interface_id"].removeprefix("eni-")
        attachment_id = f"{kind}-attach-{number}"
    return NetworkInterface(
        network_interface_id=wanted["network_interface_id"],
        vpc_id=subnet.vpc_id,
        subnet_id=subnet.subnet_id,
        availability_zone=subnet.availability_zone,
        private_ip_address=wanted["address"],
        mac_address=wanted["mac_address"],
        group_ids=wanted.get("group_ids", ()),
        interface_type=wanted.get("interface_type", "interface"),
        description=wanted.get("description", ""),
        owner=owner,
        requester_id=requester_id,
        attachment_id=attachment_id,
        attached_at=wanted.get("attached_at"),
        status="in-use" if attachment_id else "available",
        public_ip=wanted.get("public_ip"),
        source_dest_check=wanted.get("source_dest_check", True),
        tags=wanted.get("tags", ()),
    )
