"""Parameters are read, described and deleted.

Source: AWS Systems Manager API Reference, GetParameter, GetParametersByPath, DescribeParameters.
"""

from collections.abc import Iterator
from typing import Any

from ecsd.decisions.ssm.parameter_filter import (
    BY_PATH,
    DESCRIBED,
    Filter,
    FilterFault,
    fits,
    parse_filters,
)
from ecsd.decisions.ssm.parameter_name import is_below
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.ssm.requests import invalid, page, unsupported
from ecsd.operations.ssm.values import described
from ecsd.records.ssm.parameter import Parameter, ParameterVersion
from ecsd.store.finders.ssm import (
    find_parameter,
    newest,
    require_parameter,
    require_version,
    versions_of,
)
from ecsd.store.store import Transaction, View

BY_PATH_PAGE, PAGE = 10, 50


@operation("ssm", "GetParameter")
async def get_parameter(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter: its newest version, or the one that a selector names."""
    return {"Parameter": _read(call, request["Name"], request)}


@operation("ssm", "GetParameters")
async def get_parameters(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return up to ten parameters, and the names that mean none."""
    found, unknown = [], []
    for name in request["Names"]:
        try:
            found.append(_read(call, name, request))
        except AwsError as error:
            if error.code not in ("ParameterNotFound", "ParameterVersionNotFound"):
                raise
            unknown.append(name)
    return {"Parameters": found, "InvalidParameters": unknown}


@operation("ssm", "GetParametersByPath")
async def get_parameters_by_path(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters under a path."""
    path = request["Path"]
    if not path.startswith("/"):
        raise invalid(
            "The parameter doesn't meet the parameter name requirements. The parameter name must "
            'begin with a forward slash "/".'
        )
    filters = _filters(request, BY_PATH)
    recursive = bool(request.get("Recursive"))
    found = [
        (parameter, version)
        for parameter, version in _meant(call.view, filters)
        if is_below(parameter.name, path, recursive=recursive)
        and fits(filters, version, parameter.tags)
    ]
    shown, token = page(found, request, lambda one: one[0].name, BY_PATH_PAGE)
    parameters = [
        described(call, call.view, version, parameter.arn, request) for parameter, version in shown
    ]
    return {"Parameters": parameters, "NextToken": token}


@operation("ssm", "GetParameterHistory")
async def get_parameter_history(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the versions of a parameter, oldest first."""
    parameter, _ = require_parameter(call.view, request["Name"])
    versions = versions_of(call.view, parameter.name)
    shown, token = page(versions, request, lambda one: f"{one.version:020}", PAGE)
    history = []
    for one in shown:
        told = described(call, call.view, one, parameter.arn, request)
        del told["ARN"]
        history.append({**told, **_metadata(one), "Labels": list(one.labels)})
    return {"Parameters": history, "NextToken": token}


@operation("ssm", "DescribeParameters")
async def describe_parameters(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe parameters, without their values."""
    if request.get("Shared"):
        raise unsupported("Shared")
    if request.get("Filters") and request.get("ParameterFilters"):
        raise invalid("You can use either Filters or ParameterFilters in a single request.")
    filters = _filters(request, DESCRIBED)
    newest_ones = [(one, newest(call.view, one)) for one in call.view.select(Parameter)]
    found = [pair for pair in newest_ones if fits(filters, pair[1], pair[0].tags)]
    shown, token = page(found, request, lambda one: one[0].name, PAGE)
    return {
        "Parameters": [{"ARN": one.arn, **_metadata(version)} for one, version in shown],
        "NextToken": token,
    }


@operation("ssm", "DeleteParameter")
async def delete_parameter(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a parameter with all its versions."""
    async with call.transaction() as change:
        parameter, _ = require_parameter(change, request["Name"])
        _remove(change, parameter)
    return {}


@operation("ssm", "DeleteParameters")
async def delete_parameters(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete up to ten parameters; return which names meant none."""
    gone, unknown = [], []
    async with call.transaction() as change:
        for name in dict.fromkeys(request["Names"]):
            found = find_parameter(change, name)
            if found is None:
                unknown.append(name)
                continue
            _remove(change, found[0])
            gone.append(name)
    return {"DeletedParameters": gone, "InvalidParameters": unknown}


def _remove(change: Transaction, parameter: Parameter) -> None:
    change.remove(parameter, *versions_of(change, parameter.name))


def _read(call: Call, name: str, request: dict[str, Any]) -> dict[str, Any]:
    parameter, selector = require_parameter(call.view, name)
    version = require_version(call.view, parameter, selector)
    told = described(call, call.view, version, parameter.arn, request)
    return {**told, "Selector": f":{selector}" if selector else None}


def _meant(view: View, filters: tuple[Filter, ...]) -> Iterator[tuple[Parameter, ParameterVersion]]:
    """Yield parameters with the version that a request means: a label's, if it filters by one."""
    by_label = any(one.key == "Label" for one in filters)
    for parameter in view.select(Parameter):
        versions = versions_of(view, parameter.name) if by_label else [newest(view, parameter)]
        chosen = [one for one in reversed(versions) if fits(filters, one, parameter.tags)]
        if chosen:
            yield parameter, chosen[0]


def _filters(request: dict[str, Any], allowed: frozenset[str]) -> tuple[Filter, ...]:
    given = request.get("ParameterFilters") or request.get("Filters") or ()
    found = parse_filters(given, allowed)
    if isinstance(found, FilterFault):
        raise AwsError(found.code, found.message)
    return found


def _metadata(version: ParameterVersion) -> dict[str, Any]:
    policies = [
        {"PolicyText": text, "PolicyType": "Expiration", "PolicyStatus": "Pending"}
        for text in version.policies
    ]
    return {
        "Name": version.name,
        "Type": version.type,
        "KeyId": version.key_id,
        "LastModifiedDate": version.modified_at,
        "LastModifiedUser": version.modified_by,
        "Description": version.description,
        "AllowedPattern": version.allowed_pattern,
        "Version": version.version,
        "Tier": version.tier,
        "Policies": policies,
        "DataType": version.data_type,
    }
