"""ELBv2 callers and a network for load balancers; the invariants hold after every test."""

from typing import NamedTuple

import pytest

from ecsd.errors import AwsError
from ecsd.store.findings import all_findings
from tests.certificates.pems import NOW, pair


class Network(NamedTuple):
    """A VPC with a subnet in each of three zones, and its default security group."""

    vpc_id: str
    subnets: tuple[str, str, str]
    group_id: str


class At:
    """A clock that stands still."""

    def __init__(self, time):
        self.time = time

    def now(self):
        return self.time


@pytest.fixture
def acm(client):
    """Call an operation of Certificate Manager, while test certificates are valid."""
    return client("acm", clock=At(NOW))


@pytest.fixture
def imported(acm):
    """Import a certificate for these names; return its ARN."""

    async def make(*names, **more):
        mine = pair(*(names or ("www.example.com",)), **more)
        made = await acm("ImportCertificate", Certificate=mine.body, PrivateKey=mine.private_key)
        return made["CertificateArn"]

    return make


@pytest.fixture
def ec2(client):
    """Call an EC2 operation."""
    return client("ec2")


@pytest.fixture
def elb(client):
    """Call an ELBv2 operation."""
    return client("elbv2")


@pytest.fixture
def refused(elb):
    """Return the error code of an operation that must be refused, and its message."""

    async def ask(name: str, **request) -> tuple[str, str]:
        with pytest.raises(AwsError) as caught:
            await elb(name, **request)
        return caught.value.code, caught.value.message

    return ask


@pytest.fixture
def network(ec2):
    """Make a network: ``net = await network()``, in ``10.<number>.0.0/16``."""

    async def make(number: int = 0) -> Network:
        vpc = (await ec2("CreateVpc", CidrBlock=f"10.{number}.0.0/16"))["Vpc"]["VpcId"]
        subnets = []
        for index, letter in enumerate("abc"):
            made = await ec2(
                "CreateSubnet",
                VpcId=vpc,
                CidrBlock=f"10.{number}.{index}.0/24",
                AvailabilityZone=f"us-east-1{letter}",
            )
            subnets.append(made["Subnet"]["SubnetId"])
        found = await ec2("DescribeSecurityGroups", Filters=[{"Name": "vpc-id", "Values": [vpc]}])
        return Network(vpc, tuple(subnets), found["SecurityGroups"][0]["GroupId"])

    return make


@pytest.fixture
def balancer(elb):
    """Make a load balancer in a network's first two subnets: ``lb = await balancer(net)``."""

    async def make(net: Network, name: str = "web", **more) -> dict:
        wanted = {"Name": name, "Subnets": list(net.subnets[:2])} | more
        return (await elb("CreateLoadBalancer", **wanted))["LoadBalancers"][0]

    return make


@pytest.fixture
def target_group(elb):
    """Make a target group and return its ARN: ``arn = await target_group(net)``."""

    async def make(net: Network, name: str = "web", **more) -> str:
        wanted = {
            "Name": name,
            "Protocol": "HTTP",
            "Port": 80,
            "VpcId": net.vpc_id,
            "TargetType": "ip",
        }
        return (await elb("CreateTargetGroup", **wanted | more))["TargetGroups"][0][
            "TargetGroupArn"
        ]

    return make


@pytest.fixture
def listener(elb):
    """Open a port with these default actions and return the listener."""

    async def make(load_balancer_arn: str, *actions: dict, port: int = 80) -> dict:
        made = await elb(
            "CreateListener",
            LoadBalancerArn=load_balancer_arn,
            Protocol="HTTP",
            Port=port,
            DefaultActions=list(actions),
        )
        return made["Listeners"][0]

    return make


@pytest.fixture(autouse=True)
def nothing_contradicts_itself(store):
    """Check every account and region when a test ends."""
    yield
    assert list(all_findings(store)) == []
