"""VPC endpoints as tasks see them: names, routes, security groups, TLS, policies."""

import json
import subprocess
from ipaddress import ip_address, ip_network

import pytest
from botocore.exceptions import ClientError

from tests.integration import sdk_image
from tests.integration.conftest import page
from tests.integration.sample import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

SECOND = "100.117.0.0/20"
# What a task tries: S3 and Logs at AWS's own names, by TLS, with the local authority trusted.
TRIES = """
import boto3, json, os, socket, sys
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
open("/tmp/ca.pem", "w").write(os.environ["ROOT"])
config = Config(connect_timeout=1, read_timeout=5, retries={"max_attempts": 0})
def attempt(work):
    try:
        return work()
    except ClientError as error:
        return error.response["Error"]["Code"] + ": " + error.response["Error"]["Message"]
    except (BotoCoreError, OSError) as error:
        return type(error).__name__
def named(name):
    return sorted({one[4][0] for one in socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)})
def s3(url=None):
    one = boto3.client("s3", verify="/tmp/ca.pem", config=config, endpoint_url=url)
    one.put_object(Bucket="kept", Key="a", Body=b"x" * 300000)
    return len(one.get_object(Bucket="kept", Key="a")["Body"].read())
def logs(url=None):
    one = boto3.client("logs", verify="/tmp/ca.pem", config=config, endpoint_url=url)
    one.create_log_stream(logGroupName="/told", logStreamName=sys.argv[1])
    return "told"
def buckets(url):
    return len(boto3.client("s3", verify="/tmp/ca.pem", config=config, endpoint_url=url)
        .list_objects_v2(Bucket="kept")["Contents"])
print(json.dumps({
    "s3 name": attempt(lambda: named("kept.s3.us-east-1.amazonaws.com")),
    "s3": attempt(s3),
    "plain s3": attempt(lambda: s3("http://s3.us-east-1.amazonaws.com")),
    "logs name": attempt(lambda: named("logs.us-east-1.amazonaws.com")),
    "logs": attempt(logs),
    "misled": attempt(lambda: buckets("https://logs.us-east-1.amazonaws.com")),
}))
"""
ONLY_TOLD = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": "logs:CreateLogStream",
                "Resource": "arn:aws:logs:*:*:log-group:/told:*",
                "Condition": {"Bool": {"aws:SecureTransport": "true"}},
            }
        ],
    }
)
ONLY_OTHERS = ONLY_TOLD.replace("CreateLogStream", "PutLogEvents")


def routes_to(cidr):
    """Return the host's routes to a range."""
    words = ["ip", "route", "show", "exact", cidr]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()


def code_of(work):
    """Return the code with which something is refused, or None."""
    try:
        work()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def widened(ec2, vpc):
    """Give a VPC its second range; return a subnet of it, and its association."""
    block = ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock=SECOND)["CidrBlockAssociation"]
    made = ec2.create_subnet(VpcId=vpc, CidrBlock=SECOND, AvailabilityZone="us-east-1b")
    return made["Subnet"]["SubnetId"], block["AssociationId"]


def narrow(ec2, subnet, association):
    """Take the second range away: the host leads there no more."""
    eventually(lambda: code_of(lambda: ec2.delete_subnet(SubnetId=subnet)) is None, seconds=20)
    assert routes_to(SECOND)
    ec2.disassociate_vpc_cidr_block(AssociationId=association)
    eventually(lambda: not routes_to(SECOND))


