"""Strict mode: every registered operation unsigned, badly signed, without and with permission."""

import json

import pytest
from fitting import TEXTS, request_for
from gateway_client import OPERATIONS, WIRE
from signed_client import ROOT_KEY, SignedClient, cached_model, credentials

from ecsd.gateway.authorization import s3, services, stored_values
from ecsd.gateway.authorization.ecs import ABOUT, BY_ARN
from ecsd.gateway.authorization.iam import OF_CALLER
from ecsd.gateway.authorization.kms import KEY
from ecsd.gateway.authorization.need import Asked
from ecsd.gateway.authorization.table import (
    FREE,
    NEEDS,
    needs_its_own_alone,
    needs_of,
)
from ecsd.store.scope import Scope
from ecsd.store.store import Store

BOB = "arn:aws:iam::000000000000:user/bob"
HOME = "us-east-1:000000000000"
CLUSTERS = f"arn:aws:ecs:{HOME}:cluster"
SERVICES = f"arn:aws:ecs:{HOME}:service"
SNAPSHOTS = "arn:aws:ec2:us-east-1::snapshot"
EFS = f"arn:aws:elasticfilesystem:{HOME}"
REFUSED = {
    "json": ("AccessDeniedException", 400),
    "ec2": ("UnauthorizedOperation", 403),
    "query": ("AccessDenied", 403),
    "rest-xml": ("AccessDenied", 403),
}
UNSIGNED = {
    "json": "MissingAuthenticationTokenException",
    "ec2": "AuthFailure",
    "query": "MissingAuthenticationToken",
    "rest-xml": "MissingAuthenticationTokenException",  # nothing tells whose path it is
}
WRONG = {
    "json": "InvalidSignatureException",
    "ec2": "AuthFailure",
    "query": "SignatureDoesNotMatch",
    "rest-xml": "SignatureDoesNotMatch",
}
ACTIONS = {("kms", "ReEncrypt"): "ReEncryptFrom"}  # where they are not called as the operation
# Refusals without a body, and what unsigned is ecsd's own page: see test_s3_authorization.
BODILESS = {("s3", "HeadBucket"), ("s3", "HeadObject"), ("s3", "ListBuckets")}
WORDS = ("is not authorized to perform", "because no identity-based policy allows the")


for table in (REFUSED, UNSIGNED, WRONG):
    table["smithy-rpc-v2-cbor"] = table["json"]
REFUSED["rest-json"] = ("AccessDeniedException", 403)
UNSIGNED["rest-json"], WRONG["rest-json"] = UNSIGNED["json"], WRONG["json"]


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def members_of(service, operation):
    return request_for(cached_model(service).operation_model(operation).input_shape)


@pytest.fixture
def client(store):
    return SignedClient(store)


@pytest.mark.parametrize(("service", "operation"), sorted(OPERATIONS))
async def test_every_operation_asks_who_it_is_and_what_they_may(client, service, operation):
    protocol = cached_model(service).metadata["protocol"]
    members = members_of(service, operation)
    key = await client.user("bob")
    if (service, operation) == ("sts", "AssumeRoleWithWebIdentity"):
        return  # unsigned on AWS too: its token is judged by the operation
    if (service, operation) in BODILESS:
        return
    unsigned = await client.ask(None, service, operation, **members)
    assert unsigned.code == UNSIGNED[protocol]
    badly = await client.ask((key[0], "guess", None), service, operation, **members)
    assert badly.code == WRONG[protocol]

    without = await client.ask(key, service, operation, **members)
    if (service, operation) in FREE:
        assert "because no identity-based policy" not in without.message
    else:
        assert (without.code, without.status) == REFUSED[protocol], without
        assert f"User: {BOB} {WORDS[0]}: " in without.message
        assert WORDS[1] in without.message

    await client.policy("bob", allow("*"))
    allowed = await client.ask(key, service, operation, **members)
    assert WORDS[0] not in allowed.message or (service, operation) == ("sts", "AssumeRole")
    assert allowed.status != 500


