"""Flow logs to CloudWatch Logs.

Source: Amazon EC2 API Reference, CreateFlowLogs and following; Amazon VPC User Guide, Flow log
records, and quotas.
"""

from typing import Any

from ecsd.decisions.vpc.flow_log_records import (
    ACCEPT,
    ALL,
    DEFAULT_FORMAT,
    FIELDS,
    REJECT,
    fields_of,
)
from ecsd.errors import AwsError
from ecsd.operations.call import Call
from ecsd.operations.ec2.action import Answer, Request, action
from ecsd.operations.ec2.limits import MAX_FLOW_LOGS
from ecsd.operations.ec2.listing import Listing, chosen, listed
from ecsd.operations.ec2.tagging import specified_tags, tag_set
from ecsd.records.ec2.flow_log import FlowLog
from ecsd.records.ec2.network_interface import NetworkInterface
from ecsd.records.ec2.vpc import Subnet, Vpc
from ecsd.store.finders.ec2 import require
from ecsd.store.finders.logs import LOG_GROUP_ARN
from ecsd.store.store import View

KINDS: dict[str, type[Vpc | Subnet | NetworkInterface]] = {
    "VPC": Vpc,
    "Subnet": Subnet,
    "NetworkInterface": NetworkInterface,
}
CLOUD_WATCH = "cloud-watch-logs"
INTERVALS = (60, 600)  # seconds; the last one is what is meant without one
MOST_RESOURCES = 1000  # of one request
FLOW_LOGS = Listing(
    "FlowLogs",
    "FlowLogId",
    {
        "deliver-log-status": "DeliverLogsStatus",
        "log-destination-type": "LogDestinationType",
        "flow-log-id": "FlowLogId",
        "log-group-name": "LogGroupName",
        "resource-id": "ResourceId",
        "traffic-type": "TrafficType",
    },
)


@action(
    "CreateFlowLogs",
    *("ResourceIds", "ResourceType", "TrafficType", "LogDestinationType", "LogDestination"),
    *("LogGroupName", "DeliverLogsPermissionArn", "LogFormat", "MaxAggregationInterval"),
    *("ClientToken", "TagSpecifications"),
)
async def create_flow_logs(call: Call, request: Request) -> Answer:
    """Have the traffic of resources recorded; what cannot be is told apart, each with its error."""
    wanted = _checked(call, request)
    token = request.get("ClientToken") or None
    created: list[str] = []
    unsuccessful: list[dict[str, Any]] = []
    async with call.transaction() as change:
        made = change.select(FlowLog, client_token=token) if token else []
        for resource_id in () if made else dict.fromkeys(request["ResourceIds"]):
            try:
                vpc_id = require(change, KINDS[request["ResourceType"]], resource_id).vpc_id
                _check_new(change, resource_id, wanted)
            except AwsError as error:
                unsuccessful.append(
                    {
                        "ResourceId": resource_id,
                        "Error": {"Code": error.code, "Message": error.message},
                    }
                )
                continue
            flow_log = FlowLog(
                flow_log_id=call.ids.resource_id("fl"),
                resource_id=resource_id,
                vpc_id=vpc_id,
                created_at=call.clock.now(),
                client_token=token,
                **wanted,
            )
            change.put(flow_log)
            created.append(flow_log.flow_log_id)
    answer: Answer = {
        "FlowLogIds": [one.flow_log_id for one in made] or created,
        "Unsuccessful": unsuccessful,
    }
    return answer | ({"ClientToken": token} if token else {})


@action("DeleteFlowLogs", "FlowLogIds")
async def delete_flow_logs(call: Call, request: Request) -> Answer:
    """Have nothing more recorded; what was written stays in its log group."""
    async with call.transaction() as change:
        change.remove(*(require(change, FlowLog, one) for one in set(request["FlowLogIds"])))
    return {"Unsuccessful": []}


@action("DescribeFlowLogs", "FlowLogIds", "Filter", "MaxResults", "NextToken")
async def describe_flow_logs(call: Call, request: Request) -> Answer:
    """Return flow logs with what came of their last delivery."""
    found = chosen(call.view, FlowLog, request.get("FlowLogIds"))
    return listed(request, FLOW_LOGS, [described(one) for one in found])


def described(flow_log: FlowLog) -> dict[str, Any]:
    """Return a flow log in EC2's shape."""
    return {
        "FlowLogId": flow_log.flow_log_id,
        "FlowLogStatus": "ACTIVE",
        "ResourceId": flow_log.resource_id,
        "TrafficType": flow_log.traffic_type,
        "LogDestinationType": CLOUD_WATCH,
        "LogGroupName": flow_log.log_group_name,
        "LogDestination": flow_log.log_destination,
        "LogFormat": flow_log.log_format,
        "MaxAggregationInterval": flow_log.max_aggregation_interval,
        "DeliverLogsPermissionArn": flow_log.deliver_logs_permission_arn,
        "DeliverLogsStatus": flow_log.deliver_logs_status,
        "DeliverLogsErrorMessage": flow_log.deliver_logs_error_message,
        "CreationTime": flow_log.created_at,
        "Tags": tag_set(flow_log.tags),
    }


