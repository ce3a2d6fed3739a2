"""Who delivers balancers' logs may do what a bucket's policy says, and nothing else."""

import json
from datetime import UTC, datetime

import pytest
from signed_client import ROOT_KEY, STRICT, SignedClient

from ecsd.settings import Settings
from ecsd.store.log_delivery import open_delivery_session
from tests.conftest import SCOPE

BALANCER = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/web/1"
SERVICE = {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
OLDER = {"AWS": "127311923021"}
HERE = {"Bucket": "logs", "Key": "AWSLogs/000000000000/x.log.gz", "Body": b"x"}


@pytest.fixture(params=[STRICT, Settings()], ids=["strict", "local"])
async def asked(request, store, ids):
    """A client, and the key of who delivers."""
    client = SignedClient(store, request.param)
    seal = client.client.parts.authority.seal
    session = open_delivery_session(BALANCER, (ids, seal, datetime.now(UTC)), judged=True)
    async with store.transaction(SCOPE.globally()) as change:
        change.put(session)
    key = session.access_key_id
    await client.ask(ROOT_KEY, "s3", "CreateBucket", Bucket="logs")
    opened = seal.unseal(session.sealed_secret, key), seal.unseal(session.sealed_token, key)
    return client, (key, *opened)


async def allow(client, principal, source):
    statement = {
        "Effect": "Allow",
        "Principal": principal,
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::logs/AWSLogs/*",
        "Condition": {"ArnEquals": {"aws:SourceArn": source}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    done = await client.ask(ROOT_KEY, "s3", "PutBucketPolicy", Bucket="logs", Policy=policy)
    assert done.status < 300, done


@pytest.mark.parametrize("principal", [SERVICE, OLDER], ids=["service", "account"])
async def test_logs_are_put_where_a_policy_allows_it(asked, principal):
    client, key = asked
    assert (await client.ask(key, "s3", "PutObject", **HERE)).code == "AccessDenied"
    await allow(client, principal, "arn:another")
    assert (await client.ask(key, "s3", "PutObject", **HERE)).code == "AccessDenied"
    await allow(client, principal, BALANCER)
    assert (await client.ask(key, "s3", "PutObject", **HERE)).status == 200
    there = {name: HERE[name] for name in ("Bucket", "Key")}
    assert (await client.ask(key, "s3", "GetObject", **there)).status == 403
    assert (await client.ask(key, "s3", "PutObject", **HERE | {"Key": "else"})).status == 403
    assert (await client.ask(key, "ecs", "ListClusters")).code == "AccessDeniedException"
    assert (await client.ask(key, "elbv2", "DescribeLoadBalancers")).status == 403
