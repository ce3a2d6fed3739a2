"""Health checks: what may be asked for, which endpoints may be asked, and who is healthy.

Source: Route 53 API Reference, HealthCheckConfig, UpdateHealthCheck; Route 53 Developer Guide, how
Route 53 determines whether a health check is healthy.
"""

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from msgspec.structs import replace

from ecsd.records.plan import EndpointCheckPlan
from ecsd.records.record import Record
from ecsd.records.route53.health_check import HealthCheck, HealthCheckConfig

MOST_CHECKS = 200  # of an account
MOST_CHILDREN = 255
INTERVALS = (10, 30)  # seconds
INTERVAL, THRESHOLD = 30, 3
CALCULATED = "CALCULATED"
REFUSED = frozenset({"CLOUDWATCH_METRIC", "RECOVERY_CONTROL"})
MATCHING = frozenset({"HTTP_STR_MATCH", "HTTPS_STR_MATCH"})
PORTS = {"HTTP": 80, "HTTP_STR_MATCH": 80, "HTTPS": 443, "HTTPS_STR_MATCH": 443}
REGIONS = frozenset(
    {
        "us-east-1",
        "us-west-1",
        "us-west-2",
        "eu-west-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-northeast-1",
        "sa-east-1",
    }
)
SHARED = IPv4Address("100.64.0.0"), IPv4Address("100.127.255.255")  # RFC 6598
Find = Callable[[str], HealthCheck | None]


def address_problem(address: str, *, strict: bool) -> str | None:
    """Return why an address given as IPAddress is not checked, or None.

    As on AWS it has to be one that the internet reaches; on one's own machine (not strict) also
    one of loopback, where programs and load balancers listen.
    """
    parsed = ip_address(address)
    if parsed.is_loopback and not strict:
        return None
    if is_public(parsed):
        return None
    return (
        f"Invalid parameter : IP address {address} is local, private, nonroutable or multicast: "
        "it cannot be checked"
    )


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address is one of the internet's."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    shared = isinstance(address, IPv4Address) and SHARED[0] <= address <= SHARED[1]
    return address.is_global and not address.is_multicast and not shared


def is_askable(address: str, *, strict: bool) -> bool:
    """Tell whether an address that a name led to may be asked.

    On one's own machine any that a program could be at; metadata services, at link-local
    addresses, never. In strict mode, where others say what is asked, the internet's alone.
    """
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if strict:
        return is_public(parsed)
    return not (parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified)


def config_problems(config: HealthCheckConfig, *, strict: bool) -> Iterator[str]:
    """Yield what is wrong with a whole configuration."""
    if config.type == CALCULATED:
        yield from _sum_problems(config)
        return
    if config.child_health_checks or config.health_threshold is not None:
        yield (
            "Invalid parameter : ChildHealthChecks and HealthThreshold are for health checks of "
            f"type CALCULATED, got {config.type}"
        )
    if config.ip_address is None and config.fully_qualified_domain_name is None:
        yield (
            "Invalid parameter : Either IPAddress or FullyQualifiedDomainName must be specified "
            f"for a health check of type {config.type}"
        )
    if config.ip_address is not None:
        problem = address_problem(config.ip_address, strict=strict)
        if problem is not None:
            yield problem
    yield from _endpoint_problems(config)


def _endpoint_problems(config: HealthCheckConfig) -> Iterator[str]:
    kind = config.type
    if kind == "TCP":
        if config.port is None:
            yield "Invalid parameter : Port must be specified for a health check of type TCP"
        if config.resource_path is not None:
            yield "Invalid parameter : ResourcePath cannot be specified for type TCP"
    if (kind in MATCHING) != bool(config.search_string):
        yield (
            "Invalid parameter : SearchString must be specified for the types HTTP_STR_MATCH and "
            f"HTTPS_STR_MATCH, and only for them; the type is {kind}"
        )
    if config.enable_sni and not kind.startswith("HTTPS"):
        yield f"Invalid parameter : EnableSNI cannot be true for type {kind}"
    if config.enable_sni and config.fully_qualified_domain_name is None:
        yield "Invalid parameter : EnableSNI needs FullyQualifiedDomainName"
    if config.request_interval not in INTERVALS:
        yield f"Invalid parameter : RequestInterval must be 10 or 30, got {config.request_interval}"
    if unknown := set(config.regions) - REGIONS:
        yield f"Invalid parameter : Regions has unknown values: {', '.join(sorted(unknown))}"
    if any(ord(one) <= ord(" ") for one in config.resource_path or ""):
        yield "Invalid parameter : ResourcePath must have neither spaces nor control characters"


