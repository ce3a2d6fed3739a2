import pytest

A = {"Key": "A", "Value": "1"}
B = {"Key": "B", "Value": "2"}


def of_type(resource_type: str) -> dict:
    return {"TagSpecifications": [{"ResourceType": resource_type, "Tags": [A]}]}


async def test_every_resource_is_born_with_its_tags_and_can_change_them(ec2, network):
    vpc_id, subnet_id = await network()
    tagged = {
        "vpc": await ec2("CreateVpc", CidrBlock="10.1.0.0/16", **of_type("vpc")),
        "subnet": await ec2(
            "CreateSubnet", VpcId=vpc_id, CidrBlock="10.0.9.0/24", **of_type("subnet")
        ),
        "internet-gateway": await ec2("CreateInternetGateway", **of_type("internet-gateway")),
        "natgateway": await ec2(
            "CreateNatGateway",
            SubnetId=subnet_id,
            ConnectivityType="private",
            **of_type("natgateway"),
        ),
        "elastic-ip": await ec2("AllocateAddress", **of_type("elastic-ip")),
        "route-table": await ec2("CreateRouteTable", VpcId=vpc_id, **of_type("route-table")),
        "security-group": await ec2(
            "CreateSecurityGroup",
            VpcId=vpc_id,
            GroupName="g",
            Description="d",
            **of_type("security-group"),
        ),
        "network-interface": await ec2(
            "CreateNetworkInterface", SubnetId=subnet_id, **of_type("network-interface")
        ),
    }
    only_a = [{"Name": "key", "Values": ["A"]}]
    found = (await ec2("DescribeTags", Filters=only_a))["Tags"]
    assert {one["ResourceType"] for one in found} == set(tagged)
    resources = [one["ResourceId"] for one in found]

    await ec2("CreateTags", Resources=resources, Tags=[B, {"Key": "A", "Value": "new"}])
    found = (await ec2("DescribeTags"))["Tags"]
    assert {(one["Key"], one["Value"]) for one in found} == {("A", "new"), ("B", "2")}
    assert len(found) == 2 * len(resources)

    await ec2("DeleteTags", Resources=resources, Tags=[{"Key": "A", "Value": "other"}])
    assert len((await ec2("DescribeTags"))["Tags"]) == 2 * len(resources)
    await ec2("DeleteTags", Resources=resources, Tags=[{"Key": "A"}])
    assert {one["Key"] for one in (await ec2("DescribeTags"))["Tags"]} == {"B"}
    await ec2("DeleteTags", Resources=resources)
    assert (await ec2("DescribeTags"))["Tags"] == []


async def test_tags_filter_every_describe(ec2, network):
    vpc_id, _ = await network()
    await ec2("CreateTags", Resources=[vpc_id], Tags=[A])
    for name, value, count in (("tag:A", "1", 1), ("tag:A", "2", 0), ("tag-key", "A", 1)):
        filters = [{"Name": name, "Values": [value]}]
        assert len((await ec2("DescribeVpcs", Filters=filters))["Vpcs"]) == count
        assert len((await ec2("DescribeTags", Filters=filters))["Tags"]) == count


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([{"Key": "aws:x", "Value": ""}], "InvalidParameterValue"),
        ([{"Key": "k" * 129}], "InvalidParameterValue"),
        ([{"Key": "k", "Value": "v" * 257}], "InvalidParameterValue"),
        ([{"Key": ""}], "InvalidParameterValue"),
        ([A, A], "InvalidParameterValue"),
        ([{"Key": str(number)} for number in range(51)], "TagLimitExceeded"),
    ],
)
async def test_tags_that_cannot_be_are_refused(refused, tags, code):
    specification = [{"ResourceType": "vpc", "Tags": tags}]
    request = {"CidrBlock": "10.0.0.0/16", "TagSpecifications": specification}
    assert (await refused("CreateVpc", **request))[0] == code


async def test_all_or_none_get_tags(ec2, network, refused):
    vpc_id, _ = await network()
    both = [vpc_id, "vpc-0123456789abcdef0"]
    assert (await refused("CreateTags", Resources=both, Tags=[A]))[0] == "InvalidVpcID.NotFound"
    assert (await ec2("DescribeTags"))["Tags"] == []
    assert (await refused("CreateTags", Resources=["what"], Tags=[A]))[0] == "InvalidID"
    fifty = [{"Key": str(number)} for number in range(50)]
    await ec2("CreateTags", Resources=[vpc_id], Tags=fifty)
    assert (await refused("CreateTags", Resources=[vpc_id], Tags=[A]))[0] == "TagLimitExceeded"


async def test_tags_of_another_type_are_refused(refused):
    request = {"CidrBlock": "10.0.0.0/16", **of_type("subnet")}
    assert await refused("CreateVpc", **request) == (
        "InvalidParameterValue",
        "'subnet' is not a valid taggable resource type for this operation.",
    )
