"""What a target group's health check may be. Source: ecs_semantics 5.2 (ALB column)."""

import re
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from ecsd.records.elbv2.target_group import HealthCheck

MATCHER = re.compile(r"\d{3}(-\d{3})?(,\d{3}(-\d{3})?)*")
GRPC_MATCHER = re.compile(r"\d{1,2}(-\d{1,2})?(,\d{1,2}(-\d{1,2})?)*")
GRPC_CHECK = HealthCheck(path="/AWS.ALB/healthcheck", matcher="12")
PATH = re.compile(r"/[\x21-\x7e]*")
LEAST_CODE, MOST_CODE = 200, 499
LARGEST_PORT = 65535
PROTOCOLS = ("HTTP", "HTTPS")
LONGEST_PATH = 1024
RANGES = {
    "interval": ("HealthCheckIntervalSeconds", 5, 300),
    "timeout": ("HealthCheckTimeoutSeconds", 2, 120),
    "healthy_threshold": ("HealthyThresholdCount", 2, 10),
    "unhealthy_threshold": ("UnhealthyThresholdCount", 2, 10),
}


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
    return replace(check, **{field: value for field, value in members.items() if value is not None})


def foreign_matcher(version: str, request: dict[str, Any]) -> str | None:
    """Return why a request's matcher is none of the group's version, or None."""
    matcher = request.get("Matcher") or {}
    for member, wrong in (("HttpCode", version == "GRPC"), ("GrpcCode", version != "GRPC")):
        if matcher.get(member) and wrong:
            return (
                f"Matcher: {member} cannot be specified for a target group with the "
                f"protocol-version '{version}'"
            )
    return None


def problems(check: HealthCheck, version: str = "HTTP1") -> Iterator[str]:
    """Yield what is wrong with a check of a group of this protocol version."""
    if check.protocol not in PROTOCOLS:
        yield f"Health check protocol '{check.protocol}' is not supported by ecsd yet"
    if not check.enabled:
        yield (
            "Health check enabled must be true for target groups with target type 'ip' or "
            "'instance'"
        )
    if not PATH.fullmatch(check.path) or len(check.path) > LONGEST_PATH:
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
    if check.timeout >= check.interval:
        yield (
            f"Health check timeout '{check.timeout}' must be smaller than the interval "
            f"'{check.interval}'"
        )
    yield from _grpc_matcher(check.matcher) if version == "GRPC" else _matcher(check.matcher)


def _grpc_matcher(matcher: str) -> Iterator[str]:
    if not GRPC_MATCHER.fullmatch(matcher):
        yield f"Health check matcher GRPC code '{matcher}' is not valid"
        return
    spans = [[int(code) for code in part.split("-")] for part in matcher.split(",")]
    if any(span[0] > span[-1] for span in spans):
        yield f"Health check matcher GRPC code '{matcher}' is not valid: a range runs backwards"


def _matcher(matcher: str) -> Iterator[str]:
    if not MATCHER.fullmatch(matcher):
        yield f"Health check matcher HTTP code '{matcher}' is not valid"
        return
    codes = [int(code) for code in re.findall(r"\d{3}", matcher)]
    spans = [part.split("-") for part in matcher.split(",")]
    if any(span[0] > span[-1] for span in spans):
        yield f"Health check matcher HTTP code '{matcher}' is not valid: a range runs backwards"
    if min(codes) < LEAST_CODE or max(codes) > MOST_CODE:
        yield f"Health check matcher HTTP code '{matcher}' must be within {LEAST_CODE}-{MOST_CODE}"