def _sum_problems(config: HealthCheckConfig) -> Iterator[str]:
    told = {
        "IPAddress": config.ip_address,
        "Port": config.port,
        "FullyQualifiedDomainName": config.fully_qualified_domain_name,
        "ResourcePath": config.resource_path,
        "SearchString": config.search_string,
        "RequestInterval": config.request_interval,
        "FailureThreshold": config.failure_threshold,
        "MeasureLatency": config.measure_latency or None,
        "EnableSNI": config.enable_sni or None,
        "Regions": config.regions or None,
    }
    for member, value in told.items():
        if value is not None:
            yield f"Invalid parameter : {member} cannot be specified for type CALCULATED"
    if config.health_threshold is None:
        yield "Invalid parameter : HealthThreshold must be specified for type CALCULATED"
    children = config.child_health_checks
    if len(children) > MOST_CHILDREN:
        yield f"Invalid parameter : ChildHealthChecks can have at most {MOST_CHILDREN} elements"
    if len(set(children)) < len(children):
        yield "Invalid parameter : ChildHealthChecks names a health check twice"


def is_healthy(check: HealthCheck, find: Find) -> bool:
    """Tell whether a check is healthy. find: returns a check by id.

    One that is disabled, or that has been made too few times, counts as healthy; ``inverted``
    turns all of it round.
    """
    config = check.config
    if config.disabled:
        healthy = True
    elif config.type == CALCULATED:
        children = (find(one) for one in config.child_health_checks)
        well = sum(1 for one in children if one is not None and is_healthy(one, find))
        healthy = well >= (config.health_threshold or 0)
    else:
        healthy = check.healthy is not False
    return healthy != config.inverted


def is_only_seen(before: Record | None, after: Record | None) -> bool:
    """Tell whether nothing but the last finding of a check has changed."""
    if not isinstance(before, HealthCheck) or not isinstance(after, HealthCheck):
        return False
    return before == replace(after, last=before.last, last_failure=before.last_failure)


def sums_up_itself(own: str, children: tuple[str, ...], find: Find) -> bool:
    """Tell whether a check would be among those below it."""
    waiting, seen = list(children), set[str]()
    while waiting:
        one = waiting.pop()
        if one == own:
            return True
        child = None if one in seen else find(one)
        seen.add(one)
        waiting += child.children if child is not None else ()
    return False


def compile_endpoint_check(
    check: HealthCheck, account: str, entrance: str | None
) -> EndpointCheckPlan | None:
    """Return what a host is to ask; None: nothing. entrance: of the load balancer it is named for.

    Names of load balancers lead to their own entrances on the host.
    """
    config = check.config
    if config.type == CALCULATED or config.disabled:
        return None
    path = config.resource_path or "/"
    return EndpointCheckPlan(
        health_check_id=check.health_check_id,
        account=account,
        kind=config.type,
        address=config.ip_address or entrance or "",
        is_balancer=config.ip_address is None and entrance is not None,
        name=config.fully_qualified_domain_name or "",
        port=config.port or PORTS[config.type],
        path=path if path.startswith("/") else f"/{path}",
        search=config.search_string or "",
        interval=config.request_interval or INTERVAL,
        threshold=config.failure_threshold or THRESHOLD,
        sni=config.enable_sni,
        latency=config.measure_latency,
    )