def test_every_operation_has_an_action_of_its_service():
    view = Store.in_memory().view(Scope("000000000000", "us-east-1"))
    for service, operation in OPERATIONS:
        signing_name = WIRE.table(service).identity.signing_name
        asked = Asked(operation, members_of(service, operation), view, BOB)
        needs = needs_of(service, signing_name, asked)
        assert bool(needs) is ((service, operation) not in FREE)
        for need in needs[:1]:
            own = s3.RENAMED.get(operation, operation) if service == "s3" else operation
            assert need.action.partition(":")[2] == ACTIONS.get((service, operation), own)
            given = need.resource in TEXTS  # in place of an ARN
            assert need.resource == "*" or given or need.resource.count(":") >= 5, need


def test_what_needs_its_own_action_alone_needs_no_other():
    view = Store.in_memory().view(Scope("000000000000", "us-east-1"))
    alone = [one for one in OPERATIONS if needs_its_own_alone(*one)]
    assert ("ecs", "DescribeClusters") in alone
    assert ("ecs", "RunTask") not in alone
    for service, operation in alone:
        signing_name = WIRE.table(service).identity.signing_name
        for members in (members_of(service, operation), {"Names": [], "RulePriorities": []}):
            asked = Asked(operation, members, view, BOB)
            for need in needs_of(service, signing_name, asked):
                assert need.action == f"{signing_name}:{operation}"
                assert (need.owner, need.policy, need.decides) == ("", None, False)


def test_tables_name_registered_operations_alone():
    tables = {
        "acm": services.ACM,
        "ecs": {**ABOUT, **BY_ARN},
        "efs": {**services.EFS, **dict.fromkeys(services.OF_TARGET, "")},
        "elbv2": services.ELBV2,
        "iam": OF_CALLER,
        "kms": KEY,
        "logs": {**services.LOG_GROUP, **dict.fromkeys(services.LOG_GROUPS, "")},
        "route53": services.ROUTE53_ZONE,
        "s3": {**s3.RENAMED, **s3.OF_VERSION},
        "secretsmanager": stored_values.ABOUT_NO_SECRET,
        "servicediscovery": services.SERVICEDISCOVERY,
        "ssm": stored_values.PARAMETER,
    }
    unknown = {
        (service, name)
        for service, table in tables.items()
        for name in table
        if (service, name) not in OPERATIONS
    }
    assert unknown <= {("ecs", "StartTask")}  # of container instances, which are to come
    assert set(NEEDS) <= {service for service, _ in OPERATIONS}


