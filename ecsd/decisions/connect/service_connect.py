"""What a serviceConnectConfiguration comes to, and what is wrong with one.

Source: Amazon ECS API Reference, ServiceConnectConfiguration and its parts, PortMapping; Amazon ECS
Developer Guide, Service Connect components.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ecsd.decisions.task_definitions.container_logging_checks import check_logging
from ecsd.records.ecs.service_connect import ConnectName, ConnectPort, HeaderRule
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.plan import NON_BLOCKING

DISCOVERY_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")
AUTHORITY = re.compile(
    r"arn:aws[a-z-]*:acm-pca:[a-z0-9-]+:\d{12}:certificate-authority/[0-9a-f-]{36}"
)
DNS_NAME = re.compile(r"(?=.{1,127}$)[a-z0-9_][a-z0-9_-]*(\.[a-z0-9_-]+)*")
DEFAULT_NAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*"
)  # with a namespace in it
LARGEST_PORT = 65535
TCP = "tcp"
LOG_OPTIONS = frozenset(
    {
        *("awslogs-group", "awslogs-region", "awslogs-stream-prefix", "awslogs-create-group"),
        "mode",
    }
)
IDLE, IDLE_TCP = 300, 3600  # seconds
REQUEST = 15  # seconds
MOST_ALIASES = 1
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
TEXT = re.compile(r"[ -~]{1,1024}")  # what a header's value may be
TEST_HEADER = "x-amzn-ecs-blue-green-test"
WHERE = "serviceConnectConfiguration"


def problems(
    configuration: Mapping[str, Any], definition: TaskDefinition, namespace: str
) -> Iterator[str]:
    """Yield what is wrong with an enabled configuration by itself. namespace: its name."""
    services = configuration.get("services") or ()
    yield from _log_problems(configuration.get("logConfiguration") or {})
    if definition.network_mode != "awsvpc":
        mode = definition.network_mode or "bridge"
        yield f"{WHERE} is not supported with the network mode {mode} by ecsd yet."
        return
    mappings = _mappings(definition)
    for service in services:
        name = service["portName"]
        mapping = mappings.get(name)
        if mapping is None:
            yield (
                f"{WHERE}: portName {name} does not match the name of a port mapping in the task "
                "definition."
            )
        else:
            yield from _mapping_problems(mapping)
            yield from _service_problems(service, mapping)
    known = [found for one in services if (found := mappings.get(one["portName"]))]
    if len(known) == len(services):
        yield from _together(offered(configuration, definition, namespace), definition)


def offered(
    configuration: Mapping[str, Any], definition: TaskDefinition, namespace: str
) -> tuple[ConnectPort, ...]:
    """Return the ports that a configuration without problems offers. namespace: its name."""
    mappings = _mappings(definition)
    return tuple(
        _port(one, mappings[one["portName"]], namespace)
        for one in configuration.get("services") or ()
    )


def log_options(configuration: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the awslogs options of the proxies of a configuration without problems."""
    given = configuration.get("logConfiguration")
    return dict(given.get("options") or {}) if given else None


def reached(ports: Iterable[ConnectPort]) -> tuple[ConnectName, ...]:
    """Return the names that clients of these ports know, in order."""
    names = [
        ConnectName(
            discovery_arn=one.discovery_arn,
            name=one.alias_name,
            port=one.alias_port,
            protocol=one.protocol,
            idle_timeout=one.idle_timeout,
            request_timeout=one.request_timeout,
        )
        for one in ports
        if one.alias_name is not None and one.alias_port is not None
    ]
    return tuple(sorted(names, key=lambda one: (one.name, one.port)))


def certificate_name(service_id: str) -> str:
    """Return the name that the certificate of a Cloud Map service is for."""
    return f"{service_id}.ecs-service-connect"


def _mappings(definition: TaskDefinition) -> dict[str, Mapping[str, Any]]:
    return {
        one["name"]: one
        for container in definition.container_definitions
        for one in container.get("portMappings") or ()
        if one.get("name")
    }


def _discovery_name(service: Mapping[str, Any]) -> str:
    return str(service.get("discoveryName") or service["portName"])


def _port(service: Mapping[str, Any], mapping: Mapping[str, Any], namespace: str) -> ConnectPort:
    protocol = mapping.get("appProtocol") or TCP
    timeout = service.get("timeout") or {}
    idle, request = timeout.get("idleTimeoutSeconds"), timeout.get("perRequestTimeoutSeconds")
    default_idle, default_request = (IDLE_TCP, 0) if protocol == TCP else (IDLE, REQUEST)
    alias = next(iter(service.get("clientAliases") or ()), None)
    name = _discovery_name(service)
    alias_name = (alias.get("dnsName") or f"{name}.{namespace}") if alias else None
    return ConnectPort(
        port_name=service["portName"],
        discovery_name=name,
        container_port=mapping["containerPort"],
        ingress_port=service.get("ingressPortOverride"),
        protocol=protocol,
        idle_timeout=default_idle if idle is None else idle,
        request_timeout=default_request if request is None else request,
        alias_name=alias_name,
        alias_port=alias["port"] if alias else None,
        tls=bool(service.get("tls")),
        test_rule=None if protocol == TCP else _test_rule(alias),
    )


def _test_rule(alias: Mapping[str, Any] | None) -> HeaderRule:
    given = ((alias or {}).get("testTrafficRules") or {}).get("header")
    if not given:
        return HeaderRule(header=TEST_HEADER)
    return HeaderRule(header=given["name"], value=(given.get("value") or {}).get("exact"))


