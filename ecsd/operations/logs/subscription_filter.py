"""Subscription filters: a group's events go to Lambda functions as they come.

Source: CloudWatch Logs API Reference, PutSubscriptionFilter.
"""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.balancers.function_arn import FUNCTION, NOBODY
from ecsd.decisions.logs.retention import milliseconds
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.logs.requests import (
    compiled_pattern,
    invalid,
    page,
    refuse_infrequent,
    refuse_unsupported,
)
from ecsd.records.logs.log_filter import SubscriptionFilter, SubscriptionProgress
from ecsd.store.finders.logs import place_of, require_log_group

PAGE = 50
MOST_FILTERS = 2
BY_STREAM = "ByLogStream"  # each delivery is of one stream


@operation("logs", "PutSubscriptionFilter")
async def put_subscription_filter(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a subscription filter, or change one; what comes from now on is delivered."""
    refuse_unsupported(
        request,
        "roleArn",
        "applyOnTransformedLogs",
        "fieldSelectionCriteria",
        "emitSystemFields",
    )
    if request.get("distribution", BY_STREAM) != BY_STREAM:
        raise invalid(f"distribution {request['distribution']} is not supported; {BY_STREAM} is.")
    compiled_pattern(request["filterPattern"])
    destination = request["destinationArn"]
    _check_destination(call, destination)
    async with call.transaction() as change:
        group = require_log_group(change, request["logGroupName"])
        refuse_infrequent(group, "PutSubscriptionFilter")
        place = place_of(group.log_group_name, request["filterName"])
        known = change.get(SubscriptionFilter, place)
        count = change.count(SubscriptionFilter, "log_group_name", group.log_group_name)
        if known is None and count >= MOST_FILTERS:
            raise AwsError(
                "LimitExceededException",
                f"A log group can have no more than {MOST_FILTERS} subscription filters.",
            )
        if known is None:
            known = SubscriptionFilter(
                place=place,
                log_group_name=group.log_group_name,
                filter_name=request["filterName"],
                filter_pattern="",
                destination_arn="",
                created_at=call.clock.now(),
            )
        change.put(
            replace(known, filter_pattern=request["filterPattern"], destination_arn=destination)
        )
    return {}


@operation("logs", "DescribeSubscriptionFilters")
async def describe_subscription_filters(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return a group's subscription filters."""
    view = call.view
    group = require_log_group(view, request["logGroupName"])
    named = [
        (one.filter_name, one)
        for one in view.select(SubscriptionFilter, log_group_name=group.log_group_name)
        if one.filter_name.startswith(request.get("filterNamePrefix", ""))
    ]
    shown, rest = page(request, named, PAGE)
    filters = [
        {
            "filterName": one.filter_name,
            "logGroupName": one.log_group_name,
            "filterPattern": one.filter_pattern,
            "destinationArn": one.destination_arn,
            "distribution": BY_STREAM,
            "applyOnTransformedLogs": False,
            "creationTime": milliseconds(one.created_at),
        }
        for one in shown
    ]
    return {"subscriptionFilters": filters, **rest}


@operation("logs", "DeleteSubscriptionFilter")
async def delete_subscription_filter(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a subscription filter; what was not delivered yet is not delivered."""
    async with call.transaction() as change:
        group = require_log_group(change, request["logGroupName"])
        place = place_of(group.log_group_name, request["filterName"])
        found = change.get(SubscriptionFilter, place)
        if found is None:
            raise AwsError(
                "ResourceNotFoundException", "The specified subscription filter does not exist."
            )
        change.remove(found, *change.select(SubscriptionProgress, filter_place=place))
    return {}


def _check_destination(call: Call, arn: str) -> None:
    function = FUNCTION.fullmatch(arn)
    if function is None:
        kind = arn.split(":")[2] if arn.count(":") >= 5 else "that"  # noqa: PLR2004
        raise invalid(f"destinationArn of {kind} is not supported by ecsd: Lambda functions are.")
    if (function["account"], function["region"]) != call.scope:
        raise invalid("destinationArn must be a function of this account and region.")
    if not call.settings.lambda_endpoint:
        raise invalid(f"destinationArn: {NOBODY}")