# ------------------------------------------------------------- what a request is about
@pytest.mark.parametrize(
    ("service", "operation", "members", "resource"),
    [
        ("ecs", "ListClusters", {}, "*"),
        ("ecs", "DescribeClusters", {}, f"{CLUSTERS}/default"),
        ("ecs", "DescribeClusters", {"clusters": [f"{CLUSTERS}/b"]}, f"{CLUSTERS}/b"),
        ("ecs", "UpdateService", {"service": "web"}, f"{SERVICES}/default/web"),
        ("ecs", "UpdateService", {"service": "c/web", "cluster": "c"}, f"{SERVICES}/c/web"),
        (
            "ecs",
            "UpdateService",
            {"service": f"{SERVICES}/c/web", "cluster": f"{CLUSTERS}/c"},
            f"{SERVICES}/c/web",
        ),
        ("ecs", "StopTask", {"task": "a", "cluster": "c"}, f"arn:aws:ecs:{HOME}:task/c/a"),
        ("ec2", "DescribeVpcs", {"VpcIds": ["vpc-1"]}, "*"),
        ("efs", "DescribeFileSystems", {}, "*"),
        ("efs", "DeleteFileSystem", {"FileSystemId": "fs-1"}, f"{EFS}:file-system/fs-1"),
        (
            "efs",
            "DeleteFileSystem",
            {"FileSystemId": f"{EFS}:file-system/fs-2"},
            f"{EFS}:file-system/fs-2",
        ),
        ("efs", "DeleteAccessPoint", {"AccessPointId": "fsap-1"}, f"{EFS}:access-point/fsap-1"),
        ("efs", "DescribeAccessPoints", {"FileSystemId": "fs-1"}, f"{EFS}:file-system/fs-1"),
        ("efs", "TagResource", {"ResourceId": "fsap-1"}, f"{EFS}:access-point/fsap-1"),
        ("efs", "UntagResource", {"ResourceId": "fs-1"}, f"{EFS}:file-system/fs-1"),
        ("ec2", "DeleteVpc", {"VpcId": "vpc-1"}, f"arn:aws:ec2:{HOME}:vpc/vpc-1"),
        ("ec2", "DeleteVolume", {"VolumeId": "vol-1"}, f"arn:aws:ec2:{HOME}:volume/vol-1"),
        ("ec2", "DeleteSnapshot", {"SnapshotId": "snap-1"}, f"{SNAPSHOTS}/snap-1"),
        ("ec2", "CreateTags", {"Resources": ["snap-1"]}, f"{SNAPSHOTS}/snap-1"),
        ("ec2", "DescribeFlowLogs", {"FlowLogIds": ["fl-1"]}, "*"),
        (
            "ec2",
            "DeleteFlowLogs",
            {"FlowLogIds": ["fl-1"]},
            f"arn:aws:ec2:{HOME}:vpc-flow-log/fl-1",
        ),
        (
            "logs",
            "PutLogEvents",
            {"logGroupName": "/a", "logStreamName": "s"},
            f"arn:aws:logs:{HOME}:log-group:/a:log-stream:s",
        ),
        (
            "logs",
            "TagResource",
            {"resourceArn": f"arn:aws:logs:{HOME}:log-group:/a:*"},
            f"arn:aws:logs:{HOME}:log-group:/a:log-stream:",
        ),
        (
            "logs",
            "StartLiveTail",
            {"logGroupIdentifiers": [f"arn:aws:logs:{HOME}:log-group:/a"]},
            f"arn:aws:logs:{HOME}:log-group:/a:log-stream:",
        ),
        (
            "logs",
            "StartQuery",
            {"logGroupNames": ["/a"]},
            f"arn:aws:logs:{HOME}:log-group:/a:log-stream:",
        ),
        ("logs", "GetQueryResults", {"queryId": "q"}, "*"),
        ("route53", "GetHostedZone", {"Id": "/hostedzone/Z1"}, "arn:aws:route53:::hostedzone/Z1"),
        (
            "iam",
            "CreateUser",
            {"UserName": "x", "Path": "/t/"},
            "arn:aws:iam::000000000000:user/t/x",
        ),
        (
            "iam",
            "AttachUserPolicy",
            {"UserName": "x", "PolicyArn": "arn:p"},
            "arn:aws:iam::000000000000:user/x",
        ),
        ("iam", "GetUser", {}, BOB),
        ("acm", "ImportCertificate", {}, f"arn:aws:acm:{HOME}:certificate/*"),
        (
            "servicediscovery",
            "GetService",
            {"Id": "srv-1"},
            f"arn:aws:servicediscovery:{HOME}:service/srv-1",
        ),
        (
            "elbv2",
            "CreateLoadBalancer",
            {"Name": "w", "Type": "network"},
            f"arn:aws:elasticloadbalancing:{HOME}:loadbalancer/net/w/*",
        ),
    ],
)
def test_the_resource_is_the_same_however_it_is_named(service, operation, members, resource):
    view = Store.in_memory().view(Scope("000000000000", "us-east-1"))
    asked = Asked(operation, members, view, BOB)
    assert [need.resource for need in needs_of(service, service, asked)] == [resource]


