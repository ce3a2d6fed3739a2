"""What a serviceConnectConfiguration comes to."""

from datetime import UTC, datetime

import pytest

from ecsd.decisions.connect.service_connect import offered, problems, reached
from ecsd.records.ecs.service_connect import ConnectPort
from ecsd.records.ecs.task_definition import TaskDefinition

PROTOCOLS = ("http", "http2", "grpc", None)


def definition(protocol="http", **more):
    mapping = {"name": "api", "containerPort": 8080}
    if protocol:
        mapping["appProtocol"] = protocol
    return TaskDefinition(
        name="api:1",
        arn="arn:aws:ecs:us-east-1:000000000000:task-definition/api:1",
        family="api",
        revision=1,
        container_definitions=({"name": "app", "portMappings": [mapping | more]},),
        network_mode="awsvpc",
        registered_at=datetime(2026, 1, 1, tzinfo=UTC),
        registered_by="root",
    )


def configuration(**service):
    return {"enabled": True, "services": [{"portName": "api"} | service]}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_timeouts_have_awss_defaults_by_protocol(protocol):
    (port,) = offered(configuration(), definition(protocol), "prod")
    assert port.protocol == (protocol or "tcp")
    assert (port.idle_timeout, port.request_timeout) == ((300, 15) if protocol else (3600, 0))


def test_a_timeout_of_zero_turns_it_off():
    given = configuration(timeout={"idleTimeoutSeconds": 0, "perRequestTimeoutSeconds": 0})
    (port,) = offered(given, definition(), "prod")
    assert (port.idle_timeout, port.request_timeout) == (0, 0)


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ({"clientAliases": [{"port": 80}]}, "api.prod"),
        ({"clientAliases": [{"port": 80}], "discoveryName": "front"}, "front.prod"),
        ({"clientAliases": [{"port": 80, "dnsName": "db"}], "discoveryName": "front"}, "db"),
        ({}, None),
    ],
)
def test_an_alias_is_called_as_given_or_by_discovery_name_and_namespace(service, name):
    ports = offered(configuration(**service), definition(), "prod")
    assert [one.alias_name for one in ports] == [name]
    assert [one.name for one in reached(ports)] == ([name] if name else [])


def test_names_are_in_order_and_carry_what_their_service_says():
    ports = [
        ConnectPort(
            port_name="p",
            discovery_name="d",
            discovery_arn=f"arn:{name}",
            container_port=1,
            protocol="tcp",
            idle_timeout=9,
            alias_name=name,
            alias_port=port,
        )
        for name, port in (("b", 1), ("a", 2), ("a", 1))
    ]
    names = reached(ports)
    assert [(one.name, one.port) for one in names] == [("a", 1), ("a", 2), ("b", 1)]
    assert {one.idle_timeout for one in names} == {9}
    assert names[2].discovery_arn == "arn:b"


def test_nothing_is_wrong_with_what_awss_guide_shows():
    given = configuration(discoveryName="api", clientAliases=[{"port": 80, "dnsName": "api"}])
    assert list(problems(given, definition(), "prod")) == []


def test_a_range_of_ports_cannot_be_offered():
    ranged = definition(containerPort=None, containerPortRange="1-9")
    assert "containerPortRange" in next(iter(problems(configuration(), ranged, "prod")))


@pytest.mark.parametrize(
    ("alias", "namespace", "words"),
    [
        ({"port": 80}, "My_Team.local", None),
        ({"port": 80}, "my team", "'api.my team', which is no host name"),
        ({"port": 80}, "a" * 300, "which is no host name"),
        ({"port": 80, "dnsName": "db"}, "my team", None),
        ({"port": 80, "dnsName": "db."}, "prod", "dnsName 'db.'"),
        ({"port": 80, "dnsName": "a..b"}, "prod", "dnsName 'a..b'"),
        ({"port": 80, "dnsName": "-db"}, "prod", "dnsName '-db'"),
    ],
)
def test_an_alias_has_to_be_a_host_name(alias, namespace, words):
    given = configuration(clientAliases=[alias])
    found = " ".join(problems(given, definition(), namespace))
    assert found == "" if words is None else words in found
