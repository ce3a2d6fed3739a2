"""Mount targets and access points by the API."""

import pytest

from ecsd.errors import AwsError


async def test_a_mount_target_has_an_address_and_groups(ask, client, file_system, subnets):
    own = await file_system()
    made = await ask(
        "CreateMountTarget", FileSystemId=own, SubnetId=subnets[0], IpAddress="10.0.0.77"
    )
    assert (made["IpAddress"], made["AvailabilityZoneName"]) == ("10.0.0.77", "us-east-1a")
    assert (await ask("DescribeMountTargets", FileSystemId=own))["MountTargets"] == [made]
    (shown,) = (await ask("DescribeFileSystems"))["FileSystems"]
    assert shown["NumberOfMountTargets"] == 1
    ec2 = client("ec2")
    (eni,) = (await ec2("DescribeNetworkInterfaces"))["NetworkInterfaces"]
    assert eni["NetworkInterfaceId"] == made["NetworkInterfaceId"]
    assert (eni["PrivateIpAddress"], eni["RequesterManaged"]) == ("10.0.0.77", True)
    with pytest.raises(AwsError, match="currently in use"):
        await ec2("DeleteNetworkInterface", NetworkInterfaceId=eni["NetworkInterfaceId"])
    group = (await ec2("CreateSecurityGroup", GroupName="n", Description="n", VpcId=made["VpcId"]))[
        "GroupId"
    ]
    target = made["MountTargetId"]
    await ask("ModifyMountTargetSecurityGroups", MountTargetId=target, SecurityGroups=[group])
    shown = await ask("DescribeMountTargetSecurityGroups", MountTargetId=target)
    assert shown["SecurityGroups"] == [group]
    await ask("DeleteMountTarget", MountTargetId=target)
    assert (await ec2("DescribeNetworkInterfaces"))["NetworkInterfaces"] == []


async def test_one_target_in_a_zone_and_one_vpc(ask, refused, client, file_system, subnets):
    own = await file_system()
    await ask("CreateMountTarget", FileSystemId=own, SubnetId=subnets[0])
    await ask("CreateMountTarget", FileSystemId=own, SubnetId=subnets[1])
    again = await refused("CreateMountTarget", FileSystemId=own, SubnetId=subnets[2])
    assert again.code == "MountTargetConflict"
    ec2 = client("ec2")
    other = (await ec2("CreateVpc", CidrBlock="10.1.0.0/16"))["Vpc"]["VpcId"]
    elsewhere = (
        await ec2(
            "CreateSubnet",
            VpcId=other,
            CidrBlock="10.1.0.0/24",
            AvailabilityZone="us-east-1c",
        )
    )["Subnet"]["SubnetId"]
    conflict = await refused("CreateMountTarget", FileSystemId=own, SubnetId=elsewhere)
    assert (conflict.code, "vpc-" in conflict.message) == ("MountTargetConflict", True)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"SubnetId": "subnet-00000000"}, "SubnetNotFound"),
        ({"IpAddress": "10.9.9.9"}, "BadRequest"),
        ({"IpAddress": "10.0.0.1"}, "BadRequest"),
        ({"SecurityGroups": ["sg-00000000"]}, "SecurityGroupNotFound"),
        (
            {"SecurityGroups": [f"sg-0000000{one}" for one in range(6)]},
            "SecurityGroupLimitExceeded",
        ),
        ({"IpAddressType": "DUAL_STACK"}, "BadRequest"),
        ({"FileSystemId": "fs-00000000"}, "FileSystemNotFound"),
    ],
)
async def test_what_cannot_be_a_target_is_refused(refused, file_system, subnets, members, code):
    request = {"FileSystemId": await file_system(), "SubnetId": subnets[0]} | members
    assert (await refused("CreateMountTarget", **request)).code == code


async def test_an_address_is_given_once(ask, refused, file_system, subnets):
    first, second = await file_system("1"), await file_system("2")
    wanted = {"SubnetId": subnets[0], "IpAddress": "10.0.0.50"}
    await ask("CreateMountTarget", FileSystemId=first, **wanted)
    error = await refused("CreateMountTarget", FileSystemId=second, **wanted)
    assert error.code == "IpAddressInUse"


async def test_a_one_zone_file_system_is_of_its_zone(refused, ask, file_system, subnets):
    own = await file_system(AvailabilityZoneName="us-east-1b")
    error = await refused("CreateMountTarget", FileSystemId=own, SubnetId=subnets[0])
    assert error.code == "AvailabilityZonesMismatch"
    await ask("CreateMountTarget", FileSystemId=own, SubnetId=subnets[1])


async def test_access_points(ask, refused, file_system):
    own = await file_system()
    members = {
        "PosixUser": {"Uid": 1000, "Gid": 1001, "SecondaryGids": [5]},
        "RootDirectory": {
            "Path": "/app",
            "CreationInfo": {"OwnerUid": 1000, "OwnerGid": 1001, "Permissions": "0750"},
        },
    }
    made = await ask("CreateAccessPoint", ClientToken="p", FileSystemId=own, **members)
    assert {name: made[name] for name in members} == members
    point = made["AccessPointId"]
    assert (await ask("DescribeAccessPoints", AccessPointId=point))["AccessPoints"] == [made]
    assert (await ask("DescribeAccessPoints", FileSystemId=own))["AccessPoints"] == [made]
    again = await refused("CreateAccessPoint", ClientToken="p", FileSystemId=own)
    assert (again.code, again.details) == ("AccessPointAlreadyExists", {"AccessPointId": point})
    await ask("TagResource", ResourceId=point, Tags=[{"Key": "Name", "Value": "app"}])
    (named,) = (await ask("DescribeAccessPoints"))["AccessPoints"]
    assert named["Name"] == "app"
    plain = await ask("CreateAccessPoint", ClientToken="q", FileSystemId=own)
    assert (plain["RootDirectory"], "PosixUser" in plain) == ({"Path": "/"}, False)
    await ask("DeleteAccessPoint", AccessPointId=point)
    assert (await refused("DeleteAccessPoint", AccessPointId=point)).code == "AccessPointNotFound"
