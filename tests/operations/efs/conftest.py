"""EFS callers, file systems that a host has, a VPC; the invariants hold after every test."""

import pytest
from msgspec.structs import replace

from ecsd.records.efs.file_system import AVAILABLE, FileSystem
from ecsd.store.findings import all_findings
from ecsd.store.scope import Scope

HOME = Scope("000000000000", "us-east-1")


@pytest.fixture
def ask(client):
    """Call an operation of EFS."""
    return client("efs")


@pytest.fixture
def file_system(ask, store):
    """Make a file system, as far as its host has it, and return its id."""

    async def make(token: str = "t", **more) -> str:
        own = (await ask("CreateFileSystem", CreationToken=token, **more))["FileSystemId"]
        async with store.transaction(HOME) as change:
            change.put(replace(change.get(FileSystem, own), state=AVAILABLE))
        return own

    return make


@pytest.fixture
async def subnets(client):
    """Subnets in the zones a, b and again a of one VPC."""
    ec2 = client("ec2")
    vpc = (await ec2("CreateVpc", CidrBlock="10.0.0.0/16"))["Vpc"]["VpcId"]
    return [
        (
            await ec2(
                "CreateSubnet",
                VpcId=vpc,
                CidrBlock=f"10.0.{number}.0/24",
                AvailabilityZone=f"us-east-1{zone}",
            )
        )["Subnet"]["SubnetId"]
        for number, zone in enumerate("aba")
    ]


@pytest.fixture(autouse=True)
def nothing_contradicts_itself(store):
    """Check every account and region when a test ends."""
    yield
    assert list(all_findings(store)) == []
