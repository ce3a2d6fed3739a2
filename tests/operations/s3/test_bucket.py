"""Buckets and what can be said of them."""

import json

import pytest

from ecsd.decisions.s3.bucket_name import is_valid

EVERYBODY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::bucket/*",
        }
    ],
}


async def test_a_bucket_is_made_found_and_deleted(ask, refused, bucket):
    assert (await ask("HeadBucket", Bucket=bucket))["BucketRegion"] == "us-east-1"
    assert await ask("GetBucketLocation", Bucket=bucket) == {}
    listed = await ask("ListBuckets")
    assert [one["Name"] for one in listed["Buckets"]] == ["bucket"]
    await ask("CreateBucket", Bucket=bucket)  # us-east-1's way with one's own
    await ask("PutObject", Bucket=bucket, Key="k", Body=b"x")
    assert (await refused("DeleteBucket", Bucket=bucket)).code == "BucketNotEmpty"
    await ask("DeleteObject", Bucket=bucket, Key="k")
    upload = await ask("CreateMultipartUpload", Bucket=bucket, Key="k")
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload["UploadId"]}
    await ask("UploadPart", **where, PartNumber=1, Body=b"x")
    await ask("DeleteBucket", Bucket=bucket)
    assert (await refused("HeadBucket", Bucket=bucket)).code == "NoSuchBucket"


async def test_a_name_is_one_accounts_alone(client, ask, bucket, blobs):
    other = client("s3", account="222222222222", blobs=blobs)
    with pytest.raises(Exception, match="BucketAlreadyExists"):
        await other("CreateBucket", Bucket=bucket)
    assert (await other("ListBuckets"))["Buckets"] == []
    with pytest.raises(Exception, match="AccessDenied"):
        await other("HeadBucket", Bucket=bucket, ExpectedBucketOwner="222222222222")
    await other("HeadBucket", Bucket=bucket, ExpectedBucketOwner="000000000000")


async def test_regions_are_told_and_have_to_fit(client, blobs):
    west = client("s3", region="eu-west-1", blobs=blobs)
    there = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    await west("CreateBucket", Bucket="west", **there)
    assert await west("GetBucketLocation", Bucket="west") == {"LocationConstraint": "eu-west-1"}
    with pytest.raises(Exception, match="BucketAlreadyOwnedByYou"):
        await west("CreateBucket", Bucket="west", **there)
    for config in ({}, {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-2"}}):
        with pytest.raises(Exception, match="IllegalLocationConstraint"):
            await west("CreateBucket", Bucket="elsewhere", **config)


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "A-b",
        "a..b",
        "-ab",
        "ab-",
        "10.0.0.1",
        "xn--ab",
        "a" * 64,
        "ab-s3alias",
        "a_b",
        "é" * 3,
    ],
)
def test_names_that_no_bucket_may_have(name):
    assert not is_valid(name)


def test_names_that_a_bucket_may_have():
    assert all(is_valid(one) for one in ("abc", "a.b", "1-a", "a" * 63, "10.0.0.1a"))


async def test_a_new_bucket_is_as_aws_makes_them(ask, refused, bucket):
    block = (await ask("GetPublicAccessBlock", Bucket=bucket))["PublicAccessBlockConfiguration"]
    assert block == dict.fromkeys(block, True)
    assert len(block) == 4
    owned = await ask("GetBucketOwnershipControls", Bucket=bucket)
    assert owned["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    rules = (await ask("GetBucketEncryption", Bucket=bucket))["ServerSideEncryptionConfiguration"]
    (rule,) = rules["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert await ask("GetBucketVersioning", Bucket=bucket) == {}
    (grant,) = (await ask("GetBucketAcl", Bucket=bucket))["Grants"]
    assert grant["Permission"] == "FULL_CONTROL"
    for name, code in {
        "GetBucketCors": "NoSuchCORSConfiguration",
        "GetBucketWebsite": "NoSuchWebsiteConfiguration",
        "GetBucketReplication": "ReplicationConfigurationNotFoundError",
        "GetObjectLockConfiguration": "ObjectLockConfigurationNotFoundError",
        "GetBucketTagging": "NoSuchTagSet",
        "GetBucketPolicy": "NoSuchBucketPolicy",
        "GetBucketLifecycleConfiguration": "NoSuchLifecycleConfiguration",
    }.items():
        error = await refused(name, Bucket=bucket)
        assert (error.code, error.status) == (code, 404)
    for name in ("GetBucketLogging", "GetBucketAccelerateConfiguration"):
        assert await ask(name, Bucket=bucket) == {}
    payer = await ask("GetBucketRequestPayment", Bucket=bucket)
    assert payer == {"Payer": "BucketOwner"}


async def test_settings_are_taken_and_told(ask, refused, bucket):
    await ask("PutBucketTagging", Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    tags = await ask("GetBucketTagging", Bucket=bucket)
    assert tags["TagSet"] == [{"Key": "a", "Value": "b"}]
    await ask("DeleteBucketTagging", Bucket=bucket)
    assert (await refused("GetBucketTagging", Bucket=bucket)).code == "NoSuchTagSet"
    preferred = {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    await ask("PutBucketOwnershipControls", Bucket=bucket, OwnershipControls=preferred)
    told = await ask("GetBucketOwnershipControls", Bucket=bucket)
    assert told["OwnershipControls"] == preferred
    await ask("PutBucketAcl", Bucket=bucket, ACL="private")
    shown = await ask("GetBucketAcl", Bucket=bucket)
    document = {"Owner": shown["Owner"], "Grants": shown["Grants"]}
    await ask("PutBucketAcl", Bucket=bucket, AccessControlPolicy=document)
    await ask("DeleteBucketOwnershipControls", Bucket=bucket)
    gone = await refused("GetBucketOwnershipControls", Bucket=bucket)
    assert gone.code == "OwnershipControlsNotFoundError"


def encryption(**default):
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}


@pytest.mark.parametrize(
    ("name", "members", "code", "word"),
    [
        ("PutBucketAcl", {"ACL": "public-read"}, "AccessControlListNotSupported", "ACL"),
        ("PutBucketAcl", {"GrantRead": "id=1"}, "NotImplemented", "GrantRead"),
        (
            "PutBucketEncryption",
            {"ServerSideEncryptionConfiguration": encryption(SSEAlgorithm="aws:kms")},
            "NotImplemented",
            "aws:kms",
        ),
        (
            "PutBucketOwnershipControls",
            {"OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}},
            "NotImplemented",
            "ObjectWriter",
        ),
        (
            "PutBucketVersioning",
            {"VersioningConfiguration": {"Status": "Enabled", "MFADelete": "Enabled"}},
            "NotImplemented",
            "MfaDelete",
        ),
        (
            "PutBucketRequestPayment",
            {"RequestPaymentConfiguration": {"Payer": "Requester"}},
            "NotImplemented",
            "Payer",
        ),
        ("PutObject", {"Key": "k", "StorageClass": "GLACIER"}, "NotImplemented", "StorageClass"),
        ("PutObject", {"Key": "k", "ServerSideEncryption": "aws:kms"}, "NotImplemented", "aws:kms"),
        ("PutObject", {"Key": "k", "SSECustomerKey": "k"}, "NotImplemented", "SSECustomerKey"),
        ("PutObject", {"Key": "k", "ACL": "public-read"}, "AccessControlListNotSupported", "ACL"),
        ("PutObject", {"Key": "k", "Tagging": "aws:a=b"}, "InvalidTag", "tags"),
    ],
)
async def test_what_has_no_effect_is_refused_by_name(refused, bucket, name, members, code, word):
    error = await refused(name, Bucket=bucket, **members)
    assert error.code == code
    assert word in error.message


async def test_a_policy_is_checked_and_a_public_one_blocked(ask, refused, bucket):
    async def put(document):
        return await refused("PutBucketPolicy", Bucket=bucket, Policy=json.dumps(document))

    assert (await put(EVERYBODY)).code == "AccessDenied"
    await ask("DeletePublicAccessBlock", Bucket=bucket)
    gone = await refused("GetPublicAccessBlock", Bucket=bucket)
    assert gone.code == "NoSuchPublicAccessBlockConfiguration"
    text = json.dumps(EVERYBODY)
    await ask("PutBucketPolicy", Bucket=bucket, Policy=text)
    assert await ask("GetBucketPolicy", Bucket=bucket) == {"Policy": text}
    status = await ask("GetBucketPolicyStatus", Bucket=bucket)
    assert status == {"PolicyStatus": {"IsPublic": True}}
    for member, value in (("Resource", "arn:aws:s3:::other/*"), ("Action", "ec2:*")):
        (statement,) = EVERYBODY["Statement"]
        wrong = {**EVERYBODY, "Statement": [{**statement, member: value}]}
        assert (await put(wrong)).code == "MalformedPolicy"
    assert (await put({"Version": "2012-10-17"})).code == "MalformedPolicy"
    await ask("DeleteBucketPolicy", Bucket=bucket)
    assert (await refused("GetBucketPolicy", Bucket=bucket)).code == "NoSuchBucketPolicy"