@pytest.mark.parametrize(
    ("operation", "members", "resources"),
    [
        (
            "CreateVolume",
            {"SnapshotId": "snap-1"},
            [f"arn:aws:ec2:{HOME}:volume/*", f"{SNAPSHOTS}/snap-1"],
        ),
        (
            "CreateSnapshot",
            {"VolumeId": "vol-1"},
            [f"{SNAPSHOTS}/*", f"arn:aws:ec2:{HOME}:volume/vol-1"],
        ),
    ],
)
def test_a_copy_takes_a_permission_for_both_of_its_ends(operation, members, resources):
    view = Store.in_memory().view(Scope("000000000000", "us-east-1"))
    needs = needs_of("ec2", "ec2", Asked(operation, members, view, BOB))
    assert [one.resource for one in needs] == resources


def test_a_flow_log_takes_its_resources_its_tags_and_its_role():
    role = "arn:aws:iam::000000000000:role/flows"
    members = {
        "ResourceIds": ["vpc-1", "subnet-1", "eni-1"],
        "DeliverLogsPermissionArn": role,
        "TagSpecifications": [{"ResourceType": "vpc-flow-log"}],
    }
    view = Store.in_memory().view(Scope("000000000000", "us-east-1"))
    needs = needs_of("ec2", "ec2", Asked("CreateFlowLogs", members, view, BOB))
    ec2 = f"arn:aws:ec2:{HOME}"
    assert [(one.action, one.resource) for one in needs] == [
        ("ec2:CreateFlowLogs", f"{ec2}:vpc-flow-log/*"),
        ("ec2:CreateFlowLogs", f"{ec2}:vpc/vpc-1"),
        ("ec2:CreateFlowLogs", f"{ec2}:subnet/subnet-1"),
        ("ec2:CreateFlowLogs", f"{ec2}:network-interface/eni-1"),
        ("ec2:CreateTags", f"{ec2}:vpc-flow-log/*"),
        ("iam:PassRole", role),
    ]
    assert needs[-1].context == {"iam:passedtoservice": ("vpc-flow-logs.amazonaws.com",)}


async def test_a_permission_is_for_its_resource(client):
    key = await client.user("bob", allow("ecs:*Cluster*", f"{CLUSTERS}/mine"))
    await client.ask(ROOT_KEY, "ecs", "CreateCluster", clusterName="mine")
    await client.ask(ROOT_KEY, "ecs", "CreateCluster", clusterName="other")
    assert (await client.ask(key, "ecs", "DescribeClusters", clusters=["mine"])).status == 200
    answer = await client.ask(key, "ecs", "DescribeClusters", clusters=["mine", "other"])
    assert answer.message == (
        f"User: {BOB} is not authorized to perform: ecs:DescribeClusters on resource: "
        f"{CLUSTERS}/other because no identity-based policy allows the ecs:DescribeClusters action"
    )
    assert (await client.ask(key, "ecs", "DeleteCluster", cluster="mine")).status == 200


