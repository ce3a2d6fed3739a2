"""A minute of a load balancer as CloudWatch's datapoints.

What was not observed is absent: AWS reports most of these only where they are not 0. A zone is the
target's: one HAProxy stands for all nodes of a balancer. Source: Application Load Balancers guide,
CloudWatch metrics; Network Load Balancers guide, CloudWatch metrics.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ecsd.decisions.balancers.target_health import Health
from ecsd.decisions.haproxy.backend import backend_name, server_name
from ecsd.decisions.haproxy.listener_names import frontend_name
from ecsd.decisions.haproxy.observation import bucket_middle
from ecsd.decisions.telemetry.counters import CODES, FRONTEND, TIMES, Place, by_place, requests_sent
from ecsd.decisions.telemetry.datapoints import Dimensions, distribution, value
from ecsd.decisions.telemetry.log_place import balancer_id
from ecsd.decisions.telemetry.request_line import Told
from ecsd.records.observed import Datapoint
from ecsd.records.plan import BalancerPlan, TargetGroupPlan

NAMESPACES = {"application": "AWS/ApplicationELB", "network": "AWS/NetworkELB"}
OWN_ERRORS = ("500", "502", "503", "504")  # that have a metric of their own
CLASSES = {code: f"{code[5]}XX" for code in CODES}  # hrsp_4xx → 4XX
OF_LISTENERS = {  # metric → counters of listeners that it is the sum of
    "NewConnectionCount": ("conn_tot",),
    "ProcessedBytes": ("bin", "bout"),
    "ClientTLSNegotiationErrorCount": ("ssl_failed_handshake",),
}
BALANCER, GROUP, ZONE = "LoadBalancer", "TargetGroup", "AvailabilityZone"

Healths = Mapping[tuple[str, int], Health]


class Minute(NamedTuple):
    """What was observed of a VPC's HAProxy in a minute.

    grown: by how much its counters have; levels: at the end. errors: (backend, status) → answers
    that came from no target; own: (backend, hrsp_…) → those of them that the agent gave for a
    function. complete: no line about errors was lost.
    """

    grown: Mapping[Place, int]
    levels: Mapping[Place, int]
    errors: Mapping[tuple[str, str], int]
    own: Mapping[tuple[str, str], int]
    complete: bool


class Measured(NamedTuple):
    """Datapoints, and what is to be told of the minute before the next one.

    owed: hrsp_… → responses of targets that are not over yet: their clients' side counts later.
    """

    datapoints: tuple[Datapoint, ...]
    owed: dict[str, int]


def own_answer(told: Told) -> tuple[str, str] | None:
    """Return backend and status of an answer that came from no target; None: it did."""
    if told.has("target_status"):
        return None
    return told.text("backend"), told.text("status")


def application_metrics(
    plan: BalancerPlan,
    minute: Minute | None,
    healths: Mapping[str, Healths],
    owed: Mapping[str, int],
) -> Measured:
    """Return the datapoints of an Application Load Balancer.

    Args:
        plan: of the balancer.
        minute: what was observed; None: nothing but healths.
        healths: target group's ARN → its targets' healths.
        owed: of the minute before.
    """
    own: Dimensions = ((BALANCER, balancer_id(plan.load_balancer_arn)),)
    points = [point for one in plan.target_groups for point in _hosts(own, one, healths)]
    if minute is None:
        return Measured(tuple(points), dict(owed))
    grown, levels = by_place(minute.grown), by_place(minute.levels)
    sums = _Sums()
    for group in plan.target_groups:
        backend = backend_name(group.target_group_arn)
        _group(sums, own, group, grown.get(backend, {}), minute)
        for server, present in levels.get(backend, {}).items():
            if server != FRONTEND:
                used = sum(present.get(one, 0) for one in ("used_conn_cur", "idle_conn_cur"))
                sums.add("ActiveConnectionCount", own, used)
        points += _per_target(own, group, sums, _healthy(group, healths))
    for listener in plan.listeners:
        name = frontend_name(listener.listener_arn)
        counted = grown.get(name, {}).get(FRONTEND, {})
        for metric, counters in OF_LISTENERS.items():
            sums.add(metric, own, sum(counted.get(one, 0) for one in counters))
        present = levels.get(name, {}).get(FRONTEND, {})
        sums.add("ActiveConnectionCount", own, present.get("scur", 0))
    left = _own_codes(sums, own, plan, minute, owed)
    points += sums.datapoints()
    points += _response_times(own, plan.target_groups, grown)
    return Measured(tuple(points), left)


def _own_codes(
    sums: "_Sums", own: Dimensions, plan: BalancerPlan, minute: Minute, owed: Mapping[str, int]
) -> dict[str, int]:
    """Add what the balancer answered by itself; return what its clients' side still owes.

    That is all that clients got without what targets answered. A response is counted for its target
    when it begins and for its client when it is over, perhaps in the next minute.
    """
    frontends = [frontend_name(one.listener_arn) for one in plan.listeners]
    left: dict[str, int] = {}
    for code, name in CLASSES.items():
        clients = sum(minute.grown.get((one, FRONTEND, code), 0) for one in frontends)
        targets = sums.of(f"HTTPCode_Target_{name}_Count", own)
        ours = clients - targets + owed.get(code, 0)
        if ours < 0:
            left[code] = ours
        elif code != CODES[0]:
            sums.add(f"HTTPCode_ELB_{name}_Count", own, ours)
    if minute.complete:
        names = _backends(plan)
        for (backend, status), number in minute.errors.items():
            if status in OWN_ERRORS and backend.startswith(names):
                sums.add(f"HTTPCode_ELB_{status}_Count", own, number)
    return left


def _per_target(
    own: Dimensions, group: TargetGroupPlan, sums: "_Sums", healthy: int
) -> list[Datapoint]:
    """Return how many requests each healthy target of a group got."""
    requests = sums.of("RequestCount", (*own, _dimension(group)))
    if not (healthy and requests) or group.is_function:
        return []
    places: tuple[Dimensions, ...] = ((_dimension(group),), (*own, _dimension(group)))
    each = requests / healthy
    return [value("RequestCountPerTarget", where, "Count", each) for where in places]


def network_metrics(plan: BalancerPlan, healths: Mapping[str, Healths]) -> tuple[Datapoint, ...]:
    """Return the datapoints of a Network Load Balancer."""
    own: Dimensions = ((BALANCER, balancer_id(plan.load_balancer_arn)),)
    return tuple(point for one in plan.target_groups for point in _hosts(own, one, healths))


class _Sums:
    """Counts by metric and dimensions."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Dimensions], int] = {}

    def add(self, metric: str, dimensions: Dimensions, number: int) -> None:
        key = metric, dimensions
        self._found[key] = self._found.get(key, 0) + number

    def of(self, metric: str, dimensions: Dimensions) -> int:
        return self._found.get((metric, dimensions), 0)

    def datapoints(self) -> Iterable[Datapoint]:
        for (metric, dimensions), number in self._found.items():
            if number <= 0:
                continue
            if metric == "ProcessedBytes":
                yield value(metric, dimensions, "Bytes", number)
            elif metric in {"ActiveConnectionCount", "NewConnectionCount"}:
                yield value(metric, dimensions, "Count", number)
            else:  # of events, each of which is a sample
                yield Datapoint(
                    metric=metric,
                    dimensions=dict(dimensions),
                    unit="Count",
                    sum=number,
                    minimum=1,
                    maximum=1,
                    count=number,
                )


