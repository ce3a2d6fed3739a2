"""Rules of listeners. Source: Elastic Load Balancing API Reference; ecs_semantics 5.3."""

from typing import Any

from msgspec.structs import replace

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.elbv2 import tag
from ecsd.operations.elbv2.actions import (
    check_versions,
    parse_actions,
    parse_conditions,
    parse_transforms,
)
from ecsd.operations.elbv2.paging import page
from ecsd.operations.elbv2.users import provide_keys, sealed_secret
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule
from ecsd.records.elbv2.target_group import NETWORK_PROTOCOLS
from ecsd.store.finders.elbv2 import (
    DEFAULT_RULE,
    is_default_rule,
    listener_of_default,
    require_all,
    require_listener,
    require_load_balancer,
    require_rule,
)
from ecsd.store.store import View

LARGEST_PRIORITY = 50000
MOST_RULES = 100


@operation("elbv2", "CreateRule")
async def create_rule(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Add a rule to a listener."""
    async with call.transaction() as change:
        listener = require_listener(change, request["ListenerArn"])
        if listener.protocol in NETWORK_PROTOCOLS:
            raise AwsError(
                "InvalidConfigurationRequest",
                "Rules are unsupported for Network Load Balancer listeners",
            )
        others = change.select(Rule, listener_arn=listener.listener_arn)
        _check_priority(others, request["Priority"])
        balancer = require_load_balancer(change, listener.load_balancer_arn)
        _check_number(change, balancer)
        conditions = parse_conditions(request["Conditions"])
        actions, groups = parse_actions(change, balancer, request["Actions"], listener.protocol)
        check_versions(change, listener.protocol, groups)
        transforms = parse_transforms(request.get("Transforms") or [], actions)
        prefix = listener.listener_arn.replace(":listener/", ":listener-rule/")
        arn = f"{prefix}/{call.ids.balancer_id()}"
        rule = Rule(
            rule_arn=arn,
            listener_arn=listener.listener_arn,
            priority=request["Priority"],
            conditions=conditions,
            actions=actions,
            transforms=transforms,
            target_group_arns=groups,
            client_secret=sealed_secret(call, request["Actions"], arn),
            tags=tag.parse(request.get("Tags")),
        )
        if rule.client_secret:
            provide_keys(call, change, balancer)
        change.put(rule)
    return {"Rules": [describe(rule)]}


@operation("elbv2", "DescribeRules")
async def describe_rules(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe rules by ARN, or a listener's in order of priority, the default one last."""
    view = call.view
    if request.get("RuleArns"):
        arns = request["RuleArns"]
        listeners = [one for arn in arns if (one := listener_of_default(view, arn))]
        named = [arn for arn in arns if not is_default_rule(arn)]
        shown = [*map(describe, require_all(view, Rule, named)), *map(describe_default, listeners)]
    elif request.get("ListenerArn"):
        listener = require_listener(view, request["ListenerArn"])
        rules = view.select(Rule, listener_arn=listener.listener_arn)
        shown = [*map(describe, rules), describe_default(listener)]
    else:
        raise AwsError(
            "ValidationError", "You must specify either listener rule ARNs or a listener ARN"
        )
    chosen, marker = page(shown, request, key=_order)
    return {"Rules": chosen, "NextMarker": marker}


@operation("elbv2", "ModifyRule")
async def modify_rule(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change conditions, actions or transforms; what is not named stays."""
    reset = request.get("ResetTransforms")
    if reset and request.get("Transforms"):
        raise AwsError("ValidationError", "Transforms and ResetTransforms cannot both be specified")
    async with call.transaction() as change:
        _refuse_default(request["RuleArn"], "modified")
        rule = require_rule(change, request["RuleArn"])
        listener = require_listener(change, rule.listener_arn)
        if request.get("Conditions"):
            rule = replace(rule, conditions=parse_conditions(request["Conditions"]))
        if request.get("Actions"):
            balancer = require_load_balancer(change, listener.load_balancer_arn)
            actions, groups = parse_actions(change, balancer, request["Actions"], listener.protocol)
            check_versions(change, listener.protocol, groups)
            secret = sealed_secret(call, request["Actions"], rule.rule_arn, rule.client_secret)
            rule = replace(rule, actions=actions, target_group_arns=groups, client_secret=secret)
            if secret:
                provide_keys(call, change, balancer)
        transforms = request.get("Transforms") or ([] if reset else rule.transforms)
        rule = replace(rule, transforms=parse_transforms(transforms, rule.actions))
        change.put(rule)
    return {"Rules": [describe(rule)]}


@operation("elbv2", "DeleteRule")
async def delete_rule(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Remove a rule; the default one goes with its listener only."""
    async with call.transaction() as change:
        _refuse_default(request["RuleArn"], "deleted")
        change.remove(require_rule(change, request["RuleArn"]))
    return {}


@operation("elbv2", "SetRulePriorities")
async def set_rule_priorities(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Reorder rules, all at once."""
    async with call.transaction() as change:
        moved = [_moved(change, one) for one in request["RulePriorities"]]
        if len({one.rule_arn for one in moved}) < len(moved):
            raise AwsError("ValidationError", "RulePriorities: a rule is named twice")
        change.put(*moved)
        for listener_arn in {one.listener_arn for one in moved}:
            priorities = [one.priority for one in change.select(Rule, listener_arn=listener_arn)]
            if len(set(priorities)) < len(priorities):
                raise AwsError("PriorityInUse", "The specified priority is in use")
    return {"Rules": [describe(one) for one in moved]}


def describe(rule: Rule) -> dict[str, Any]:
    """Return a rule in the API's shape."""
    return {
        "RuleArn": rule.rule_arn,
        "Priority": str(rule.priority),
        "Conditions": list(rule.conditions),
        "Actions": list(rule.actions),
        "IsDefault": False,
        "Transforms": list(rule.transforms),
    }


def describe_default(listener: Listener) -> dict[str, Any]:
    """Return a listener's default rule in the API's shape."""
    prefix = listener.listener_arn.replace(":listener/", ":listener-rule/")
    return {
        "RuleArn": f"{prefix}/{DEFAULT_RULE}",
        "Priority": "default",
        "Conditions": [],
        "Actions": list(listener.default_actions),
        "IsDefault": True,
        "Transforms": [],
    }


def _order(shown: dict[str, Any]) -> str:
    """Numbers by value, ``default`` after all of them."""
    return f"{shown['Priority'].rjust(7, '0')} {shown['RuleArn']}"


def _moved(view: View, wanted: dict[str, Any]) -> Rule:
    for member in ("RuleArn", "Priority"):
        if not wanted.get(member):
            raise AwsError("ValidationError", f"RulePriorities: {member} must be specified")
    _refuse_default(wanted["RuleArn"], "given another priority")
    _check_range(wanted["Priority"])
    return replace(require_rule(view, wanted["RuleArn"]), priority=wanted["Priority"])


def _refuse_default(arn: str, done: str) -> None:
    if is_default_rule(arn):
        raise AwsError("OperationNotPermitted", f"Default rule '{arn}' cannot be {done}")


def _check_priority(others: list[Rule], priority: int) -> None:
    _check_range(priority)
    if any(one.priority == priority for one in others):
        raise AwsError("PriorityInUse", f"Priority '{priority}' is currently in use")


def _check_number(view: View, balancer: LoadBalancer) -> None:
    listeners = view.select(Listener, load_balancer_arn=balancer.load_balancer_arn)
    if sum(view.count(Rule, "listener_arn", one.listener_arn) for one in listeners) >= MOST_RULES:
        raise AwsError("TooManyRules", f"At most {MOST_RULES} rules of a load balancer's listeners")


def _check_range(priority: int) -> None:
    if not 1 <= priority <= LARGEST_PRIORITY:
        raise AwsError(
            "ValidationError", f"Priority must be between 1 and {LARGEST_PRIORITY}, got {priority}"
        )
