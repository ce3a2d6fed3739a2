"""The Terraform provider's own sequence of calls for a network, and back to nothing.

Operations, order and filters as the provider sends them; see the provider's contract in the shared
reference.
"""

from ecsd.store.finders.ec2 import network_of

NAME = [{"Key": "Name", "Value": "demo"}]


def named(resource_type: str) -> dict:
    return {"TagSpecifications": [{"ResourceType": resource_type, "Tags": NAME}]}


def where(**filters: str) -> list[dict]:
    return [
        {"Name": name.replace("__", ".").replace("_", "-"), "Values": [value]}
        for name, value in filters.items()
    ]


async def make_vpc(ec2) -> str:
    vpc_id = (await ec2("CreateVpc", CidrBlock="10.0.0.0/16", **named("vpc")))["Vpc"]["VpcId"]
    await ec2("DescribeVpcs", VpcIds=[vpc_id])
    await ec2("ModifyVpcAttribute", VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    for attribute in (
        "enableDnsHostnames",
        "enableDnsSupport",
        "enableNetworkAddressUsageMetrics",
    ):
        await ec2("DescribeVpcAttribute", VpcId=vpc_id, Attribute=attribute)
    acls = await ec2("DescribeNetworkAcls", Filters=where(default="true", vpc_id=vpc_id))
    assert len(acls["NetworkAcls"]) == 1
    tables = await ec2(
        "DescribeRouteTables", Filters=where(association__main="true", vpc_id=vpc_id)
    )
    assert len(tables["RouteTables"]) == 1
    groups = await ec2("DescribeSecurityGroups", Filters=where(group_name="default", vpc_id=vpc_id))
    assert len(groups["SecurityGroups"]) == 1
    return vpc_id


async def make_way_out(ec2, vpc_id: str) -> dict[str, str]:
    made = await ec2(
        "CreateSubnet",
        VpcId=vpc_id,
        CidrBlock="10.0.0.0/24",
        AvailabilityZone="us-east-1a",
        **named("subnet"),
    )
    subnet_id = made["Subnet"]["SubnetId"]
    await ec2("ModifySubnetAttribute", SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": True})
    [subnet] = (await ec2("DescribeSubnets", SubnetIds=[subnet_id]))["Subnets"]
    assert (subnet["Tags"], subnet["MapPublicIpOnLaunch"]) == (NAME, True)

    made = await ec2("CreateInternetGateway", **named("internet-gateway"))
    gateway_id = made["InternetGateway"]["InternetGatewayId"]
    await ec2("AttachInternetGateway", InternetGatewayId=gateway_id, VpcId=vpc_id)

    made = await ec2("CreateRouteTable", VpcId=vpc_id, ClientToken="tf", **named("route-table"))
    table_id = made["RouteTable"]["RouteTableId"]
    route = {"RouteTableId": table_id, "DestinationCidrBlock": "0.0.0.0/0"}
    await ec2("CreateRoute", GatewayId=gateway_id, **route)
    made = await ec2("AssociateRouteTable", RouteTableId=table_id, SubnetId=subnet_id)
    association_id = made["AssociationId"]
    found = await ec2(
        "DescribeRouteTables",
        Filters=where(association__route_table_association_id=association_id),
    )
    assert found["RouteTables"][0]["Associations"][0]["AssociationState"]["State"] == "associated"
    return {
        "subnet": subnet_id,
        "gateway": gateway_id,
        "table": table_id,
        "association": association_id,
    }


async def make_groups(ec2, refused, vpc_id: str) -> dict[str, str]:
    made = await ec2(
        "CreateSecurityGroup",
        VpcId=vpc_id,
        GroupName="demo-alb",
        Description="Managed by Terraform",
        **named("security-group"),
    )
    group_id = made["GroupId"]
    everything = {"IpProtocol": "-1", "FromPort": 0, "ToPort": 0}
    four = everything | {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    six = everything | {"Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    await ec2("RevokeSecurityGroupEgress", GroupId=group_id, IpPermissions=[four])
    # The provider goes on after this code: a group has no IPv6 rule unless its VPC has IPv6.
    code, _ = await refused("RevokeSecurityGroupEgress", GroupId=group_id, IpPermissions=[six])
    assert code == "InvalidPermission.NotFound"
    web = {
        "IpProtocol": "tcp",
        "FromPort": 80,
        "ToPort": 80,
        "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "HTTP"}],
    }
    await ec2("AuthorizeSecurityGroupIngress", GroupId=group_id, IpPermissions=[web])
    await ec2("AuthorizeSecurityGroupEgress", GroupId=group_id, IpPermissions=[four, six])

    made = await ec2(
        "CreateSecurityGroup", VpcId=vpc_id, GroupName="demo-task", Description="tasks"
    )
    task_group = made["GroupId"]
    pair = {"GroupId": group_id, "Description": "from the load balancer"}
    made = await ec2(
        "AuthorizeSecurityGroupIngress",
        GroupId=task_group,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [pair]}
        ],
        **named("security-group-rule"),
    )
    [rule] = made["SecurityGroupRules"]
    rule_id = rule["SecurityGroupRuleId"]
    [read] = (await ec2("DescribeSecurityGroupRules", SecurityGroupRuleIds=[rule_id]))[
        "SecurityGroupRules"
    ]
    assert read == rule
    assert read["Description"] == "from the load balancer"
    return {"balancer_group": group_id, "task_group": task_group, "rule": rule_id}


async def destroy(ec2, refused, vpc_id: str, made: dict[str, str]) -> None:
    by_id = {"GroupId": made["task_group"], "SecurityGroupRuleIds": [made["rule"]]}
    await ec2("RevokeSecurityGroupIngress", **by_id)
    for one in (made["task_group"], made["balancer_group"]):
        await ec2("DescribeNetworkInterfaces", Filters=where(group_id=one))
        await ec2("DeleteSecurityGroup", GroupId=one)
        assert (await refused("DescribeSecurityGroups", GroupIds=[one]))[0] == (
            "InvalidGroup.NotFound"
        )
    await ec2("DisassociateRouteTable", AssociationId=made["association"])
    await ec2("DeleteRoute", RouteTableId=made["table"], DestinationCidrBlock="0.0.0.0/0")
    await ec2("DeleteRouteTable", RouteTableId=made["table"])
    assert (await refused("DescribeRouteTables", RouteTableIds=[made["table"]]))[0] == (
        "InvalidRouteTableID.NotFound"
    )
    await ec2("DetachInternetGateway", InternetGatewayId=made["gateway"], VpcId=vpc_id)
    await ec2("DeleteInternetGateway", InternetGatewayId=made["gateway"])
    await ec2("DescribeNetworkInterfaces", Filters=where(subnet_id=made["subnet"]))
    await ec2("DeleteSubnet", SubnetId=made["subnet"])
    await ec2("DeleteVpc", VpcId=vpc_id)
    assert (await refused("DescribeVpcs", VpcIds=[vpc_id]))[0] == "InvalidVpcID.NotFound"


async def test_apply_and_destroy(ec2, refused, store, scope):
    vpc_id = await make_vpc(ec2)
    made = await make_way_out(ec2, vpc_id) | await make_groups(ec2, refused, vpc_id)
    await destroy(ec2, refused, vpc_id, made)
    assert not any(network_of(store.view(scope)))