async def test_what_ec2_is_told_by_another_name_is_the_same_thing(client):
    async def root(operation, **members):
        return (await client.ask(ROOT_KEY, "ec2", operation, **members)).output

    vpc = (await root("CreateVpc", CidrBlock="10.0.0.0/16"))["Vpc"]["VpcId"]
    subnet = await root("CreateSubnet", VpcId=vpc, CidrBlock="10.0.1.0/24")
    table = (await root("CreateRouteTable", VpcId=vpc))["RouteTable"]["RouteTableId"]
    group = await root("CreateSecurityGroup", VpcId=vpc, GroupName="web", Description="d")
    address = await root("AllocateAddress", Domain="vpc")
    associated = await root(
        "AssociateRouteTable", RouteTableId=table, SubnetId=subnet["Subnet"]["SubnetId"]
    )
    (first,) = (await root("DescribeNetworkAcls"))["NetworkAcls"]
    other = (await root("CreateNetworkAcl", VpcId=vpc))["NetworkAcl"]["NetworkAclId"]
    judged = first["Associations"][0]["NetworkAclAssociationId"]
    wider = (await root("CreateVpc", CidrBlock="10.3.0.0/16"))["Vpc"]["VpcId"]
    block = await root("AssociateVpcCidrBlock", VpcId=wider, CidrBlock="10.4.0.0/16")
    key = await client.user(
        "bob",
        allow("ec2:*"),
        deny("ec2:*", f"arn:aws:ec2:{HOME}:network-acl/{first['NetworkAclId']}"),
        deny("ec2:*", f"arn:aws:ec2:{HOME}:route-table/{table}"),
        deny("ec2:*", f"arn:aws:ec2:{HOME}:security-group/{group['GroupId']}"),
        deny("ec2:*", f"arn:aws:ec2:{HOME}:elastic-ip/{address['AllocationId']}"),
        deny("ec2:*", f"arn:aws:ec2:{HOME}:vpc/{wider}"),
    )
    widened = {"AssociationId": block["CidrBlockAssociation"]["AssociationId"]}
    for operation, members in (
        ("DisassociateRouteTable", {"AssociationId": associated["AssociationId"]}),
        ("DeleteRouteTable", {"RouteTableId": table}),
        ("AssociateVpcCidrBlock", {"VpcId": wider, "CidrBlock": "10.5.0.0/16"}),
        ("DisassociateVpcCidrBlock", widened),
        ("ReplaceNetworkAclAssociation", {"AssociationId": judged, "NetworkAclId": other}),
        ("DeleteSecurityGroup", {"GroupName": "web"}),
        ("ReleaseAddress", {"PublicIp": address["PublicIp"]}),
    ):
        answer = await client.ask(key, "ec2", operation, **members)
        assert answer.code == "UnauthorizedOperation", operation
        assert "with an explicit deny in an identity-based policy" in answer.message


async def test_ecss_condition_keys_count(client):
    in_mine = {"ArnEquals": {"ecs:cluster": f"{CLUSTERS}/mine"}}
    key = await client.user("bob", allow("ecs:ListServices", Condition=in_mine))
    await client.ask(ROOT_KEY, "ecs", "CreateCluster", clusterName="mine")
    assert (await client.ask(key, "ecs", "ListServices", cluster="mine")).status == 200
    assert (await client.ask(key, "ecs", "ListServices")).code == "AccessDeniedException"


async def test_tags_of_request_and_resource_count(client):
    own = {"StringEquals": {"aws:ResourceTag/team": "a"}}
    brought = {
        "StringEquals": {"aws:RequestTag/team": "a"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]},
    }
    key = await client.user(
        "bob",
        allow("ecs:DescribeClusters", Condition=own),
        allow("ecs:CreateCluster", Condition=brought),
    )

    async def made(name, *tags):
        pairs = [{"key": tag, "value": value} for tag, value in tags]
        return (await client.ask(key, "ecs", "CreateCluster", clusterName=name, tags=pairs)).status

    assert await made("mine", ("team", "a")) == 200
    assert await made("b", ("team", "b")) == 400
    assert await made("c", ("team", "a"), ("more", "b")) == 400
    await client.ask(ROOT_KEY, "ecs", "CreateCluster", clusterName="other")
    assert (await client.ask(key, "ecs", "DescribeClusters", clusters=["mine"])).status == 200
    assert (await client.ask(key, "ecs", "DescribeClusters", clusters=["other"])).status == 400


@pytest.mark.parametrize(
    ("operation", "members", "roles"),
    [
        ("RegisterTaskDefinition", {"executionRoleArn": "arn:e", "taskRoleArn": ""}, ["arn:e"]),
        (
            "RegisterTaskDefinition",
            {"containerDefinitions": [{"dockerLabels": {"roleArn": "x", "taskRoleArn": "y"}}]},
            [],
        ),
        ("CreateService", {"role": "elb"}, ["arn:aws:iam::000000000000:role/elb"]),
        (
            "UpdateService",
            {"deploymentConfiguration": {"lifecycleHooks": [{"roleArn": "arn:h"}]}},
            ["arn:h"],
        ),
        ("RunTask", {"overrides": {"taskRoleArn": "arn:t"}}, ["arn:t"]),
        (
            "RunTask",
            {"volumeConfigurations": [{"name": "v", "managedEBSVolume": {"roleArn": "arn:v"}}]},
            ["arn:v"],
        ),
    ],
)
def test_every_role_that_is_handed_on_is_asked_for(operation, members, roles):
    view = Store.in_memory().view(Scope("000000000000", "us-east-1"))
    needs = needs_of("ecs", "ecs", Asked(operation, members, view, BOB))
    assert [one.resource for one in needs if one.action == "iam:PassRole"] == roles


