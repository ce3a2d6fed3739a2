"""Health checks: made, shown, changed, deleted.

Source: Route 53 API Reference, CreateHealthCheck, UpdateHealthCheck, DeleteHealthCheck.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from ecsd.decisions.dns.health_check import (
    CALCULATED,
    INTERVAL,
    MOST_CHECKS,
    PORTS,
    REFUSED,
    THRESHOLD,
    config_problems,
    sums_up_itself,
)
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.route53.requests import (
    SERVICE,
    account_change,
    account_view,
    cut,
    invalid,
    page_size,
)
from ecsd.records.route53.health_check import (
    HealthCheck,
    HealthCheckConfig,
    HealthCheckReference,
)
from ecsd.store.finders.route53 import require_health_check
from ecsd.store.store import View

MOST = 100  # on a page
REMEMBERED = timedelta(days=90)  # CallerReferences of checks that were deleted
MEMBERS = {  # of a configuration: as the API calls them → as they are stored
    "Type": "type",
    "IPAddress": "ip_address",
    "Port": "port",
    "FullyQualifiedDomainName": "fully_qualified_domain_name",
    "ResourcePath": "resource_path",
    "SearchString": "search_string",
    "RequestInterval": "request_interval",
    "FailureThreshold": "failure_threshold",
    "MeasureLatency": "measure_latency",
    "EnableSNI": "enable_sni",
    "Regions": "regions",
    "Inverted": "inverted",
    "Disabled": "disabled",
    "HealthThreshold": "health_threshold",
    "ChildHealthChecks": "child_health_checks",
}
LISTS = frozenset({"Regions", "ChildHealthChecks"})
RESET = {  # UpdateHealthCheck's ResetElements → what each is then
    "FullyQualifiedDomainName": ("fully_qualified_domain_name", None),
    "ResourcePath": ("resource_path", None),
    "Regions": ("regions", ()),
    "ChildHealthChecks": ("child_health_checks", ()),
}


@operation("route53", "CreateHealthCheck")
async def create_health_check(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Make a check; answers an equal one that the same CallerReference made."""
    reference = request["CallerReference"]
    config = _parse(request["HealthCheckConfig"])
    async with account_change(call) as change:
        known = next(iter(change.select(HealthCheck, caller_reference=reference)), None)
        if known is None:
            _check(call, change, "", config)
            if change.get(HealthCheckReference, reference) is not None:
                raise _already(reference)
            if len(change.select(HealthCheck)) >= MOST_CHECKS:
                words = f"At most {MOST_CHECKS} health checks in an account."
                raise AwsError("TooManyHealthChecks", words)
            known = HealthCheck(
                health_check_id=call.ids.uuid(),
                caller_reference=reference,
                config=config,
                created_at=call.clock.now(),
            )
            change.put(known)
        elif known.config != config:
            raise _already(reference)
    own = known.health_check_id
    return {
        "HealthCheck": show(known),
        "Location": f"https://route53.amazonaws.com/2013-04-01/healthcheck/{own}",
    }


