"""Metric filters: kept and shown, and tested on messages.

Source: CloudWatch Logs API Reference, PutMetricFilter; User Guide, metric filters.
"""

import re
from typing import Any

from ecsd.decisions.logs.filter_pattern import LogFilter
from ecsd.decisions.logs.filter_value import NUMBER
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
from ecsd.records.logs.log_filter import MetricFilter, MetricTransformation
from ecsd.store.finders.logs import place_of, require_log_group

PAGE = 50
MOST_FILTERS, MOST_DIMENSIONS = 100, 3
SELECTOR = re.compile(r"\$[^\s]+")


@operation("logs", "PutMetricFilter")
async def put_metric_filter(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make or replace a metric filter of a group."""
    refuse_unsupported(
        request, "applyOnTransformedLogs", "fieldSelectionCriteria", "emitSystemFieldDimensions"
    )
    pattern = compiled_pattern(request["filterPattern"])
    transformation = _transformation(request["metricTransformations"], pattern)
    async with call.transaction() as change:
        group = require_log_group(change, request["logGroupName"])
        refuse_infrequent(group, "PutMetricFilter")
        made = MetricFilter(
            place=place_of(group.log_group_name, request["filterName"]),
            log_group_name=group.log_group_name,
            filter_name=request["filterName"],
            filter_pattern=request["filterPattern"],
            transformation=transformation,
            created_at=call.clock.now(),
        )
        others = [
            one
            for one in change.select(MetricFilter, log_group_name=group.log_group_name)
            if one.place != made.place
        ]
        if len(others) >= MOST_FILTERS:
            raise AwsError(
                "LimitExceededException",
                f"A log group can have no more than {MOST_FILTERS} metric filters.",
            )
        change.put(made)
    return {}


@operation("logs", "DescribeMetricFilters")
async def describe_metric_filters(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return metric filters: of a group or all, by name's prefix or by their metric."""
    view, name = call.view, request.get("logGroupName")
    metric, namespace = request.get("metricName"), request.get("metricNamespace")
    if (metric is None) != (namespace is None):
        raise invalid("metricName and metricNamespace must be specified together.")
    if name is not None:
        require_log_group(view, name)
    found = (
        view.select(MetricFilter)
        if name is None
        else view.select(MetricFilter, log_group_name=name)
    )
    named = [
        (one.place, one)
        for one in found
        if one.filter_name.startswith(request.get("filterNamePrefix", ""))
        and metric in (None, one.transformation.metric_name)
        and namespace in (None, one.transformation.metric_namespace)
    ]
    shown, rest = page(request, named, PAGE)
    return {"metricFilters": [_described(one) for one in shown], **rest}


@operation("logs", "DeleteMetricFilter")
async def delete_metric_filter(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a metric filter."""
    async with call.transaction() as change:
        group = require_log_group(change, request["logGroupName"])
        found = change.get(MetricFilter, place_of(group.log_group_name, request["filterName"]))
        if found is None:
            raise AwsError(
                "ResourceNotFoundException", "The specified metric filter does not exist."
            )
        change.remove(found)
    return {}


@operation("logs", "TestMetricFilter")
async def try_metric_filter(_call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return which of some messages a pattern matches, and the values that it names in them."""
    pattern = compiled_pattern(request["filterPattern"])
    return {
        "matches": [
            {
                "eventNumber": number,
                "eventMessage": message,
                "extractedValues": pattern.values(message),
            }
            for number, message in enumerate(request["logEventMessages"])
            if pattern.matches is None or pattern.matches(message)
        ]
    }


def _transformation(given: list[dict[str, Any]], pattern: LogFilter) -> MetricTransformation:
    if len(given) != 1:
        raise invalid("metricTransformations must have exactly one element.")
    one = given[0]
    value, dimensions = one["metricValue"], one.get("dimensions") or {}
    if not NUMBER.fullmatch(value):
        _check_selector("metricValue", value, pattern)
    if len(dimensions) > MOST_DIMENSIONS:
        raise invalid(f"dimensions must have no more than {MOST_DIMENSIONS} elements.")
    if dimensions and one.get("defaultValue") is not None:
        raise invalid("dimensions and defaultValue cannot be both specified.")
    for selector in dimensions.values():
        _check_selector("dimensions", selector, pattern)
    return MetricTransformation(
        metric_name=one["metricName"],
        metric_namespace=one["metricNamespace"],
        metric_value=value,
        default_value=one.get("defaultValue"),
        dimensions=tuple(dimensions.items()),
        unit=one.get("unit", "None"),
    )


def _check_selector(member: str, selector: str, pattern: LogFilter) -> None:
    """Refuse what names no value of the messages that the pattern is about."""
    begin = {"json": "$.", "fields": "$"}.get(pattern.kind)
    if begin is None or not selector.startswith(begin) or not SELECTOR.fullmatch(selector):
        raise invalid(
            f"{member} '{selector}' is neither a number nor a value that the filter pattern names."
        )


def _described(one: MetricFilter) -> dict[str, Any]:
    made = one.transformation
    transformation: dict[str, Any] = {
        "metricName": made.metric_name,
        "metricNamespace": made.metric_namespace,
        "metricValue": made.metric_value,
        "defaultValue": made.default_value,
        "dimensions": dict(made.dimensions) or None,
        "unit": made.unit,
    }
    return {
        "filterName": one.filter_name,
        "filterPattern": one.filter_pattern,
        "metricTransformations": [transformation],
        "creationTime": milliseconds(one.created_at),
        "logGroupName": one.log_group_name,
        "applyOnTransformedLogs": False,
    }
