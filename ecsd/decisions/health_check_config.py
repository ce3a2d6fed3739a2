"""What a target group's health check may be. Source: ecs_semantics 5.2."""

import re
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from ecsd.records.elbv2.target_group import NETWORK_PROTOCOLS, HealthCheck

MATCHER = re.compile(r"\d{3}(-\d{3})?(,\d{3}(-\d{3})?)*")
PATH = re.compile(r"/[\x21-\x7e]*")
LEAST_CODE, MOST_CODE = 200, 499
MOST_CODE_OF_FLOWS = 599  # for groups of network load balancers
LARGEST_PORT = 65535
LONGEST_PATH = 1024
RANGES = {
    "interval": ("HealthCheckIntervalSeconds", 5, 300),
    "timeout": ("HealthCheckTimeoutSeconds", 2, 120),
    "healthy_threshold": ("HealthyThresholdCount", 2, 10),
    "unhealthy_threshold": ("UnhealthyThresholdCount", 2, 10),
}


def default_check(protocol: str, asked: str | None) -> HealthCheck:
    """Return a new group's check as far as nothing is given.

    Args:
        protocol: the group's.
        asked: the check's protocol, where one is given.
    """
    if protocol not in NETWORK_PROTOCOLS:
        return HealthCheck()
    if asked in {None, "", "TCP"}:
        return HealthCheck(protocol="TCP", path="", matcher="", timeout=10)
    return HealthCheck(timeout=6, matcher="200-399")


def changed(check: HealthCheck, request: dict[str, Any]) -> HealthCheck:
    """Return the check with a request's members taken in; zero values count as not given."""
    members = {
        "enabled": request.get("HealthCheckEnabled"),
        "protocol": request.get("HealthCheckProtocol") or None,
        "port": request.get("HealthCheckPort") or None,
        "path": request.get("HealthCheckPath") or None,
        "matcher": (request.get("Matcher") or {}).get("HttpCode") or None,
        **{field: request.get(member) or None for field, (member, _, _) in RANGES.items()},
    }
    new = replace(check, **{field: value for field, value in members.items() if value is not None})
    if check.protocol == "TCP" != new.protocol:
        new = replace(new, path=new.path or "/", matcher=new.matcher or "200-399")
    return new


def problems(check: HealthCheck, protocol: str) -> Iterator[str]:
    """Yield what is wrong with the check of a group of some protocol."""
    flows = protocol in NETWORK_PROTOCOLS
    if check.protocol not in ({"HTTP", "TCP"} if flows else {"HTTP"}):
        yield f"Health check protocol '{check.protocol}' is not supported by ecsd yet"
    if not check.enabled:
        yield (
            "Health check enabled must be true for target groups with target type 'ip' or "
            "'instance'"
        )
    over_tcp = check.protocol == "TCP"
    if over_tcp and (check.path or check.matcher):
        yield "Health check path and matcher cannot be specified for the protocol TCP"
    if not over_tcp and (not PATH.fullmatch(check.path) or len(check.path) > LONGEST_PATH):
        yield (
            f"Health check path '{check.path}' must begin with '/' and have at most "
            f"{LONGEST_PATH} printable characters"
        )
    if check.port != "traffic-port" and not (
        check.port.isdecimal() and 1 <= int(check.port) <= LARGEST_PORT
    ):
        yield f"Health check port '{check.port}' must be 'traffic-port' or between 1 and 65535"
    for field, (member, least, most) in RANGES.items():
        value = getattr(check, field)
        if not least <= value <= most:
            yield f"{member} must be between {least} and {most}, got {value}"
    # The defaults of flows fit the shortest interval that they once could have.
    if check.timeout > check.interval or (check.timeout == check.interval and not flows):
        yield (
            f"Health check timeout '{check.timeout}' must be smaller than "
            f"{'or equal to ' if flows else ''}the interval '{check.interval}'"
        )
    if not over_tcp:
        yield from _matcher(check.matcher, MOST_CODE_OF_FLOWS if flows else MOST_CODE)


def _matcher(matcher: str, most: int) -> Iterator[str]:
    if not MATCHER.fullmatch(matcher):
        yield f"Health check matcher HTTP code '{matcher}' is not valid"
        return
    codes = [int(code) for code in re.findall(r"\d{3}", matcher)]
    spans = [part.split("-") for part in matcher.split(",")]
    if any(span[0] > span[-1] for span in spans):
        yield f"Health check matcher HTTP code '{matcher}' is not valid: a range runs backwards"
    if min(codes) < LEAST_CODE or max(codes) > most:
        yield f"Health check matcher HTTP code '{matcher}' must be within {LEAST_CODE}-{most}"
