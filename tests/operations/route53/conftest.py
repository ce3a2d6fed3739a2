"""Route 53 callers, VPCs, zones; the invariants hold after every test."""

import pytest

from ecsd.store.findings import all_findings


@pytest.fixture
def ask(client):
    """Call an operation of Route 53."""
    return client("route53")


@pytest.fixture
def vpc(client):
    """Make a VPC and return it as Route 53 names it: ``await vpc()``."""

    async def make(cidr: str = "10.0.0.0/16", region: str = "us-east-1") -> dict[str, str]:
        made = await client("ec2", region=region)("CreateVpc", CidrBlock=cidr)
        return {"VPCRegion": region, "VPCId": made["Vpc"]["VpcId"]}

    return make


@pytest.fixture
def zone(ask):
    """Make a zone and return its id, without prefix."""
    count = iter(range(1000))

    async def make(name: str = "example.com", **more) -> str:
        request = {"Name": name, "CallerReference": f"r{next(count)}"} | more
        made = await ask("CreateHostedZone", **request)
        return made["HostedZone"]["Id"].removeprefix("/hostedzone/")

    return make


@pytest.fixture(autouse=True)
def nothing_contradicts_itself(store):
    """Check every account and region when a test ends."""
    yield
    assert list(all_findings(store)) == []
