"""The proxy of a task: which names its containers reach, where that leads, and what it stands for.

Every name has an address of the task's own loopback, in its hosts file; what is sent there, and
what comes from outside for a port that is offered, is led to the proxy. Endpoints are other tasks
in Cloud Map. Source: ecs_semantics 6; Amazon ECS Developer Guide, Service Connect components.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address
from types import MappingProxyType
from typing import Any, NamedTuple

from msgspec.structs import replace

from ecsd.decisions.connect import connect_traffic
from ecsd.decisions.connect.service_connect import TCP
from ecsd.decisions.network.ruleset import Chain, Table
from ecsd.decisions.task_definitions.container_port_checks import ports
from ecsd.records.ecs.connect_certificate import ConnectCertificate
from ecsd.records.ecs.service_connect import ConnectName, ConnectShares
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.plan import LogPlan, ProxyEndpoint, ProxyName, ProxyPlan, ProxyPort
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.service import DiscoveryService

RANGE = "127.255.0.0/16"
FIRST_ADDRESS = IPv4Address("127.255.0.1")
FIRST_PORT = 15001  # of the proxy's own; further ones follow, but what the task uses itself
TABLE = "ip service_connect"
CONTAINER = "ecs-service-connect"  # what AWS calls the proxy's container, in its logs


class Logs(NamedTuple):
    """Whose CloudWatch Logs, and where they are."""

    endpoint: str
    account: str
    region: str


class ProxyParts(NamedTuple):
    """What a task's proxy rests on.

    instances, certificates, services: by the ARN of the Cloud Map service. tasks: those that
    instances stand for, by ARN.
    """

    task: Task
    definition: TaskDefinition
    instances: Mapping[str, Sequence[Instance]]
    tasks: Mapping[str, Task]
    certificates: Mapping[str, ConnectCertificate] = MappingProxyType({})
    services: Mapping[str, DiscoveryService] = MappingProxyType({})


def addresses(names: Iterable[ConnectName]) -> dict[str, str]:
    """Return name → address, one for each name, always the same for the same names."""
    distinct = sorted({one.name for one in names})
    return {name: str(FIRST_ADDRESS + number) for number, name in enumerate(distinct)}


def awaits_certificate(parts: ProxyParts) -> bool:
    """Tell whether a port is to speak TLS and has nothing to show yet."""
    offered = parts.task.connect_ports
    return any(one.tls and one.discovery_arn not in parts.certificates for one in offered)


def compile_proxy(parts: ProxyParts, keys: Mapping[str, str], logs: Logs) -> ProxyPlan:
    """Return the plan of a task's proxy; only endpoints and certificates change in a task's life.

    keys: the private keys (PEM) of certificates, by discovery ARN.
    """
    task, certificates = parts.task, parts.certificates
    free = _free_ports(parts)
    where = addresses(task.connect_names)
    names = tuple(
        ProxyName(
            name=one.name,
            address=where[one.name],
            port=one.port,
            listener_port=next(free),
            discovery_arn=one.discovery_arn,
            discovery_name=_discovery_name(parts, one.discovery_arn),
            server_name=_server_name(parts, one.discovery_arn),
            protocol=one.protocol,
            idle_timeout=one.idle_timeout,
            request_timeout=one.request_timeout,
            **_test(parts, one),
            endpoints=tuple(_weighed(parts, one.discovery_arn)),
        )
        for one in task.connect_names
    )
    offered = tuple(
        ProxyPort(
            container_port=one.container_port,
            listener_port=one.ingress_port or next(free),
            redirected=one.ingress_port is None,
            discovery_arn=one.discovery_arn,
            discovery_name=one.discovery_name,
            protocol=one.protocol,
            idle_timeout=one.idle_timeout,
            request_timeout=one.request_timeout,
            tls=one.tls,
        )
        for one in task.connect_ports
    )
    return ProxyPlan(
        task_arn=task.task_arn,
        task_id=task.task_id,
        service_arn=task.service_arn or "",
        names=names,
        ports=offered,
        certificates={
            arn: certificates[arn].body + certificates[arn].chain + key for arn, key in keys.items()
        },
        authority=next((one.chain for one in certificates.values()), ""),
        log=_log(task, logs),
        traffic=connect_traffic.digest(_shares(parts)),
    )


def compile_redirects(plan: ProxyPlan) -> Table:
    """Return what leads a task's packets to its proxy, for the task's own namespace.

    Nothing else answers at the addresses of names, not even a container that listens everywhere.
    """
    out = tuple(
        f"ip daddr {one.address} tcp dport {one.port} redirect to :{one.listener_port}"
        for one in plan.names
    )
    inward = tuple(
        f'iifname "eth0" tcp dport {one.container_port} redirect to :{one.listener_port}'
        for one in plan.ports
        if one.redirected
    )
    closed = (
        f"ip daddr {RANGE} meta l4proto tcp reject with tcp reset",
        f"ip daddr {RANGE} reject",
    )
    return Table(
        TABLE,
        {},
        {
            "names": Chain(out, "type nat hook output priority -100; policy accept;"),
            "closed": Chain(closed, "type filter hook output priority 0; policy accept;"),
            "ports": Chain(inward, "type nat hook prerouting priority -100; policy accept;"),
        },
    )


def _log(task: Task, logs: Logs) -> LogPlan | None:
    options = task.connect_log
    if options is None:
        return None
    prefix = options.get("awslogs-stream-prefix")
    stream = f"{CONTAINER}/{task.task_id}"
    return LogPlan(
        task_arn=task.task_arn,
        endpoint=logs.endpoint,
        account=logs.account,
        region=options.get("awslogs-region", logs.region),
        group=options["awslogs-group"],
        stream=f"{prefix}/{stream}" if prefix else stream,
        create_group=options.get("awslogs-create-group", "").lower() == "true",
    )


def _discovery_name(parts: ProxyParts, discovery_arn: str) -> str:
    known = parts.services.get(discovery_arn)
    return known.name if known else ""


def _server_name(parts: ProxyParts, discovery_arn: str) -> str:
    known = parts.certificates.get(discovery_arn)
    return known.name if known else ""


def _shares(parts: ProxyParts) -> dict[str, ConnectShares]:
    """Return discovery ARN → shares, of the names that are shared at this moment."""
    known = [(arn, parts.services.get(arn)) for arn in parts.task.reached_services]
    return {arn: one.shares for arn, one in known if one is not None and one.shares is not None}


def _test(parts: ProxyParts, name: ConnectName) -> dict[str, Any]:
    """Return the members that say which requests are test traffic."""
    service = parts.services.get(name.discovery_arn)
    rule = service.test_rule if service else None
    if rule is None or name.protocol == TCP:
        return {}
    return {"test_header": rule.header, "test_value": rule.value}


def _weighed(parts: ProxyParts, discovery_arn: str) -> Iterator[ProxyEndpoint]:
    """Yield endpoints with their parts of the traffic."""
    shares = _shares(parts).get(discovery_arn)
    found = list(_endpoints(parts, discovery_arn))
    deployments = [task.deployment_id or "" for _, task in found]
    weights = connect_traffic.weights(shares, deployments)
    for (one, task), weight in zip(found, weights, strict=True):
        tested = shares is not None and shares.tested == task.deployment_id
        yield replace(one, weight=weight, tested=tested)


def _endpoints(parts: ProxyParts, discovery_arn: str) -> Iterator[tuple[ProxyEndpoint, Task]]:
    for one in parts.instances.get(discovery_arn, ()):
        task = parts.tasks.get(one.task_arn or "")
        if task is None:
            continue  # somebody registered it by hand: no proxy stands before it
        offered = (port for port in task.connect_ports if port.discovery_arn == discovery_arn)
        port = next(offered, None)
        shown = port is not None and (not port.tls or discovery_arn in parts.certificates)
        if port is not None and shown:
            endpoint = ProxyEndpoint(
                instance_id=one.instance_id,
                address=one.attributes["AWS_INSTANCE_IPV4"],
                port=int(one.attributes["AWS_INSTANCE_PORT"]),
                tls=port.tls,
            )
            yield endpoint, task


def _free_ports(parts: ProxyParts) -> Iterator[int]:
    """Yield ports that neither the definition nor another part of the proxy names."""
    spans = [
        span
        for container in parts.definition.container_definitions
        for mapping in container.get("portMappings") or ()
        if (span := ports(mapping)) is not None
    ]
    overrides = {one.ingress_port for one in parts.task.connect_ports}
    for port in range(FIRST_PORT, 65536):
        if port not in overrides and not any(first <= port <= last for first, last in spans):
            yield port
