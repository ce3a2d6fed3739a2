"""Flow logs as clients make, see and end them."""

import pytest

from ecsd.decisions.vpc.flow_log_records import DEFAULT_FORMAT

ROLE = "arn:aws:iam::000000000000:role/flows"
GROUP_ARN = "arn:aws:logs:us-east-1:000000000000:log-group:/flows"
UNKNOWN = "fl-0123456789abcdef0"


def wanted(*resource_ids: str, **more) -> dict:
    facts = {
        "ResourceIds": list(resource_ids),
        "ResourceType": "VPC",
        "TrafficType": "ALL",
        "LogGroupName": "/flows",
        "DeliverLogsPermissionArn": ROLE,
    }
    return {name: value for name, value in (facts | more).items() if value is not None}


@pytest.fixture
def create(ec2):
    async def make(*resource_ids: str, **more) -> str:
        answer = await ec2("CreateFlowLogs", **wanted(*resource_ids, **more))
        assert answer["Unsuccessful"] == []
        (made,) = answer["FlowLogIds"]
        return made

    return make


async def test_a_flow_log_is_shown_with_aws_s_defaults(ec2, network, create):
    vpc_id, _ = await network()
    tags = [{"ResourceType": "vpc-flow-log", "Tags": [{"Key": "Name", "Value": "all"}]}]
    flow_log_id = await create(vpc_id, TagSpecifications=tags)
    (shown,) = (await ec2("DescribeFlowLogs", FlowLogIds=[flow_log_id]))["FlowLogs"]
    created_at = shown.pop("CreationTime")
    assert created_at.year >= 2026
    assert {name: value for name, value in shown.items() if value is not None} == {
        "FlowLogId": flow_log_id,
        "FlowLogStatus": "ACTIVE",
        "ResourceId": vpc_id,
        "TrafficType": "ALL",
        "LogDestinationType": "cloud-watch-logs",
        "LogGroupName": "/flows",
        "LogFormat": DEFAULT_FORMAT,
        "MaxAggregationInterval": 600,
        "DeliverLogsPermissionArn": ROLE,
        "DeliverLogsStatus": "SUCCESS",
        "Tags": [{"Key": "Name", "Value": "all"}],
    }


async def test_a_log_group_may_be_named_by_its_arn(ec2, network, create):
    vpc_id, _ = await network()
    more = {"LogGroupName": None, "LogDestinationType": "cloud-watch-logs"}
    await create(vpc_id, LogDestination=f"{GROUP_ARN}:*", **more)
    (shown,) = (await ec2("DescribeFlowLogs"))["FlowLogs"]
    assert (shown["LogGroupName"], shown["LogDestination"]) == ("/flows", GROUP_ARN)


async def test_subnets_and_interfaces_have_flow_logs_of_their_own(ec2, network, create):
    vpc_id, subnet_id = await network()
    made = await ec2("CreateNetworkInterface", SubnetId=subnet_id)
    interface_id = made["NetworkInterface"]["NetworkInterfaceId"]
    await create(subnet_id, ResourceType="Subnet", MaxAggregationInterval=60)
    await create(interface_id, ResourceType="NetworkInterface", TrafficType="REJECT")
    await create(vpc_id, TrafficType="ACCEPT")

    async def found(name: str, value: str) -> list[str]:
        where = [{"Name": name, "Values": [value]}]
        answer = await ec2("DescribeFlowLogs", Filter=where)
        return [one["ResourceId"] for one in answer["FlowLogs"]]

    assert await found("resource-id", subnet_id) == [subnet_id]
    assert await found("traffic-type", "REJECT") == [interface_id]
    assert len(await found("log-group-name", "/flows")) == 3
    assert await found("deliver-log-status", "FAILED") == []


async def test_each_resource_that_is_not_there_is_told_with_its_error(ec2, network):
    vpc_id, _ = await network()
    answer = await ec2("CreateFlowLogs", **wanted(vpc_id, "vpc-0123456789abcdef0", "vpc-x"))
    assert len(answer["FlowLogIds"]) == 1
    told = [(one["ResourceId"], one["Error"]["Code"]) for one in answer["Unsuccessful"]]
    assert told == [
        ("vpc-0123456789abcdef0", "InvalidVpcID.NotFound"),
        ("vpc-x", "InvalidVpcID.Malformed"),
    ]


async def test_the_same_once_more_or_more_than_two_are_refused(ec2, network, create):
    vpc_id, _ = await network()
    await create(vpc_id)

    async def error(**more) -> str:
        answer = await ec2("CreateFlowLogs", **wanted(vpc_id, **more))
        assert answer["FlowLogIds"] == []
        return answer["Unsuccessful"][0]["Error"]["Code"]

    assert await error() == "FlowLogAlreadyExists"
    second = await create(vpc_id, MaxAggregationInterval=60)
    assert await error(TrafficType="REJECT") == "FlowLogsLimitExceeded"
    await ec2("DeleteFlowLogs", FlowLogIds=[second])
    await create(vpc_id, TrafficType="REJECT")


