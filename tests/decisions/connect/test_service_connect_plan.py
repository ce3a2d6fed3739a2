"""Where a task's names lead, and what leads there."""

from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ecsd.decisions.connect.service_connect_plan import (
    RANGE,
    Logs,
    ProxyParts,
    addresses,
    compile_proxy,
    compile_redirects,
)
from ecsd.records.ecs.service_connect import ConnectName, ConnectPort
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_definition import TaskDefinition
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.service import DiscoveryService

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOGS = Logs("http://logs", "0", "us-east-1")
PORT = ConnectPort(
    port_name="api",
    discovery_name="api",
    discovery_arn="arn:api",
    container_port=80,
    protocol="http",
    idle_timeout=300,
    request_timeout=15,
)
TASK = Task(
    task_arn="arn:task/1",
    task_id="1",
    cluster="c",
    cluster_arn="arn:c",
    task_definition="web:1",
    task_definition_arn="arn:d",
    group="service:web",
    containers=(),
    created_at=NOW,
)


def name(text, port=80):
    return ConnectName(
        discovery_arn="arn:api", name=text, port=port, protocol="http", idle_timeout=300
    )


def definition(*mappings):
    return TaskDefinition(
        name="web:1",
        arn="arn:d",
        family="web",
        revision=1,
        container_definitions=({"name": "app", "portMappings": list(mappings)},),
        registered_at=NOW,
        registered_by="me",
    )


def instance(task_id, task_arn, port="80"):
    return Instance(
        place=f"srv|{task_id}",
        service_id="srv",
        instance_id=task_id,
        attributes={"AWS_INSTANCE_IPV4": "10.0.0.5", "AWS_INSTANCE_PORT": port},
        task_arn=task_arn,
        registered_at=NOW,
    )


def parts(task, *mappings, instances=(), tasks=()):
    return ProxyParts(
        task, definition(*mappings), {"arn:api": instances}, {one.task_arn: one for one in tasks}
    )


names = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.integers(1, 9)), unique=True, max_size=12
).map(lambda some: tuple(name(text, port) for text, port in some))
ranges = st.lists(st.tuples(st.integers(14990, 15030), st.integers(1, 9)), max_size=4)


@given(names)
def test_each_name_has_an_address_of_its_own_in_the_range(some):
    found = addresses(some)
    assert set(found) == {one.name for one in some}
    assert len(set(found.values())) == len(found)
    assert all(IPv4Address(one) in IPv4Network(RANGE) for one in found.values())
    assert addresses(reversed(some)) == found


@given(names, ranges, st.booleans())
def test_the_proxys_own_ports_are_nobody_elses(some, used, overridden):
    mappings = [{"containerPortRange": f"{first}-{first + more}"} for first, more in used]
    port = replace(PORT, ingress_port=15002 if overridden else None)
    task = replace(TASK, connect_names=some, connect_ports=(port,))
    plan = compile_proxy(parts(task, *mappings), {}, LOGS)
    mine = [one.listener_port for one in (*plan.names, *plan.ports)]
    assert len(set(mine)) == len(mine) == len(some) + 1
    chosen = mine[:-1] if overridden else mine
    taken = {n for first, more in used for n in range(first, first + more + 1)}
    assert not set(chosen) & taken


def test_endpoints_are_tasks_that_offer_the_name():
    server = replace(TASK, task_arn="arn:task/2", task_id="2", connect_ports=(PORT,))
    other = replace(server, task_arn="arn:task/3", task_id="3", connect_ports=())
    some = [
        instance("2", "arn:task/2", "8080"),
        instance("3", "arn:task/3"),
        instance("4", "arn:task/gone"),
        instance("by-hand", None),
    ]
    client = replace(TASK, connect_names=(name("web"),))
    plan = compile_proxy(parts(client, instances=some, tasks=(server, other)), {}, LOGS)
    (found,) = plan.names[0].endpoints
    assert (found.instance_id, found.address, found.port) == ("2", "10.0.0.5", 8080)


def test_names_and_ports_lead_to_the_proxy_and_nothing_else_answers():
    task = replace(TASK, connect_names=(name("web", 8080),), connect_ports=(PORT,))
    table = compile_redirects(compile_proxy(parts(task), {}, LOGS))
    assert table.chains["names"].rules == (
        "ip daddr 127.255.0.1 tcp dport 8080 redirect to :15001",
    )
    assert table.chains["ports"].rules == ('iifname "eth0" tcp dport 80 redirect to :15002',)
    assert all(rule.startswith(f"ip daddr {RANGE}") for rule in table.chains["closed"].rules)


def test_a_port_of_the_proxys_own_is_not_redirected():
    task = replace(TASK, connect_ports=(replace(PORT, ingress_port=9000),))
    plan = compile_proxy(parts(task), {}, LOGS)
    assert (plan.ports[0].listener_port, plan.ports[0].redirected) == (9000, False)
    assert compile_redirects(plan).chains["ports"].rules == ()


def test_a_plan_says_whose_metrics_its_names_and_ports_are():
    known = DiscoveryService(
        service_id="srv", arn="arn:api", name="backend", namespace_id="ns", created_at=NOW
    )
    gone = replace(name("old"), discovery_arn="arn:gone")
    port = replace(PORT, discovery_name="api")
    task = replace(
        TASK, service_arn="arn:service", connect_names=(name("web"), gone), connect_ports=(port,)
    )
    found = parts(task)._replace(services={"arn:api": known})
    plan = compile_proxy(found, {}, LOGS)
    assert plan.service_arn == "arn:service"
    assert [one.discovery_name for one in plan.names] == ["backend", ""]
    assert [one.discovery_name for one in plan.ports] == ["api"]