class Tries:
    """Tasks in subnets of one VPC that try what ``TRIES`` tries."""

    def __init__(self, ecsd, account):
        self.account, self.ecs, self.ec2 = account, account.ecs, account.ec2
        self.root = page(ecsd, "authority")["root"]
        self.count = 0
        account.ecs.create_cluster(clusterName="prod")
        self.definition = account.ecs.register_task_definition(
            family="tries",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[
                {
                    "name": "app",
                    "image": sdk_image.provide(),
                    "command": ["sleep", "600"],
                    "stopTimeout": 2,
                }
            ],
        )["taskDefinition"]["taskDefinitionArn"]

    def start(self, subnet):
        network = {"subnets": [subnet], "securityGroups": [self.account.task_group]}
        answer = self.ecs.run_task(
            cluster="prod",
            taskDefinition=self.definition,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": network},
        )
        return answer["tasks"][0]["taskArn"]

    def run(self, arn):
        """Return what a task's attempts came to."""

        def running():
            (task,) = self.ecs.describe_tasks(cluster="prod", tasks=[arn])["tasks"]
            return task["lastStatus"] == "RUNNING"

        eventually(running, seconds=40)
        self.count += 1
        name = f"ecsd-{arn.rpartition('/')[2]}-app"
        variables = {
            "AWS_ACCESS_KEY_ID": self.account.number,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "ROOT": self.root,
        }
        given = [word for one in variables.items() for word in ("-e", "=".join(one))]
        without = ["env", "-u", "AWS_ENDPOINT_URL", "python3", "-c", TRIES, str(self.count)]
        done = subprocess.run(
            ["docker", "exec", *given, name, *without], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def available(self, made):
        """Wait until an endpoint is there; return its id."""
        own = made["VpcEndpoint"]["VpcEndpointId"]

        def state():
            answer = self.ec2.describe_vpc_endpoints(VpcEndpointIds=[own])
            return answer["VpcEndpoints"][0]["State"] == "available"

        eventually(state)
        return own


def test_tasks_reach_services_by_endpoints_alone(ecsd, account):
    """One task and the interface endpoint are in a subnet of the VPC's second range."""
    account.network()
    tries = Tries(ecsd, account)
    ec2, vpc = account.ec2, account.vpc
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    account.client("s3").create_bucket(Bucket="kept")
    account.logs.create_log_group(logGroupName="/told")
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=account.private[0])
    further, association = widened(ec2, vpc)
    gateway = tries.available(
        ec2.create_vpc_endpoint(
            VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[table]
        )
    )
    group = account.security_group("endpoint", groups=[account.task_group], port=443)
    interface = tries.available(
        ec2.create_vpc_endpoint(
            VpcEndpointType="Interface",
            VpcId=vpc,
            ServiceName="com.amazonaws.us-east-1.logs",
            SubnetIds=[further],
            SecurityGroupIds=[group],
            PrivateDnsEnabled=True,
            PolicyDocument=ONLY_TOLD,
        )
    )
    (eni,) = ec2.describe_network_interfaces(
        Filters=[{"Name": "interface-type", "Values": ["vpc_endpoint"]}]
    )["NetworkInterfaces"]
    address = eni["PrivateIpAddress"]
    arns = [tries.start(one) for one in (account.private[0], further)]
    routed, unrouted = (tries.run(one) for one in arns)

    assert ip_address(address) in ip_network(SECOND)
    assert routed["s3 name"] == ["240.200.0.1"]
    assert (routed["s3"], routed["plain s3"]) == (300000, 300000)
    assert unrouted["s3 name"] != ["240.200.0.1"]
    assert unrouted["s3"] in {"EndpointConnectionError", "ConnectTimeoutError"}
    for one in (routed, unrouted):
        assert (one["logs name"], one["logs"]) == ([address], "told")
        assert one["misled"].startswith("AccessDenied: s3 of us-east-1 is not reached through")

    words = ecsd.run("why", "connect", arns[0].rpartition("/")[2], address, "443").stdout
    assert "of a vpc endpoint in" in words
    assert "gets through" in words

    ec2.modify_vpc_endpoint(VpcEndpointId=interface, PolicyDocument=ONLY_OTHERS)
    refused = "because no VPC endpoint policy allows the logs:CreateLogStream action"
    assert refused in tries.run(arns[0])["logs"]
    permission = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=permission["IpPermissions"])
    ec2.modify_vpc_endpoint(VpcEndpointId=gateway, RemoveRouteTableIds=[table])
    eventually(lambda: tries.run(arns[0])["logs"] == "ConnectTimeoutError", seconds=10)
    assert tries.run(arns[0])["s3"] in {"EndpointConnectionError", "ConnectTimeoutError"}

    for arn in arns:
        account.ecs.stop_task(cluster="prod", task=arn)
    assert ec2.delete_vpc_endpoints(VpcEndpointIds=[gateway, interface])["Unsuccessful"] == []

    narrow(ec2, further, association)
    account.client("s3").delete_object(Bucket="kept", Key="a")
    account.client("s3").delete_bucket(Bucket="kept")