def _checked(call: Call, request: Request) -> dict[str, Any]:
    """Return what all flow logs of a request have in common."""
    if request["ResourceType"] not in KINDS:
        raise AwsError(
            "UnsupportedOperation",
            f"The value {request['ResourceType']} of ResourceType is not supported: flow logs are "
            f"of {', '.join(KINDS)}.",
        )
    if len(request["ResourceIds"]) > MOST_RESOURCES:
        raise _invalid(f"ResourceIds must not be more than {MOST_RESOURCES}")
    destination_type = request.get("LogDestinationType") or CLOUD_WATCH
    if destination_type != CLOUD_WATCH:
        raise AwsError(
            "UnsupportedOperation",
            f"The value {destination_type} of LogDestinationType is not supported: records go to "
            f"{CLOUD_WATCH}.",
        )
    if request.get("TrafficType") not in (ACCEPT, REJECT, ALL):
        raise AwsError("MissingParameter", "The request must contain the parameter TrafficType")
    if not request.get("DeliverLogsPermissionArn"):
        raise _invalid(
            f"DeliverLogsPermissionArn can't be empty if LogDestinationType is {CLOUD_WATCH}."
        )
    interval = request.get("MaxAggregationInterval") or INTERVALS[-1]
    if interval not in INTERVALS:
        raise _invalid(f"MaxAggregationInterval must be 60 or 600, got {interval}")
    return {
        "traffic_type": request["TrafficType"],
        "log_group_name": _log_group_name(call, request),
        "log_destination": (request.get("LogDestination") or "").removesuffix(":*") or None,
        "deliver_logs_permission_arn": _role_arn(call, request["DeliverLogsPermissionArn"]),
        "log_format": _log_format(request),
        "max_aggregation_interval": interval,
        "tags": specified_tags(request, "vpc-flow-log"),
    }


def _log_group_name(call: Call, request: Request) -> str:
    name, destination = request.get("LogGroupName"), request.get("LogDestination")
    if name and destination:
        raise _invalid("Please only provide LogGroupName or only provide LogDestination.")
    if name:
        return str(name)
    if not destination:
        raise _invalid(
            f"LogGroupName or LogDestination can't be empty if LogDestinationType is {CLOUD_WATCH}."
        )
    found = LOG_GROUP_ARN.fullmatch(destination)
    if found is None:
        raise _invalid(f"LogDestination {destination} is not the ARN of a log group")
    if (found[2], found[1]) != call.scope:
        raise AwsError(
            "UnsupportedOperation",
            f"The value {destination} of LogDestination is not supported: the log group is of the "
            "flow log's account and region.",
        )
    return found[3]


def _role_arn(call: Call, arn: str) -> str:
    parts = arn.split(":")
    if len(parts) != 6 or parts[2] != "iam" or not parts[5].startswith("role/"):  # noqa: PLR2004 - an ARN's parts
        raise _invalid(f"DeliverLogsPermissionArn {arn} is not the ARN of a role")
    if parts[4] != call.scope.account:
        raise AwsError(
            "UnsupportedOperation",
            f"The value {arn} of DeliverLogsPermissionArn is not supported: the role is of the "
            "flow log's account.",
        )
    return arn


def _log_format(request: Request) -> str:
    wanted: str = request.get("LogFormat") or DEFAULT_FORMAT
    fields = fields_of(wanted)
    if fields is None:
        raise _invalid("LogFormat must be fields like ${version}, with one space between them")
    unknown = [one for one in fields if one not in FIELDS]
    if unknown:
        raise _invalid(f"Unknown fields provided in LogFormat: {', '.join(unknown)}")
    return wanted


def _check_new(view: View, resource_id: str, wanted: dict[str, Any]) -> None:
    own = view.select(FlowLog, resource_id=resource_id)
    same = ("traffic_type", "log_group_name", "log_format", "max_aggregation_interval")
    if any(all(getattr(one, name) == wanted[name] for name in same) for one in own):
        raise AwsError(
            "FlowLogAlreadyExists",
            "Error. There is an existing Flow Log with the same configuration and log destination.",
        )
    if len(own) >= MAX_FLOW_LOGS:
        raise AwsError(
            "FlowLogsLimitExceeded", f"{resource_id} has the maximum number of flow logs."
        )


def _invalid(words: str) -> AwsError:
    return AwsError("InvalidParameter", words)
