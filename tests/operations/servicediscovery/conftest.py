"""Cloud Map callers, a VPC, a namespace; the invariants hold after every test."""

import pytest

from ecsd.store.findings import all_findings


@pytest.fixture
def ask(client):
    """Call a Cloud Map operation."""
    return client("servicediscovery")


@pytest.fixture
def vpc(client):
    """Make a VPC and return its id: ``await vpc()``."""

    async def make(cidr: str = "10.0.0.0/16") -> str:
        return (await client("ec2")("CreateVpc", CidrBlock=cidr))["Vpc"]["VpcId"]

    return make


@pytest.fixture
def namespace(ask, vpc):
    """Make a namespace and return its id; private unless a kind is given."""

    async def make(name: str = "prod.local", kind: str = "PrivateDns", **more) -> str:
        if kind == "PrivateDns" and "Vpc" not in more:
            more["Vpc"] = await vpc()
        made = await ask(f"Create{kind}Namespace", Name=name, **more)
        done = (await ask("GetOperation", OperationId=made["OperationId"]))["Operation"]
        assert (done["Type"], done["Status"]) == ("CREATE_NAMESPACE", "SUCCESS")
        return done["Targets"]["NAMESPACE"]

    return make


@pytest.fixture
def service(ask):
    """Make a service and return its id; A records unless types are given."""

    async def make(namespace_id: str, *types: str, name: str = "web", policy=None, **more) -> str:
        config = {"DnsRecords": [{"Type": one, "TTL": 10} for one in types or ("A",)]}
        if policy:
            config["RoutingPolicy"] = policy
        made = await ask(
            "CreateService",
            **{"Name": name, "NamespaceId": namespace_id, "DnsConfig": config} | more,
        )
        return made["Service"]["Id"]

    return make


@pytest.fixture(autouse=True)
def nothing_contradicts_itself(store):
    """Check every account and region when a test ends."""
    yield
    assert list(all_findings(store)) == []
