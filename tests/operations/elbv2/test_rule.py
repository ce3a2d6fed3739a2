"""Rules: priorities, conditions in both forms, the default rule."""

import pytest

from ecsd.records.elbv2.load_balancer import Rule

FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
SHOWN = FIXED | {"Order": 1}
PATH = {"Field": "path-pattern", "Values": ["/api/*"]}


@pytest.fixture
def opened(balancer, network, listener):
    """Make a balancer with a listener and return the listener's ARN."""

    async def make() -> str:
        lb = await balancer(await network())
        return (await listener(lb["LoadBalancerArn"], FIXED))["ListenerArn"]

    return make


@pytest.fixture
def rule(elb):
    """Add a rule and return it."""

    async def make(listener_arn: str, priority: int = 1, *conditions: dict) -> dict:
        made = await elb(
            "CreateRule",
            ListenerArn=listener_arn,
            Priority=priority,
            Conditions=list(conditions) or [PATH],
            Actions=[FIXED],
        )
        return made["Rules"][0]

    return make


async def test_conditions_are_answered_in_both_forms(opened, rule):
    arn = await opened()
    config = {"Field": "host-header", "HostHeaderConfig": {"Values": ["a.test", "*.b.test"]}}
    made = await rule(arn, 7, PATH, config)
    assert made["Conditions"] == [
        PATH | {"PathPatternConfig": {"Values": ["/api/*"]}},
        config | {"Values": ["a.test", "*.b.test"]},
    ]
    assert (made["Priority"], made["IsDefault"], made["Actions"]) == ("7", False, [SHOWN])
    assert made["RuleArn"].startswith(arn.replace(":listener/", ":listener-rule/"))


async def test_other_conditions_are_answered_as_they_came(elb, opened, rule):
    arn = await opened()
    conditions = [
        {
            "Field": "http-header",
            "HttpHeaderConfig": {"HttpHeaderName": "X-Env", "Values": ["dev*"]},
        },
        {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET"]}},
        {
            "Field": "query-string",
            "QueryStringConfig": {"Values": [{"Key": "v", "Value": "1"}, {"Value": "x"}]},
        },
        {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}},
    ]
    made = await rule(arn, 1, *conditions)
    assert made["Conditions"] == conditions
    answer = await elb("ModifyRule", RuleArn=made["RuleArn"], Conditions=made["Conditions"])
    assert answer["Rules"] == [made]


async def test_rules_come_in_order_of_priority_and_the_default_one_last(elb, opened, rule):
    arn = await opened()
    for priority in (50000, 9, 10):
        await rule(arn, priority)
    rules = (await elb("DescribeRules", ListenerArn=arn))["Rules"]
    assert [one["Priority"] for one in rules] == ["9", "10", "50000", "default"]
    default = rules[-1]
    assert (default["IsDefault"], default["Conditions"], default["Actions"]) == (True, [], [SHOWN])
    pages, marker = [], {}
    while True:
        answer = await elb("DescribeRules", ListenerArn=arn, PageSize=1, **marker)
        pages += answer["Rules"]
        if "NextMarker" not in answer:
            break
        marker = {"Marker": answer["NextMarker"]}
    assert pages == rules
    arns = [default["RuleArn"], rules[0]["RuleArn"]]
    assert (await elb("DescribeRules", RuleArns=arns))["Rules"] == [rules[0], default]


async def test_a_priority_is_held_once(opened, rule, refused):
    arn = await opened()
    await rule(arn, 5)

    async def refusal(priority):
        return await refused(
            "CreateRule", ListenerArn=arn, Priority=priority, Conditions=[PATH], Actions=[FIXED]
        )

    assert await refusal(5) == ("PriorityInUse", "Priority '5' is currently in use")
    assert (await refusal(50001))[0] == "ValidationError"


async def test_priorities_are_changed_all_at_once(elb, opened, rule, refused):
    arn = await opened()
    one, two = await rule(arn, 1), await rule(arn, 2)
    swap = [
        {"RuleArn": one["RuleArn"], "Priority": 2},
        {"RuleArn": two["RuleArn"], "Priority": 1},
    ]
    answer = await elb("SetRulePriorities", RulePriorities=swap)
    assert [shown["Priority"] for shown in answer["Rules"]] == ["2", "1"]

    async def code(*wanted):
        return (await refused("SetRulePriorities", RulePriorities=list(wanted)))[0]

    taken = {"RuleArn": one["RuleArn"], "Priority": 1}
    assert await code(taken) == "PriorityInUse"
    assert await code(taken, taken) == "ValidationError"
    assert await code({"Priority": 1}) == "ValidationError"
    assert await code({"RuleArn": one["RuleArn"]}) == "ValidationError"
    assert await code({"RuleArn": one["RuleArn"], "Priority": 50001}) == "ValidationError"
    rules = (await elb("DescribeRules", ListenerArn=arn))["Rules"]
    assert [shown["RuleArn"] for shown in rules[:2]] == [two["RuleArn"], one["RuleArn"]]


async def test_the_default_rule_lives_and_dies_with_its_listener(elb, opened, refused):
    arn = await opened()
    [default] = (await elb("DescribeRules", ListenerArn=arn))["Rules"]
    rule_arn = default["RuleArn"]
    assert (await refused("DeleteRule", RuleArn=rule_arn))[0] == "OperationNotPermitted"
    code, _ = await refused("ModifyRule", RuleArn=rule_arn, Actions=[FIXED])
    assert code == "OperationNotPermitted"
    wanted = [{"RuleArn": rule_arn, "Priority": 1}]
    assert (await refused("SetRulePriorities", RulePriorities=wanted))[0] == (
        "OperationNotPermitted"
    )
    await elb("DeleteListener", ListenerArn=arn)
    assert (await refused("DescribeRules", RuleArns=[rule_arn]))[0] == "RuleNotFound"


