"""What a target group's health check may be. Source: ecs_semantics 5.2."""

import re
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from ecsd.records.elbv2.target_group import NETWORK_PROTOCOLS, HealthCheck

MATCHER = re.compile(r"\d{3}(-\d{3})?(,\d{3}(-\d{3})?)*")
GRPC_MATCHER = re.compile(r"\d{1,2}(-\d{1,2})?(,\d{1,2}(-\d{1,2})?)*")
FUNCTION_CHECK = HealthCheck(enabled=False, protocol="", port="", interval=35, timeout=30)
GRPC_CHECK = HealthCheck(path="/AWS.ALB/healthcheck", matcher="12")
PATH = re.compile(r"/[\x21-\x7e]*")
LEAST_CODE, MOST_CODE = 200, 499
MOST_CODE_OF_FLOWS = 599  # for groups of network load balancers
LARGEST_PORT = 65535
PROTOCOLS = ("HTTP", "HTTPS")
LONGEST_PATH = 1024
RANGES = {
    "interval": ("HealthCheckIntervalSeconds", 5, 300),
    "timeout": ("HealthCheckTimeoutSeconds", 2, 120),
    "healthy_threshold": ("HealthyThresholdCount", 2, 10),
    "unhealthy_threshold": ("UnhealthyThresholdCount", 2, 10),
}


def default_check(protocol: str, version: str | None, asked: str | None) -> HealthCheck:
    """Return a new group's check as far as nothing is given.

    Args:
        protocol: the group's.
        version: the group's, of HTTP.
        asked: the check's protocol, where one is given.
    """
    if protocol not in NETWORK_PROTOCOLS:
        return GRPC_CHECK if version == "GRPC" else HealthCheck()
    if asked in {None, "", "TCP"}:
        return HealthCheck(protocol="TCP", path="", matcher="", timeout=10)
    return HealthCheck(timeout=10 if asked == "HTTPS" else 6, matcher="200-399")


def changed(check: HealthCheck, request: dict[str, Any]) -> HealthCheck:
    """Return the check with a request's members taken in; zero values count as not given."""
    matcher = request.get("Matcher") or {}
    members = {
        "enabled": request.get("HealthCheckEnabled"),
        "protocol": request.get("HealthCheckProtocol") or None,
        "port": request.get("HealthCheckPort") or None,
        "path": request.get("HealthCheckPath") or None,
        "matcher": matcher.get("HttpCode") or matcher.get("GrpcCode") or None,
        **{field: request.get(member) or None for field, (member, _, _) in RANGES.items()},
    }
    new = replace(check, **{field: value for field, value in members.items() if value is not None})
    if check.protocol == "TCP" != new.protocol:
        new = replace(new, path=new.path or "/", matcher=new.matcher or "200-399")
    return new


def function_problems(check: HealthCheck) -> Iterator[str]:
    """Yield what is wrong with the check of a Lambda function."""
    for words, value in (("protocol", check.protocol), ("port", check.port)):
        if value:
            yield (
                f"Health check {words} cannot be specified for target groups with target type "
                "'lambda'"
            )
    yield from _path(check.path)
    yield from _times(check, flows=False)
    yield from _matcher(check.matcher, MOST_CODE)


def foreign_matcher(version: str | None, request: dict[str, Any]) -> str | None:
    """Return why a request's matcher is none of the group's version, or None."""
    matcher = request.get("Matcher") or {}
    for member, wrong in (("HttpCode", version == "GRPC"), ("GrpcCode", version != "GRPC")):
        if matcher.get(member) and wrong:
            return (
                f"Matcher: {member} cannot be specified for a target group with the "
                f"protocol-version '{version}'"
            )
    return None


def problems(check: HealthCheck, protocol: str, version: str | None = "HTTP1") -> Iterator[str]:
    """Yield what is wrong with the check of a group of some protocol, and version of HTTP."""
    flows = protocol in NETWORK_PROTOCOLS
    if check.protocol not in ((*PROTOCOLS, "TCP") if flows else PROTOCOLS):
        yield f"Health check protocol '{check.protocol}' is not supported by ecsd yet"
    if not check.enabled:
        yield (
            "Health check enabled must be true for target groups with target type 'ip' or "
            "'instance'"
        )
    if check.protocol == "TCP":
        yield from _tcp(check)
    else:
        yield from _path(check.path)
    if check.port != "traffic-port" and not (
        check.port.isdecimal() and 1 <= int(check.port) <= LARGEST_PORT
    ):
        yield f"Health check port '{check.port}' must be 'traffic-port' or between 1 and 65535"
    yield from _times(check, flows=flows)
    if version == "GRPC":
        yield from _grpc_matcher(check.matcher)
    elif check.protocol != "TCP":
        yield from _matcher(check.matcher, MOST_CODE_OF_FLOWS if flows else MOST_CODE)


def _times(check: HealthCheck, *, flows: bool) -> Iterator[str]:
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


def _tcp(check: HealthCheck) -> Iterator[str]:
    if check.path or check.matcher:
        yield "Health check path and matcher cannot be specified for the protocol TCP"


def _path(path: str) -> Iterator[str]:
    if not PATH.fullmatch(path) or len(path) > LONGEST_PATH:
        yield (
            f"Health check path '{path}' must begin with '/' and have at most "
            f"{LONGEST_PATH} printable characters"
        )


def _grpc_matcher(matcher: str) -> Iterator[str]:
    if not GRPC_MATCHER.fullmatch(matcher):
        yield f"Health check matcher GRPC code '{matcher}' is not valid"
        return
    spans = [[int(code) for code in part.split("-")] for part in matcher.split(",")]
    if any(span[0] > span[-1] for span in spans):
        yield f"Health check matcher GRPC code '{matcher}' is not valid: a range runs backwards"


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
