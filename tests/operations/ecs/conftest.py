"""An ECS client and a VPC for its tasks."""

import pytest


@pytest.fixture
def ecs(client):
    """Call ECS."""
    return client("ecs")


@pytest.fixture
async def subnet(client):
    """A subnet of a new VPC."""
    ec2 = client("ec2")
    vpc = (await ec2("CreateVpc", CidrBlock="10.0.0.0/16"))["Vpc"]["VpcId"]
    made = await ec2("CreateSubnet", VpcId=vpc, CidrBlock="10.0.1.0/24")
    return made["Subnet"]["SubnetId"]


@pytest.fixture
def awsvpc(subnet):
    """A network configuration in that subnet."""
    return {"awsvpcConfiguration": {"subnets": [subnet]}}


FARGATE = {
    "family": "web",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "256",
    "memory": "512",
    "containerDefinitions": [
        {"name": "app", "image": "app:1", "portMappings": [{"containerPort": 80}]}
    ],
}


@pytest.fixture
def fargate():
    """The smallest Fargate definition, to be changed at will."""
    return {**FARGATE, "containerDefinitions": [dict(FARGATE["containerDefinitions"][0])]}
