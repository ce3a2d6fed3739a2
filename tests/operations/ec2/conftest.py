"""EC2 callers, and a network to work in; the invariants hold after every test."""

from datetime import UTC, datetime

import pytest

from ecsd.clock import SystemClock
from ecsd.decisions.invariants.network import check_network, check_vpc_numbers
from ecsd.errors import AwsError
from ecsd.records.ec2.vpc import Vpc
from ecsd.store.finders.ec2 import network_of


class SetClock(SystemClock):
    """Time that stands where a test puts it."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


@pytest.fixture
def set_clock() -> SetClock:
    """A clock whose hands a test turns."""
    return SetClock()


@pytest.fixture
def ec2(client):
    """Call an EC2 operation."""
    return client("ec2")


@pytest.fixture
def refused(ec2):
    """Return the error code of an operation that must be refused, and its message."""

    async def ask(name: str, **request) -> tuple[str, str]:
        with pytest.raises(AwsError) as caught:
            await ec2(name, **request)
        return caught.value.code, caught.value.message

    return ask


@pytest.fixture
def network(ec2):
    """Make a VPC with a subnet: ``vpc_id, subnet_id = await network()``."""

    async def make(cidr: str = "10.0.0.0/16", subnet: str = "10.0.1.0/24") -> tuple[str, str]:
        vpc = (await ec2("CreateVpc", CidrBlock=cidr))["Vpc"]
        made = await ec2("CreateSubnet", VpcId=vpc["VpcId"], CidrBlock=subnet)
        return vpc["VpcId"], made["Subnet"]["SubnetId"]

    return make


@pytest.fixture(autouse=True)
def nothing_contradicts_itself(store):
    """Check every account and region when a test ends."""
    yield
    for scope in store.scopes():
        assert list(check_network(network_of(store.view(scope)))) == []
    assert list(check_vpc_numbers([vpc for _, vpc in store.everywhere(Vpc)])) == []
