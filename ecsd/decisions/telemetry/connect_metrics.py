"""A minute of a service's Service Connect proxies as CloudWatch's datapoints.

What comes to a service is counted by its own tasks' proxies, under its discovery names. How a
target answers is counted by the proxies that ask it, under the target's discovery name: service and
cluster there are the asking one's. Each proxy's number is a sample, as on AWS; what is 0 for all of
them is absent. Source: Amazon ECS Developer Guide, Amazon ECS CloudWatch metrics.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ecsd.decisions.haproxy.connect import GRPC, GRPC_REQUESTS, TCP, name_backends, port_places
from ecsd.decisions.haproxy.observation import bucket_middle
from ecsd.decisions.telemetry.counters import CODES, FRONTEND, TIMES, Place, by_place, requests_sent
from ecsd.decisions.telemetry.datapoints import Dimensions, distribution, samples, value
from ecsd.records.observed import Datapoint
from ecsd.records.plan import ProxyName, ProxyPlan, ProxyPort

NAMESPACE = "AWS/ECS"
DISCOVERY, TARGET = "DiscoveryName", "TargetDiscoveryName"
SERVICE, CLUSTER = "ServiceName", "ClusterName"
PER_TARGET, RESPONSE_TIME = "RequestCountPerTarget", "TargetResponseTime"
BYTES = frozenset({"ProcessedBytes", "TargetProcessedBytes"})
Counts = Mapping[str, Mapping[str, Mapping[str, int]]]  # frontend or backend → server → counter


class ProxyMinute(NamedTuple):
    """What was observed of a task's proxy: by how much its counters grew, levels at the end."""

    plan: ProxyPlan
    grown: Mapping[Place, int]
    levels: Mapping[Place, int]


class _Key(NamedTuple):
    metric: str
    dimension: str
    discovery_name: str


def service_metrics(service_arn: str, proxies: Sequence[ProxyMinute]) -> tuple[Datapoint, ...]:
    """Return a service's datapoints, each for its discovery name alone and for the service.

    Args:
        service_arn: of ECS.
        proxies: all of the service's that were there in that minute, also those that have ended.
    """
    seen = [(one.plan, by_place(one.grown), by_place(one.levels)) for one in proxies]
    asked = [(name, grown) for plan, grown, _ in seen for name in plan.names]
    points = [
        samples(key.metric, where, "Bytes" if key.metric in BYTES else "Count", numbers)
        for key, numbers in _samples(seen).items()
        if any(numbers)
        for where in _dimensions(key.dimension, key.discovery_name, service_arn)
    ]
    points += [
        value(PER_TARGET, where, "Count", each)
        for discovery_name, each in _per_target(asked).items()
        for where in _dimensions(TARGET, discovery_name, service_arn)
    ]
    points += [
        distribution(RESPONSE_TIME, where, "Milliseconds", times)
        for discovery_name, times in _response_times(asked).items()
        for where in _dimensions(TARGET, discovery_name, service_arn)
    ]
    return tuple(points)


def _dimensions(dimension: str, discovery_name: str, service_arn: str) -> Iterator[Dimensions]:
    """Yield what a number is told for; nothing where the name is not known any more."""
    _, cluster, service = service_arn.rsplit("/", 2)
    if discovery_name:
        yield ((dimension, discovery_name),)
        yield (dimension, discovery_name), (SERVICE, service), (CLUSTER, cluster)


def _samples(seen: Sequence[tuple[ProxyPlan, Counts, Counts]]) -> dict[_Key, list[int]]:
    """Return each proxy's number of what it can have counted, 0 too."""
    found: dict[_Key, list[int]] = {}
    for plan, grown, levels in seen:
        for key, number in _numbers(plan, grown, levels).items():
            found.setdefault(key, []).append(number)
    return found


def _per_target(asked: Sequence[tuple[ProxyName, Counts]]) -> dict[str, float]:
    """Return how many requests each target got from all these proxies, by discovery name."""
    sent: Counter[str] = Counter()
    targets: dict[str, int] = {}
    for name, counts in asked:
        if name.protocol != TCP:
            known = name.discovery_name
            sent[known] += _sent(name, counts)
            targets[known] = max(targets.get(known, 0), _targets(name))
    return {one: sent[one] / number for one, number in targets.items() if number and sent[one]}


def _response_times(asked: Sequence[tuple[ProxyName, Counts]]) -> dict[str, Counter[float]]:
    """Return discovery name → milliseconds → how many responses took so long."""
    found: dict[str, Counter[float]] = {}
    for name, counts in asked:
        for key, number in counts.get(name_backends(name)[0], {}).get(TIMES, {}).items():
            times = found.setdefault(name.discovery_name, Counter())
            times[bucket_middle(int(key)) / 1e3] += number
    return found


def _numbers(plan: ProxyPlan, grown: Counts, levels: Counts) -> Counter[_Key]:
    """Return what a proxy has counted; a name or port without traffic has zeros."""
    found: Counter[_Key] = Counter()
    for port in plan.ports:
        for metric, number in _of_port(port, grown, levels).items():
            found[_Key(metric, DISCOVERY, port.discovery_name)] += number
    for name in plan.names:
        for metric, number in _of_name(name, grown).items():
            found[_Key(metric, TARGET, name.discovery_name)] += number
    return found


def _of_port(port: ProxyPort, grown: Counts, levels: Counts) -> dict[str, int]:
    frontend, backend = port_places(port)
    counted = grown.get(frontend, {}).get(FRONTEND, {})
    found = {
        "ActiveConnectionCount": levels.get(frontend, {}).get(FRONTEND, {}).get("scur", 0),
        "NewConnectionCount": counted.get("conn_tot", 0),
        "ProcessedBytes": counted.get("bin", 0) + counted.get("bout", 0),
        "ClientTLSNegotiationErrorCount": counted.get("ssl_failed_handshake", 0),
    }
    if port.protocol != TCP:
        found["RequestCount"] = counted.get("req_tot", 0)
    if port.protocol == GRPC:
        of_grpc = grown.get(backend, {}).get(TIMES, {})
        found["GrpcRequestCount"] = of_grpc.get(str(GRPC_REQUESTS), 0)
    return found


def _of_name(name: ProxyName, grown: Counts) -> dict[str, int]:
    servers = [*_servers(name, grown)]
    found = {
        "TargetProcessedBytes": _sum(servers, "bin", "bout"),
        "TargetTLSNegotiationErrorCount": _sum(servers, "ssl_failed_handshake"),
    }
    if name.protocol != TCP:
        for code in CODES:
            found[f"HTTPCode_Target_{code[5]}XX_Count"] = _sum(servers, code)
    return found


def _servers(name: ProxyName, grown: Counts) -> Iterator[Mapping[str, int]]:
    """Yield what was counted of each of a name's endpoints, in each of its places."""
    for backend in name_backends(name):
        yield from grown.get(backend, {}).values()


def _sum(servers: Sequence[Mapping[str, int]], *counters: str) -> int:
    return sum(counted.get(one, 0) for counted in servers for one in counters)


def _sent(name: ProxyName, grown: Counts) -> int:
    return sum(
        requests_sent(counted, {one: counted.get(one, 0) for one in CODES})
        for counted in _servers(name, grown)
    )


def _targets(name: ProxyName) -> int:
    """Return how many endpoints any traffic is to go to."""
    return sum(one.weight > 0 or one.tested for one in name.endpoints)