async def test_a_role_is_passed_by_whom_may_pass_it(client):
    role = "arn:aws:iam::000000000000:role/app"
    definition = {
        "family": "web",
        "taskRoleArn": role,
        "containerDefinitions": [{"name": "c", "image": "i", "memory": 64}],
    }
    key = await client.user("bob", allow("ecs:*"))
    answer = await client.ask(key, "ecs", "RegisterTaskDefinition", **definition)
    assert f"perform: iam:PassRole on resource: {role} because" in answer.message
    to_tasks = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    await client.policy("bob", allow("ecs:*"), allow("iam:PassRole", role, Condition=to_tasks))
    answer = await client.ask(key, "ecs", "RegisterTaskDefinition", **definition)
    assert answer.status == 200
    await client.policy("bob", allow("ecs:*"))
    answer = await client.ask(key, "ecs", "RunTask", taskDefinition="web")
    assert "perform: iam:PassRole on" in answer.message  # the definition's role


async def test_boundary_session_policy_and_deny_are_named(client):
    only_ec2 = json.dumps({"Version": "2012-10-17", "Statement": [allow("ec2:*")]})
    made = await client.ask(
        ROOT_KEY, "iam", "CreatePolicy", PolicyName="b", PolicyDocument=only_ec2
    )
    key = await client.user("bob", allow("*"), deny("ecs:ListServices"))
    answer = await client.ask(key, "ecs", "ListServices")
    assert answer.message.endswith("with an explicit deny in an identity-based policy")
    bound = {"UserName": "bob", "PermissionsBoundary": made.output["Policy"]["Arn"]}
    await client.ask(ROOT_KEY, "iam", "PutUserPermissionsBoundary", **bound)
    answer = await client.ask(key, "ecs", "ListClusters")
    assert answer.message.endswith(
        "because no permissions boundary allows the ecs:ListClusters action"
    )
    trust = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"},
        }
    )
    named = {"RoleName": "app", "AssumeRolePolicyDocument": trust}
    await client.ask(ROOT_KEY, "iam", "CreateRole", **named)
    everything = "arn:aws:iam::aws:policy/AdministratorAccess"
    await client.ask(ROOT_KEY, "iam", "AttachRolePolicy", RoleName="app", PolicyArn=everything)
    session = await client.ask(
        ROOT_KEY,
        "sts",
        "AssumeRole",
        RoleArn="arn:aws:iam::000000000000:role/app",
        RoleSessionName="me",
        Policy=only_ec2,
    )
    own = credentials(session.output)
    assert (await client.ask(own, "ec2", "DescribeVpcs")).status == 200
    answer = await client.ask(own, "ecs", "ListClusters")
    assert answer.message.endswith("because no session policy allows the ecs:ListClusters action")


async def test_a_session_token_cannot_reach_iam(client):
    key = await client.user("bob", allow("*"))
    token = credentials((await client.ask(key, "sts", "GetSessionToken")).output)
    assert (await client.ask(token, "ecs", "ListClusters")).status == 200
    assert (await client.ask(token, "iam", "ListUsers")).code == "InvalidClientTokenId"


async def test_a_condition_on_the_connection_counts(client):
    plain = {"Bool": {"aws:SecureTransport": "false"}}
    key = await client.user("bob", allow("*"), deny("ecs:*", Condition=plain))
    assert "explicit deny" in (await client.ask(key, "ecs", "ListClusters")).message