def _group(
    sums: _Sums,
    own: Dimensions,
    group: TargetGroupPlan,
    counted: Mapping[str, Mapping[str, int]],
    minute: Minute,
) -> None:
    """Add what a group's targets have answered. counted: by server."""
    arn = group.target_group_arn
    zones = {server_name(arn, one.address, one.port): one.zone for one in group.targets}
    for server, counts in counted.items():
        if server == TIMES:
            continue
        codes = {one: counts.get(one, 0) for one in CODES}
        if group.is_function:
            backend = backend_name(arn)
            codes = {one: codes[one] - minute.own.get((backend, one), 0) for one in CODES}
        for where in _dimensions(own, group, zones.get(server, "all")):
            sums.add("RequestCount", where, requests_sent(counts, codes))
            for code, name in CLASSES.items():
                sums.add(f"HTTPCode_Target_{name}_Count", where, codes[code])
            if not group.is_function:
                failed = counts.get("econ", 0) + counts.get("wretr", 0)
                sums.add("TargetConnectionErrorCount", where, failed)
        sums.add("NewConnectionCount", own, counts.get("connect", 0))


def _dimensions(own: Dimensions, group: TargetGroupPlan, zone: str) -> list[Dimensions]:
    """Return all that a target's counts are told for."""
    found = [own, (*own, _dimension(group))]
    if zone != "all":
        found += [(*own, (ZONE, zone)), (*own, _dimension(group), (ZONE, zone))]
    return found


def _dimension(group: TargetGroupPlan) -> tuple[str, str]:
    return GROUP, group.target_group_arn.rpartition(":")[2]


def _backends(plan: BalancerPlan) -> tuple[str, ...]:
    """Return how the frontends and backends of a balancer begin."""
    listeners = [frontend_name(one.listener_arn) for one in plan.listeners]
    answers = [f"{kind}_{one[2:]}_" for one in listeners for kind in "au"]
    groups = [backend_name(one.target_group_arn) for one in plan.target_groups]
    return (*listeners, *answers, *groups)


def _response_times(
    own: Dimensions,
    groups: Sequence[TargetGroupPlan],
    grown: Mapping[str, Mapping[str, Mapping[str, int]]],
) -> list[Datapoint]:
    """Return how long targets took: of each group, and of all."""
    points = []
    together: dict[float, int] = {}
    for group in groups:
        counted = grown.get(backend_name(group.target_group_arn), {}).get(TIMES, {})
        times = {bucket_middle(int(name)) / 1e6: number for name, number in counted.items()}
        for seconds, number in times.items():
            together[seconds] = together.get(seconds, 0) + number
        if times:
            points.append(
                distribution("TargetResponseTime", (*own, _dimension(group)), "Seconds", times)
            )
    if together:
        points.append(distribution("TargetResponseTime", own, "Seconds", together))
    return points


def _hosts(
    own: Dimensions, group: TargetGroupPlan, healths: Mapping[str, Healths]
) -> list[Datapoint]:
    """Return how many targets are healthy and how many are not, of a group and in its zones."""
    known = healths.get(group.target_group_arn, {})
    states: dict[str, list[str]] = {}
    for one in group.targets:
        health = known.get((one.target_id, one.port))
        if health is not None and not one.draining:
            states.setdefault("", []).append(health.state)
            if one.zone != "all":
                states.setdefault(one.zone, []).append(health.state)
    points = []
    for zone, found in states.items():
        where: Dimensions = (*own, _dimension(group), *(((ZONE, zone),) if zone else ()))
        for metric, state in (("HealthyHostCount", "healthy"), ("UnHealthyHostCount", "unhealthy")):
            points.append(value(metric, where, "Count", found.count(state)))
    return points


def _healthy(group: TargetGroupPlan, healths: Mapping[str, Healths]) -> int:
    known = healths.get(group.target_group_arn, {})
    return sum(one.state == "healthy" for one in known.values())
