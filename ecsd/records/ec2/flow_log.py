"""VPC flow logs. Source: Amazon EC2 API Reference, FlowLog."""

from datetime import datetime
from typing import ClassVar

from ecsd.records.record import Record
from ecsd.records.tag import Tag

SUCCESS, FAILED = "SUCCESS", "FAILED"


class FlowLog(Record, frozen=True, kw_only=True):
    """What is written about the traffic of a VPC, a subnet or a network interface.

    deliver_logs_status is what came of the last delivery; before the first it is SUCCESS, as AWS
    shows it.
    """

    KIND: ClassVar[str] = "flow_log"
    KEY: ClassVar[str] = "flow_log_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id", "resource_id", "client_token")

    flow_log_id: str
    resource_id: str
    vpc_id: str  # of the resource
    traffic_type: str  # ACCEPT, REJECT, ALL
    log_group_name: str
    log_destination: str | None = None  # the ARN, where the request gave it
    deliver_logs_permission_arn: str
    log_format: str  # ${version} ${account-id} …
    max_aggregation_interval: int  # seconds: 60, 600
    created_at: datetime
    client_token: str | None = None
    deliver_logs_status: str = SUCCESS
    deliver_logs_error_message: str | None = None
    tags: tuple[Tag, ...] = ()
