"""Where a balancer's logs may be kept: the bucket has to be there, and to let them in."""

import json

import pytest

from ecsd.settings import Settings

DENIED = (
    "InvalidConfigurationRequest",
    "Access Denied for bucket: logs. Please check S3bucket permission",
)
SERVICE = {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
OLDER = {"AWS": "arn:aws:iam::127311923021:root"}


@pytest.fixture
async def arn(balancer, network):
    return (await balancer(await network()))["LoadBalancerArn"]


@pytest.fixture
def s3(client):
    return client("s3")


def logged(arn, kind="access", bucket="logs", prefix="my"):
    values = {"enabled": "true", "bucket": bucket, "prefix": prefix}
    attributes = [
        {"Key": f"{kind}_logs.s3.{name}", "Value": value} for name, value in values.items() if value
    ]
    return {"LoadBalancerArn": arn, "Attributes": attributes}


async def allow(s3, principal=SERVICE, where="my/AWSLogs/000000000000/*", **more):
    statement = {
        "Effect": "Allow",
        "Principal": principal,
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::logs/{where}",
        **more,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await s3("PutBucketPolicy", Bucket="logs", Policy=policy)


@pytest.mark.parametrize("kind", ["access", "connection"])
@pytest.mark.parametrize("principal", [SERVICE, OLDER])
async def test_logs_go_where_the_policy_lets_them(elb, s3, arn, kind, principal, refused):
    modify = "ModifyLoadBalancerAttributes"
    assert await refused(modify, **logged(arn, kind)) == DENIED  # no bucket
    await s3("CreateBucket", Bucket="logs")
    assert await refused(modify, **logged(arn, kind)) == DENIED  # no policy
    await allow(s3, principal, "other/*")
    assert await refused(modify, **logged(arn, kind)) == DENIED
    await allow(s3, principal)
    shown = (await elb(modify, **logged(arn, kind)))["Attributes"]
    assert {"Key": f"{kind}_logs.s3.bucket", "Value": "logs"} in shown
    await s3("DeleteBucketPolicy", Bucket="logs")
    await elb(modify, **logged(arn, kind))  # nothing new: it is not asked again
    assert await refused(modify, **logged(arn, kind, prefix="new")) == DENIED


async def test_conditions_of_the_policy_are_judged(elb, s3, arn, refused):
    await s3("CreateBucket", Bucket="logs")
    others = arn.replace("/web/", "/other/")
    await allow(s3, Condition={"ArnLike": {"aws:SourceArn": others}})
    assert await refused("ModifyLoadBalancerAttributes", **logged(arn)) == DENIED
    await allow(s3, Condition={"ArnLike": {"aws:SourceArn": arn}})
    await elb("ModifyLoadBalancerAttributes", **logged(arn))


async def test_without_a_bucket_there_is_no_log(arn, refused):
    code, words = await refused("ModifyLoadBalancerAttributes", **logged(arn, bucket=""))
    assert (code, "access_logs.s3.bucket" in words) == ("InvalidConfigurationRequest", True)


async def test_a_bucket_of_another_region_is_refused(client, arn, refused):
    west = client("s3", region="us-west-2")
    where = {"LocationConstraint": "us-west-2"}
    await west("CreateBucket", Bucket="logs", CreateBucketConfiguration=where)
    code, words = await refused("ModifyLoadBalancerAttributes", **logged(arn))
    assert (code, "us-west-2" in words) == ("InvalidConfigurationRequest", True)


@pytest.mark.parametrize(
    "settings", [Settings(iam="off"), Settings(s3_endpoint="http://s3.test", s3_access_key_id="a")]
)
async def test_a_policy_counts_where_policies_do(client, s3, arn, settings):
    if not settings.s3_endpoint:
        await s3("CreateBucket", Bucket="logs")
    await client("elbv2", settings=settings)("ModifyLoadBalancerAttributes", **logged(arn))


async def test_network_load_balancers_keep_no_logs(balancer, network, refused):
    made = await balancer(await network(), Type="network")
    code, words = await refused("ModifyLoadBalancerAttributes", **logged(made["LoadBalancerArn"]))
    assert (code, "access_logs.s3.enabled" in words) == ("ValidationError", True)