async def test_a_request_is_repeated_by_its_token(ec2, network):
    vpc_id, _ = await network()
    first, again = [
        await ec2("CreateFlowLogs", **wanted(vpc_id, ClientToken="once")) for _ in range(2)
    ]
    assert first == again
    assert first["ClientToken"] == "once"
    assert len((await ec2("DescribeFlowLogs"))["FlowLogs"]) == 1


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ({"ResourceType": "TransitGateway"}, "UnsupportedOperation", "TransitGateway"),
        ({"LogDestinationType": "s3"}, "UnsupportedOperation", "s3 of LogDestinationType"),
        (
            {"LogDestinationType": "kinesis-data-firehose"},
            "UnsupportedOperation",
            "kinesis-data-firehose of LogDestinationType",
        ),
        ({"TrafficType": None}, "MissingParameter", "TrafficType"),
        ({"DeliverLogsPermissionArn": None}, "InvalidParameter", "DeliverLogsPermissionArn"),
        ({"DeliverLogsPermissionArn": "flows"}, "InvalidParameter", "not the ARN of a role"),
        (
            {"DeliverLogsPermissionArn": "arn:aws:iam::111122223333:role/r"},
            "UnsupportedOperation",
            "DeliverLogsPermissionArn",
        ),
        ({"LogGroupName": None}, "InvalidParameter", "LogGroupName or LogDestination"),
        ({"LogDestination": GROUP_ARN}, "InvalidParameter", "only provide LogGroupName"),
        (
            {"LogGroupName": None, "LogDestination": "arn:aws:s3:::bucket"},
            "InvalidParameter",
            "not the ARN of a log group",
        ),
        (
            {"LogGroupName": None, "LogDestination": GROUP_ARN.replace("us-east-1", "eu-west-1")},
            "UnsupportedOperation",
            "LogDestination",
        ),
        ({"MaxAggregationInterval": 300}, "InvalidParameter", "MaxAggregationInterval"),
        ({"LogFormat": "version action"}, "InvalidParameter", "LogFormat"),
        ({"LogFormat": "${version} ${colour}"}, "InvalidParameter", "colour"),
        ({"LogFormat": "${tgw-id}"}, "InvalidParameter", "tgw-id"),
        ({"DeliverCrossAccountRole": ROLE}, "UnsupportedOperation", "DeliverCrossAccountRole"),
        (
            {"DestinationOptions": {"FileFormat": "parquet"}},
            "UnsupportedOperation",
            "DestinationOptions",
        ),
        (
            {"TagSpecifications": [{"ResourceType": "vpc", "Tags": [{"Key": "a", "Value": "b"}]}]},
            "InvalidParameterValue",
            "vpc",
        ),
    ],
)
async def test_what_cannot_be_is_refused_by_name(refused, network, ec2, more, code, words):
    vpc_id, _ = await network()
    found, message = await refused("CreateFlowLogs", **wanted(vpc_id, **more))
    assert (found, words in message) == (code, True), message
    assert (await ec2("DescribeFlowLogs"))["FlowLogs"] == []


async def test_deleting_ends_it_and_unknown_ones_are_refused(ec2, refused, network, create):
    vpc_id, _ = await network()
    made = await create(vpc_id)
    assert (await refused("DeleteFlowLogs", FlowLogIds=[made, UNKNOWN]))[0] == (
        "InvalidFlowLogId.NotFound"
    )
    assert len((await ec2("DescribeFlowLogs"))["FlowLogs"]) == 1
    assert (await ec2("DeleteFlowLogs", FlowLogIds=[made]))["Unsuccessful"] == []
    assert (await ec2("DescribeFlowLogs"))["FlowLogs"] == []
    assert (await refused("DescribeFlowLogs", FlowLogIds=["fl-x"]))[0] == (
        "InvalidFlowLogId.Malformed"
    )


async def test_tags_come_and_go(ec2, network, create):
    vpc_id, _ = await network()
    made = await create(vpc_id)
    await ec2("CreateTags", Resources=[made], Tags=[{"Key": "team", "Value": "a"}])
    (tag,) = (await ec2("DescribeTags"))["Tags"]
    assert (tag["ResourceId"], tag["ResourceType"]) == (made, "vpc-flow-log")
    await ec2("DeleteTags", Resources=[made])
    assert (await ec2("DescribeFlowLogs"))["FlowLogs"][0]["Tags"] == []


async def test_a_flow_log_outlives_its_resource(ec2, network, create):
    vpc_id, subnet_id = await network()
    made = await create(subnet_id, ResourceType="Subnet")
    await ec2("DeleteSubnet", SubnetId=subnet_id)
    await ec2("DeleteVpc", VpcId=vpc_id)
    (shown,) = (await ec2("DescribeFlowLogs"))["FlowLogs"]
    assert shown["FlowLogId"] == made
    await ec2("DeleteFlowLogs", FlowLogIds=[made])
