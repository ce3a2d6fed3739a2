"""Labels: names of versions that move. Source: AWS Systems Manager API, LabelParameterVersion."""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.ssm.parameter_name import LABELS, is_label
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.store.finders.ssm import require_parameter, require_version, versions_of


@operation("ssm", "LabelParameterVersion")
async def label_parameter_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Give a version labels; from other versions of the parameter they are taken away."""
    given = list(dict.fromkeys(request["Labels"]))
    fresh = [one for one in given if is_label(one)]
    async with call.transaction() as change:
        parameter, _ = require_parameter(change, request["Name"])
        number = request.get("ParameterVersion") or parameter.version
        version = require_version(change, parameter, str(number))
        labels = tuple(dict.fromkeys([*version.labels, *fresh]))
        if len(labels) > LABELS:
            raise AwsError(
                "ParameterVersionLabelLimitExceeded",
                f"A parameter version can have maximum {LABELS} labels.",
            )
        for other in versions_of(change, parameter.name):
            kept = tuple(one for one in other.labels if one not in fresh)
            change.put(replace(other, labels=labels if other.version == number else kept))
    return {
        "InvalidLabels": [one for one in given if one not in fresh],
        "ParameterVersion": number,
    }


@operation("ssm", "UnlabelParameterVersion")
async def unlabel_parameter_version(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Take labels away from a version; return which it did not have."""
    given = list(dict.fromkeys(request["Labels"]))
    async with call.transaction() as change:
        parameter, _ = require_parameter(change, request["Name"])
        version = require_version(change, parameter, str(request["ParameterVersion"]))
        kept = tuple(one for one in version.labels if one not in given)
        change.put(replace(version, labels=kept))
    return {
        "RemovedLabels": [one for one in given if one in version.labels],
        "InvalidLabels": [one for one in given if one not in version.labels],
    }
