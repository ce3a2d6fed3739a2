"""How health checks went. This host's checker is the only one, and says so.

Source: Route 53 API Reference, GetHealthCheckStatus, GetHealthCheckLastFailureReason,
GetCheckerIpRanges.
"""

from ipaddress import ip_network
from typing import Any

from ecsd.decisions.dns.health_check import CALCULATED
from ecsd.operations.call import Call, operation
from ecsd.operations.route53.requests import account_view, invalid
from ecsd.records.route53.health_check import CheckSeen, HealthCheck
from ecsd.store.finders.route53 import require_health_check

NEAR = "127.0.0.1"  # whence programs and load balancers of this host are asked


@operation("route53", "GetHealthCheckStatus")
async def get_health_check_status(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Tell how the last check went; nothing while none was made."""
    check = _endpoint(call, request["HealthCheckId"])
    asked = None if check.config.disabled else check.last
    return {"HealthCheckObservations": _observations(call, asked)}


@operation("route53", "GetHealthCheckLastFailureReason")
async def get_health_check_last_failure_reason(
    call: Call, request: dict[str, Any]
) -> dict[str, Any]:
    """Tell how the last check that failed went; nothing while none has failed."""
    check = _endpoint(call, request["HealthCheckId"])
    return {"HealthCheckObservations": _observations(call, check.last_failure)}


@operation("route53", "GetCheckerIpRanges")
async def get_checker_ip_ranges(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List the addresses that checks come from: of loopback, and those that were seen."""
    seen = {
        one.last.checker
        for one in account_view(call).select(HealthCheck)
        if one.last is not None and one.last.checker
    }
    return {"CheckerIpRanges": sorted(str(ip_network(one)) for one in seen | {NEAR})}


def _endpoint(call: Call, health_check_id: str) -> HealthCheck:
    check = require_health_check(account_view(call), health_check_id)
    if check.config.type == CALCULATED:
        raise invalid(
            f"Invalid parameter : the health check {health_check_id} is of type CALCULATED, whose "
            "status this operation does not tell"
        )
    return check


def _observations(call: Call, seen: CheckSeen | None) -> list[dict[str, Any]]:
    if seen is None:
        return []
    return [
        {
            "Region": call.settings.region,
            "IPAddress": seen.checker or None,
            "StatusReport": {"Status": seen.words, "CheckedTime": seen.at},
        }
    ]
