"""Filters, ids and pages of every Describe operation."""

import pytest

from ecsd.operations.call import OPERATIONS
from tests.operations.conftest import load_operations, service_model

load_operations("ec2")
DESCRIBES = sorted(
    name for service, name in OPERATIONS if service == "ec2" and name.startswith("Describe")
)
FILTERED = [
    name
    for name in DESCRIBES
    if {"Filters", "Filter"} & set(service_model("ec2").operation_model(name).input_shape.members)
]


def filters(name: str, *values: str, operation: str = "") -> dict:
    member = "Filter" if operation in {"DescribeNatGateways", "DescribeFlowLogs"} else "Filters"
    return {member: [{"Name": name, "Values": list(values)}]}


@pytest.mark.parametrize("name", FILTERED)
async def test_unknown_filters_are_refused(refused, name):
    assert await refused(name, **filters("nope", "x", operation=name)) == (
        "InvalidParameterValue",
        "The filter 'nope' is invalid",
    )


@pytest.mark.parametrize("name", FILTERED)
async def test_known_filters_that_nothing_passes_leave_nothing(ec2, network, name):
    await network()
    answer = await ec2(name, **filters("tag:none", "x", operation=name))
    assert [value for value in answer.values() if value] == []


async def test_filters_without_values_or_with_too_many(refused):
    assert (await refused("DescribeVpcs", **filters("vpc-id")))[0] == "InvalidParameterValue"
    many = filters("vpc-id", *(str(number) for number in range(201)))
    assert (await refused("DescribeVpcs", **many))[0] == "FilterLimitExceeded"


async def test_pages_show_each_once_even_when_one_goes(ec2):
    made = [
        (await ec2("CreateInternetGateway"))["InternetGateway"]["InternetGatewayId"]
        for _ in range(12)
    ]
    seen: list[str] = []
    token: dict = {}
    while True:
        answer = await ec2("DescribeInternetGateways", MaxResults=5, **token)
        page = [one["InternetGatewayId"] for one in answer["InternetGateways"]]
        seen += page
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
        await ec2("DeleteInternetGateway", InternetGatewayId=page[-1])
    assert sorted(seen) == sorted(made)
    assert len(seen) == 12


async def test_the_last_page_has_no_token_though_it_is_full(ec2):
    for _ in range(5):
        await ec2("CreateInternetGateway")
    answer = await ec2("DescribeInternetGateways", MaxResults=5)
    assert len(answer["InternetGateways"]) == 5
    assert "NextToken" not in answer


async def test_a_token_that_is_none_is_refused(refused):
    for token in ("%%%", "é", "a"):
        code, _ = await refused("DescribeVpcs", MaxResults=5, NextToken=token)
        assert code == "InvalidNextToken"


async def test_ids_are_looked_up_once_each(ec2, network):
    vpc_id, _ = await network()
    assert len((await ec2("DescribeVpcs", VpcIds=[vpc_id, vpc_id]))["Vpcs"]) == 1
