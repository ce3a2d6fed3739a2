"""Calls through VPC endpoints: which service, the endpoint's policy, the condition keys."""

import json
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from signed_client import ROOT_KEY, SignedClient

from ecsd.gateway.entrance import STATE
from ecsd.protocol.through import Through, heard, said
from ecsd.records.ec2.vpc_endpoint import VpcEndpoint
from ecsd.settings import Settings
from ecsd.store.scope import Scope
from tests.conftest import SCOPE

ENDPOINT = VpcEndpoint(
    vpc_endpoint_id="vpce-1",
    vpc_id="vpc-1",
    service_name="com.amazonaws.us-east-1.ecs",
    endpoint_type="Interface",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
BUCKETS = replace(
    ENDPOINT, vpc_endpoint_id="vpce-2", service_name="com.amazonaws.us-east-1.s3",
    endpoint_type="Gateway",
)  # fmt: skip
THROUGH = Through(
    account="000000000000",
    region="us-east-1",
    vpc_id="vpc-1",
    vpc_endpoint_id="vpce-1",
    peer="10.0.0.5",
    secure=True,
)
LISTS = {"Effect": "Allow", "Action": "ecs:ListClusters", "Resource": "*"}


def policy(*statements):
    stated = [{"Principal": "*"} | one for one in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": stated})


@pytest.fixture
def client(store):
    one = SignedClient(store)
    one.client.state = {STATE: THROUGH}
    return one


@pytest.fixture
def local(store):
    one = SignedClient(store, Settings())
    one.client.state = {STATE: THROUGH}
    return one


@pytest.fixture
def put(store):
    async def put(*records, scope=SCOPE):
        async with store.transaction(scope) as change:
            change.put(*records)

    return put


async def test_an_endpoint_leads_to_its_own_service_in_its_own_region(local, put):
    gone = await local.ask(ROOT_KEY, "ecs", "ListClusters")
    assert (gone.code, gone.status) == ("AccessDeniedException", 400)
    assert gone.message == "The VPC endpoint vpce-1 is no more."
    await put(ENDPOINT)
    assert (await local.ask(ROOT_KEY, "ecs", "ListClusters")).status == 200
    other = await local.ask(ROOT_KEY, "sts", "GetCallerIdentity")
    assert other.code == "AccessDenied"
    assert other.message.startswith("sts of us-east-1 is not reached through vpce-1")
    far = replace(ENDPOINT, service_name="com.amazonaws.eu-west-1.ecs")
    await put(far, scope=Scope("000000000000", "eu-west-1"))
    local.client.state = {STATE: replace(THROUGH, region="eu-west-1")}
    elsewhere = await local.ask(ROOT_KEY, "ecs", "ListClusters")
    assert elsewhere.message.startswith("ecs of us-east-1 is not reached through vpce-1")


async def test_its_policy_counts_in_both_modes_beside_the_callers(client, local, put):
    await put(replace(ENDPOINT, policy=policy(LISTS)))
    lists = "because no VPC endpoint policy allows the ecs:DescribeClusters action"
    for one in (client, local):
        assert (await one.ask(ROOT_KEY, "ecs", "ListClusters")).status == 200
        refused = await one.ask(ROOT_KEY, "ecs", "DescribeClusters", clusters=["prod"])
        assert refused.code == "AccessDeniedException"
        assert lists in refused.message
    client.client.state = {}  # straight
    bob = await client.user("bob")
    client.client.state = {STATE: THROUGH}
    refused = await client.ask(bob, "ecs", "ListClusters")
    assert "because no identity-based policy allows" in refused.message
    denied = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    await put(replace(ENDPOINT, policy=policy(LISTS, denied)))
    refused = await local.ask(ROOT_KEY, "ecs", "ListClusters")
    assert "with an explicit deny in a VPC endpoint policy" in refused.message


async def test_policies_know_the_endpoint_the_vpc_and_the_address_in_it(client, put):
    await put(ENDPOINT)
    client.client.state = {}
    condition = {
        "StringEquals": {"aws:SourceVpce": "vpce-1", "aws:SourceVpc": "vpc-1"},
        "IpAddress": {"aws:VpcSourceIp": "10.0.0.0/24"},
        "Null": {"aws:SourceIp": "true"},
    }
    bob = await client.user("bob", LISTS | {"Condition": condition})
    assert (await client.ask(bob, "ecs", "ListClusters")).code == "AccessDeniedException"
    client.client.state = {STATE: THROUGH}
    assert (await client.ask(bob, "ecs", "ListClusters")).status == 200
    client.client.state = {STATE: replace(THROUGH, peer="10.1.0.5")}
    assert (await client.ask(bob, "ecs", "ListClusters")).code == "AccessDeniedException"


async def test_a_gateway_endpoints_policy_is_about_buckets_and_objects(local, put):
    own = {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::own*"}
    await put(replace(BUCKETS, policy=policy(own)))
    local.client.state = {STATE: replace(THROUGH, vpc_endpoint_id="vpce-2")}
    assert (await local.ask(ROOT_KEY, "s3", "CreateBucket", Bucket="own-1")).status == 200
    refused = await local.ask(ROOT_KEY, "s3", "CreateBucket", Bucket="other")
    assert (refused.code, refused.status) == ("AccessDenied", 403)
    assert (await local.ask(ROOT_KEY, "ecs", "ListClusters")).status == 400


def test_what_is_said_is_heard_and_nothing_else():
    assert heard(said(THROUGH).removesuffix(b"\n")) == THROUGH
    for one in (b"", b"GET / HTTP/1.1\r", b"{}", b"\xff"):
        assert heard(one) is None