@operation("route53", "GetHealthCheck")
async def get_health_check(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Describe a check."""
    return {"HealthCheck": show(require_health_check(account_view(call), request["HealthCheckId"]))}


@operation("route53", "UpdateHealthCheck")
async def update_health_check(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Change a check, where it is at the version that the caller knows."""
    for member in ("AlarmIdentifier", "InsufficientDataHealthStatus", "HealthCheckSourceId"):
        _refuse(request, member)
    async with account_change(call) as change:
        known = require_health_check(change, request["HealthCheckId"])
        version = request.get("HealthCheckVersion")
        if version is not None and version != known.version:
            raise AwsError(
                "HealthCheckVersionMismatch",
                f"The health check {known.health_check_id} is at version {known.version}, not "
                f"{version}.",
                status=409,
            )
        _refuse_linked(known, "changed", "InvalidInput")
        if request.get("IPAddress") is not None and known.config.ip_address is None:
            raise invalid(
                "Invalid parameter : IPAddress cannot be added to a health check that was made "
                "without one"
            )
        config = replace(known.config, **_given(request))
        for element in request.get("ResetElements") or ():
            member, nothing = RESET[element]
            config = replace(config, **{member: nothing})
        _check(call, change, known.health_check_id, config)
        known = replace(known, config=config, version=known.version + 1)
        change.put(known)
    return {"HealthCheck": show(known)}


@operation("route53", "DeleteHealthCheck")
async def delete_health_check(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Delete a check, whatever records name it: they count as healthy then."""
    async with account_change(call) as change:
        known = require_health_check(change, request["HealthCheckId"])
        _refuse_linked(known, "deleted", "HealthCheckInUse")
        users = change.select(HealthCheck, children=known.health_check_id)
        if users:
            raise AwsError(
                "HealthCheckInUse",
                f"The health check {known.health_check_id} is one of the ChildHealthChecks of "
                f"{users[0].health_check_id}.",
            )
        change.remove(known)
        change.put(
            HealthCheckReference(
                caller_reference=known.caller_reference,
                expires_at=call.clock.now() + REMEMBERED,
            )
        )
    return {}


@operation("route53", "ListHealthChecks")
async def list_health_checks(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """List checks by id."""
    marker, size = request.get("Marker") or "", page_size(request, MOST)
    checks = sorted(account_view(call).select(HealthCheck), key=lambda one: one.health_check_id)
    shown, rest = cut([one for one in checks if one.health_check_id >= marker], size)
    return {
        "HealthChecks": [show(one) for one in shown],
        "Marker": marker,
        "IsTruncated": rest is not None,
        "NextMarker": rest.health_check_id if rest else None,
        "MaxItems": str(size),
    }


@operation("route53", "GetHealthCheckCount")
async def get_health_check_count(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Count the account's checks."""
    return {"HealthCheckCount": len(account_view(call).select(HealthCheck))}


def show(check: HealthCheck) -> dict[str, Any]:
    """Return a check in the API's shape."""
    config = check.config
    shown: dict[str, Any] = {
        member: getattr(config, stored) for member, stored in MEMBERS.items() if member not in LISTS
    }
    for member in LISTS:
        shown[member] = list(getattr(config, MEMBERS[member])) or None
    if config.type == CALCULATED:
        del shown["MeasureLatency"], shown["EnableSNI"]
        shown["ChildHealthChecks"] = list(config.child_health_checks)
    linked = None
    if check.linked_instance is not None:
        linked = {
            "ServicePrincipal": SERVICE,
            "Description": f"Instance {check.linked_instance.rpartition('|')[2]} of "
            f"{check.linked_service}"[:256],
        }
    return {
        "Id": check.health_check_id,
        "CallerReference": check.caller_reference,
        "LinkedService": linked,
        "HealthCheckConfig": shown,
        "HealthCheckVersion": check.version,
    }


def _parse(given: Mapping[str, Any]) -> HealthCheckConfig:
    """Return a configuration with its type's defaults, or refuse what is not there."""
    kind = given["Type"]
    if kind in REFUSED:
        raise invalid(f"Type: health checks of type {kind} are not supported by ecsd yet")
    for member in (
        *("AlarmIdentifier", "InsufficientDataHealthStatus"),
        *("RoutingControlArn", "HealthCheckSourceId"),
    ):
        _refuse(given, member)
    if given.get("EndpointType") == "PRIVATE":
        raise invalid("EndpointType: PRIVATE is not supported by ecsd yet")
    if kind == CALCULATED:
        return HealthCheckConfig(**_given(given))
    secure = kind.startswith("HTTPS")
    named = given.get("FullyQualifiedDomainName") is not None
    defaults: dict[str, Any] = {
        "port": PORTS.get(kind),
        "request_interval": INTERVAL,
        "failure_threshold": THRESHOLD,
        "enable_sni": secure and named,
    }
    return HealthCheckConfig(**defaults | _given(given))


def _given(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a request says of a configuration, as it is stored."""
    return {
        stored: tuple(request[member]) if member in LISTS else request[member]
        for member, stored in MEMBERS.items()
        if request.get(member) is not None
    }


def _check(call: Call, change: View, own: str, config: HealthCheckConfig) -> None:
    for words in config_problems(config, strict=call.settings.mode == "strict"):
        raise invalid(words)
    children = config.child_health_checks
    for child in children:
        if change.get(HealthCheck, child) is None:
            raise invalid(f"Invalid parameter : ChildHealthChecks: no health check {child} exists")
    if own and sums_up_itself(own, children, lambda one: change.get(HealthCheck, one)):
        raise invalid(
            f"Invalid parameter : ChildHealthChecks: {own} would be among its own children"
        )


def _refuse(given: Mapping[str, Any], member: str) -> None:
    if given.get(member) is not None:
        raise invalid(f"{member} is not supported by ecsd yet")


def _refuse_linked(check: HealthCheck, done: str, code: str) -> None:
    if check.linked_instance is not None:
        raise AwsError(
            code,
            f"The health check {check.health_check_id} was made by AWS Cloud Map, and is {done} "
            "there alone.",
        )


def _already(reference: str) -> AwsError:
    return AwsError(
        "HealthCheckAlreadyExists",
        f"A health check with the caller reference {reference} has been created with other "
        "settings, or was deleted.",
        status=409,
    )
