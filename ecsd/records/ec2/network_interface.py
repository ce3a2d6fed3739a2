"""Network interfaces: the address of a task, a load balancer node, a NAT gateway."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record
from ecsd.records.tag import Tag


class NetworkInterface(Record, frozen=True, kw_only=True):
    """An ENI. The private address is unique in its VPC while the record exists.

    interface_type: ``interface`` (tasks, users), ``nat_gateway``, ``load_balancer``.
    owner: what it belongs to: a task ARN, a load balancer ARN, a NAT gateway id; "" for a user's.
    """

    KIND: ClassVar[str] = "network_interface"
    KEY: ClassVar[str] = "network_interface_id"
    INDEXES: ClassVar[tuple[str, ...]] = (
        "vpc_id",
        "subnet_id",
        "private_ip_address",
        "owner",
        "group_ids",
        "public_ip",
        "attachment_id",
    )

    network_interface_id: str
    vpc_id: str
    subnet_id: str
    availability_zone: str
    private_ip_address: str
    mac_address: str
    group_ids: tuple[str, ...] = ()
    interface_type: str = "interface"
    description: str = ""
    owner: str = ""
    requester_id: str | None = None  # amazon-elb, amazon-ecs, …: AWS-managed
    attachment_id: str | None = None
    attached_at: datetime | None = None
    domain_names: tuple[str, ...] = ()  # of a task, by the options of its VPC when it began
    name_servers: tuple[str, ...] = ()  # likewise; none: the VPC's own
    status: str = "available"  # in-use while attached
    public_ip: str | None = None
    source_dest_check: bool = True
    client_token: str | None = None  # of the request that made it
    tags: tuple[Tag, ...] = ()
