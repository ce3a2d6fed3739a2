"""Tags on all four kinds of resources."""

import pytest

FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
TAGS = [{"Key": "env", "Value": "test"}]
PREFIX = "arn:aws:elasticloadbalancing:us-east-1:000000000000"


@pytest.fixture
def tagged(elb, network):
    """Make one of each kind, with tags; return their ARNs and the default rule's."""

    async def make() -> tuple[list[str], str]:
        net = await network()
        made = await elb("CreateLoadBalancer", Name="web", Subnets=list(net.subnets[:2]), Tags=TAGS)
        lb = made["LoadBalancers"][0]["LoadBalancerArn"]
        made = await elb(
            "CreateTargetGroup",
            Name="web",
            Protocol="HTTP",
            Port=80,
            VpcId=net.vpc_id,
            Tags=TAGS,
        )
        group = made["TargetGroups"][0]["TargetGroupArn"]
        made = await elb(
            "CreateListener",
            LoadBalancerArn=lb,
            Protocol="HTTP",
            Port=80,
            DefaultActions=[FIXED],
            Tags=TAGS,
        )
        listener = made["Listeners"][0]["ListenerArn"]
        made = await elb(
            "CreateRule",
            ListenerArn=listener,
            Priority=1,
            Conditions=[{"Field": "path-pattern", "Values": ["/x"]}],
            Actions=[FIXED],
            Tags=TAGS,
        )
        rules = (await elb("DescribeRules", ListenerArn=listener))["Rules"]
        return [lb, group, listener, made["Rules"][0]["RuleArn"]], rules[-1]["RuleArn"]

    return make


@pytest.fixture
def tags_of(elb):
    """Return ARN → tags."""

    async def ask(arns: list[str]) -> dict:
        answer = await elb("DescribeTags", ResourceArns=arns)
        return {one["ResourceArn"]: one["Tags"] for one in answer["TagDescriptions"]}

    return ask


async def test_every_kind_has_tags(elb, tagged, tags_of):
    arns, default = await tagged()
    assert await tags_of(arns) == dict.fromkeys(arns, TAGS)
    added = [{"Key": "env", "Value": "prod"}, {"Key": "empty"}]
    await elb("AddTags", ResourceArns=arns, Tags=added)
    wanted = [{"Key": "env", "Value": "prod"}, {"Key": "empty", "Value": ""}]
    assert await tags_of(arns) == dict.fromkeys(arns, wanted)
    await elb("RemoveTags", ResourceArns=arns, TagKeys=["env", "no"])
    assert await tags_of(arns) == dict.fromkeys(arns, wanted[1:])
    assert await tags_of([default]) == {default: []}


async def test_a_refused_tag_changes_nothing(tagged, tags_of, refused):
    arns, _ = await tagged()

    async def code(*tags):
        return (await refused("AddTags", ResourceArns=arns, Tags=list(tags)))[0]

    many = [{"Key": str(number)} for number in range(50)]
    assert await code(*many) == "TooManyTags"
    assert await code({"Key": "a"}, {"Key": "a"}) == "DuplicateTagKeys"
    assert await code({"Key": "aws:x"}) == "ValidationError"
    assert await tags_of(arns) == dict.fromkeys(arns, TAGS)


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        (f"{PREFIX}:loadbalancer/app/no/0123456789abcdef", "LoadBalancerNotFound"),
        (f"{PREFIX}:targetgroup/no/0123456789abcdef", "TargetGroupNotFound"),
        (f"{PREFIX}:listener/app/no/0123456789abcdef/0123456789abcdef", "ListenerNotFound"),
        (f"{PREFIX}:listener-rule/app/no/01abcdef/01abcdef/01abcdef", "RuleNotFound"),
        (f"{PREFIX}:truststore/no/0123456789abcdef", "TrustStoreNotFound"),
        (f"{PREFIX}:other/no/0123456789abcdef", "ValidationError"),
        ("web", "ValidationError"),
    ],
)
async def test_what_does_not_exist_has_no_tags(arn, code, tagged, tags_of, refused):
    arns, _ = await tagged()
    both = [arns[0], arn]
    assert (await refused("AddTags", ResourceArns=both, Tags=[{"Key": "x"}]))[0] == code
    assert (await refused("RemoveTags", ResourceArns=both, TagKeys=["env"]))[0] == code
    assert (await refused("DescribeTags", ResourceArns=both))[0] == code
    assert await tags_of(arns) == dict.fromkeys(arns, TAGS)


async def test_twenty_resources_are_described_at_once(tagged, refused):
    arns, _ = await tagged()
    code, words = await refused("DescribeTags", ResourceArns=[arns[0]] * 21)
    assert (code, "20" in words) == ("ValidationError", True)