def _log_problems(given: Mapping[str, Any]) -> Iterator[str]:
    if not given:
        return
    where, options = f"{WHERE}.logConfiguration", given.get("options") or {}
    if given["logDriver"] != "awslogs":
        yield f"{where}: logDriver {given['logDriver']} is not supported by ecsd yet."
        return
    if given.get("secretOptions"):
        yield f"{where}.secretOptions is not supported by ecsd yet."
    unknown = sorted(set(options) - LOG_OPTIONS)
    if unknown:
        yield f"{where}: the option {unknown[0]} is not supported by ecsd yet."
    if options.get("mode", NON_BLOCKING) != NON_BLOCKING:
        yield f"{where}: mode {options['mode']} is not supported by ecsd yet."
    for problem in check_logging({"name": "Service Connect", "logConfiguration": given}):
        yield f"{where}: {problem}"


def _mapping_problems(mapping: Mapping[str, Any]) -> Iterator[str]:
    name = mapping["name"]
    if (mapping.get("protocol") or TCP) != TCP:
        yield f"{WHERE}: the port mapping {name} is of protocol udp; Service Connect needs tcp."
    if mapping.get("containerPort") is None:
        yield f"{WHERE}: the port mapping {name} is a containerPortRange; it has to be one port."


def _service_problems(service: Mapping[str, Any], mapping: Mapping[str, Any]) -> Iterator[str]:
    name = _discovery_name(service)
    if not DISCOVERY_NAME.fullmatch(name):
        yield (
            f"{WHERE}: discoveryName {name!r} must be 1 to 64 lowercase letters, numbers, "
            "underscores and hyphens, and cannot start with a hyphen."
        )
    aliases = service.get("clientAliases") or ()
    if len(aliases) > MOST_ALIASES:
        yield f"{WHERE}: clientAliases can have at most {MOST_ALIASES} item."
    for alias in aliases:
        yield from _port_problem("clientAliases.port", alias["port"])
        dns_name = alias.get("dnsName")
        if dns_name is not None and (not DNS_NAME.fullmatch(dns_name) or dns_name == "localhost"):
            yield (
                f"{WHERE}: dnsName {dns_name!r} must be 1 to 127 lowercase letters, numbers, "
                "underscores, hyphens and periods, cannot start with a hyphen and cannot be "
                "localhost."
            )
        if alias.get("testTrafficRules"):
            yield from _test_problems(alias["testTrafficRules"]["header"], mapping)
    if service.get("tls"):
        authority = service["tls"]["issuerCertificateAuthority"].get("awsPcaAuthorityArn")
        if not authority or not AUTHORITY.fullmatch(authority):
            yield f"{WHERE}: awsPcaAuthorityArn is no ARN of a private authority: {authority!r}."
    if service.get("ingressPortOverride") is not None:
        yield from _port_problem("ingressPortOverride", service["ingressPortOverride"])
    timeout = service.get("timeout") or {}
    given = timeout.get("perRequestTimeoutSeconds") is not None
    if given and (mapping.get("appProtocol") or TCP) == TCP:
        yield f"{WHERE}: perRequestTimeoutSeconds can only be set if the appProtocol isn't TCP."


def _test_problems(header: Mapping[str, Any], mapping: Mapping[str, Any]) -> Iterator[str]:
    where = f"{WHERE}: clientAliases.testTrafficRules"
    if (mapping.get("appProtocol") or TCP) == TCP:
        yield f"{where} can only be set if the appProtocol isn't TCP."
    if not HEADER.fullmatch(header["name"]):
        yield f"{where}.header.name is no name of a header: {header['name']!r}."
    value = (header.get("value") or {}).get("exact")
    if value is not None and (not TEXT.fullmatch(value) or value != value.strip()):
        yield (
            f"{where}.header.value.exact must be 1 to 1024 printable characters without spaces "
            "around them."
        )


def _port_problem(member: str, port: int) -> Iterator[str]:
    if not 1 <= port <= LARGEST_PORT:
        yield f"{WHERE}: {member} must be between 1 and {LARGEST_PORT}, got {port}."


def _together(ports: Sequence[ConnectPort], definition: TaskDefinition) -> Iterator[str]:
    """Yield what cannot be offered, or not side by side."""
    for one in ports:
        if one.alias_name is not None and not DEFAULT_NAME.fullmatch(one.alias_name):
            yield (
                f"{WHERE}: clientAliases without dnsName are called {one.alias_name!r}, which is "
                "no host name: dnsName must be specified."
            )
    names = [one.discovery_name for one in ports]
    if len(set(names)) < len(names):
        yield f"{WHERE}: each discoveryName must be unique."
    aliases = [(one.alias_name, one.alias_port) for one in ports if one.alias_name]
    if len(set(aliases)) < len(aliases):
        yield f"{WHERE}: each dnsName and port of clientAliases must be unique."
    own = {
        one["containerPort"]
        for container in definition.container_definitions
        for one in container.get("portMappings") or ()
        if one.get("containerPort")
    }
    overrides = [one.ingress_port for one in ports if one.ingress_port is not None]
    if len(set(overrides)) < len(overrides) or own & set(overrides):
        yield f"{WHERE}: ingressPortOverride must be a port that nothing else of the task uses."
    if len({one.container_port for one in ports}) < len(ports):
        yield f"{WHERE}: each portName must be another port."
