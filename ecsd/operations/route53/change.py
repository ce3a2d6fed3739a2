"""GetChange: whether the hosts know of a change."""

from typing import Any

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.route53.requests import account_view, change_info, id_of
from ecsd.records.route53.zone_change import ZoneChange


@operation("route53", "GetChange")
async def get_change(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Tell how far a change is: PENDING, or INSYNC once its zone's plan has been published."""
    found = account_view(call).get(ZoneChange, id_of(request["Id"]))
    if found is None:
        raise AwsError("NoSuchChange", f"Could not find resource with ID: {request['Id']}")
    return {"ChangeInfo": change_info(found)}