async def test_a_rule_is_changed_member_by_member_and_removed(elb, opened, rule, refused):
    arn = await opened()
    made = await rule(arn)
    gone = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "410"}}
    [changed] = (await elb("ModifyRule", RuleArn=made["RuleArn"], Actions=[gone]))["Rules"]
    assert changed == made | {"Actions": [gone | {"Order": 1}]}
    await elb("DeleteRule", RuleArn=made["RuleArn"])
    for name, more in (("DeleteRule", {}), ("ModifyRule", {"Actions": [FIXED]})):
        assert (await refused(name, RuleArn=made["RuleArn"], **more))[0] == "RuleNotFound"
    assert await refused("DescribeRules", RuleArns=[made["RuleArn"]]) == (
        "RuleNotFound",
        "One or more rules not found",
    )
    assert (await refused("DescribeRules"))[0] == "ValidationError"
    assert (await refused("DeleteRule", RuleArn="web"))[0] == "ValidationError"


@pytest.fixture
async def forwarded(elb, balancer, network, target_group, listener):
    """What a rule that forwards needs: its listener and its action."""
    net = await network()
    forward = {"Type": "forward", "TargetGroupArn": await target_group(net)}
    made = await listener((await balancer(net))["LoadBalancerArn"], FIXED)
    return {"ListenerArn": made["ListenerArn"], "Actions": [forward], "Conditions": [PATH]}


def rewrite(regex, replace):
    config = {"Rewrites": [{"Regex": regex, "Replace": replace}]}
    return {"Type": "url-rewrite", "UrlRewriteConfig": config}


async def test_transforms_come_change_and_go(elb, forwarded, refused):
    first, second = rewrite("^/a", "/b"), rewrite("^/(.*)$", "/x/$1")
    [made] = (await elb("CreateRule", **forwarded, Priority=1, Transforms=[first]))["Rules"]
    arn = made["RuleArn"]
    assert made["Transforms"] == [first]
    [same] = (await elb("ModifyRule", RuleArn=arn, Conditions=[PATH]))["Rules"]
    assert same["Transforms"] == [first]
    [changed] = (await elb("ModifyRule", RuleArn=arn, Transforms=[second]))["Rules"]
    assert changed["Transforms"] == [second]
    code, words = await refused("ModifyRule", RuleArn=arn, Actions=[FIXED])
    assert (code, "a rule that forwards" in words) == ("ValidationError", True)
    code, words = await refused("ModifyRule", RuleArn=arn, Transforms=[first], ResetTransforms=True)
    assert (code, "ResetTransforms" in words) == ("ValidationError", True)
    [reset] = (await elb("ModifyRule", RuleArn=arn, ResetTransforms=True))["Rules"]
    assert reset["Transforms"] == []
    assert (await elb("DescribeRules", RuleArns=[arn]))["Rules"] == [reset]


async def test_a_transform_that_is_wrong_is_refused(forwarded, refused, store):
    code, words = await refused(
        "CreateRule", **forwarded, Priority=1, Transforms=[rewrite("(a)", "$2")]
    )
    assert (code, "not there: $2" in words) == ("ValidationError", True)
    assert list(store.everywhere(Rule)) == []


async def test_expressions_are_answered_in_both_forms(opened, rule):
    config = {"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["^/a[0-9]+"]}}
    made = await rule(await opened(), 1, config)
    assert made["Conditions"] == [config | {"RegexValues": ["^/a[0-9]+"]}]


async def test_a_redirect_to_itself_is_refused(opened, refused):
    loop = {
        "Type": "redirect",
        "RedirectConfig": {"Host": "#{host}", "Query": "#{query}", "StatusCode": "HTTP_301"},
    }
    code, words = await refused(
        "CreateRule", ListenerArn=await opened(), Priority=1, Conditions=[PATH], Actions=[loop]
    )
    assert (code, words) == (
        "InvalidLoadBalancerAction",
        "The redirect configuration is not valid because it creates a loop",
    )


async def test_a_group_that_a_rule_uses_belongs_to_the_balancer(
    elb, balancer, network, target_group, listener, refused
):
    net = await network()
    group = await target_group(net)
    lb = (await balancer(net))["LoadBalancerArn"]
    made = await listener(lb, FIXED)
    forward = {"Type": "forward", "TargetGroupArn": group}
    await elb(
        "CreateRule",
        ListenerArn=made["ListenerArn"],
        Priority=1,
        Conditions=[PATH],
        Actions=[forward],
    )
    [shown] = (await elb("DescribeTargetGroups", LoadBalancerArn=lb))["TargetGroups"]
    assert shown["LoadBalancerArns"] == [lb]
    other = (await balancer(net, "other"))["LoadBalancerArn"]
    code, _ = await refused(
        "CreateListener",
        LoadBalancerArn=other,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[forward],
    )
    assert code == "TargetGroupAssociationLimit"
    assert (await refused("DeleteTargetGroup", TargetGroupArn=group))[0] == "ResourceInUse"


async def test_a_balancer_has_at_most_a_hundred_rules(elb, opened, rule, listener, refused):
    arn = await opened()
    [first] = (await elb("DescribeListeners", ListenerArns=[arn]))["Listeners"]
    second = await listener(first["LoadBalancerArn"], FIXED, port=81)
    for priority in range(1, 51):
        await rule(arn, priority)
        await rule(second["ListenerArn"], priority)
    code, _ = await refused(
        "CreateRule", ListenerArn=arn, Priority=99, Conditions=[PATH], Actions=[FIXED]
    )
    assert code == "TooManyRules"
