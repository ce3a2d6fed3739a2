"""Which namespaces are answered, where, and with what."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from ecsd.decisions.dns.zone_plan import NamespaceParts, compile_namespace
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.plan import ZoneInstance, ZoneService
from ecsd.records.servicediscovery.instance import Instance
from ecsd.records.servicediscovery.namespace import Namespace
from ecsd.records.servicediscovery.service import DiscoveryService, DnsRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMESPACE = Namespace(
    namespace_id="ns-1",
    arn="arn:ns",
    name="Prod.local",
    http_name="Prod.local",
    type="DNS_PRIVATE",
    vpc_id="vpc-1",
    hosted_zone_id="Z1",
    soa_ttl=15,
    operation_id="o",
    created_at=NOW,
)
VPC = Vpc(vpc_id="vpc-1", cidr_block="10.0.0.0/16", number=1, enable_dns_hostnames=True)
WEB = DiscoveryService(
    service_id="srv-1",
    arn="arn:1",
    name="Web",
    namespace_id="ns-1",
    routing_policy="WEIGHTED",
    dns_records=(DnsRecord(type="SRV", ttl=7),),
    has_custom_health_check=True,
    created_at=NOW,
)
BY_API = DiscoveryService(
    service_id="srv-2", arn="arn:2", name="api", namespace_id="ns-1", created_at=NOW
)


def instance(name, health="HEALTHY"):
    return Instance(
        place=f"srv-1|{name}",
        service_id="srv-1",
        instance_id=name,
        attributes={"AWS_INSTANCE_IPV4": "10.0.0.1", "AWS_INSTANCE_PORT": "80"},
        health=health,
        registered_at=NOW,
    )


PARTS = NamespaceParts(NAMESPACE, VPC, [WEB, BY_API], [instance("b", "UNHEALTHY"), instance("a")])


def test_a_namespace_becomes_a_plan_of_its_names():
    plan = compile_namespace(PARTS)
    assert (plan.name, plan.vpc_ids) == ("prod.local", ("vpc-1",))
    ttls = {one.record_type: one.ttl for one in plan.record_sets}
    assert ttls == {"NS": 172800, "SOA": 15}
    same = {"ipv4": "10.0.0.1", "port": 80}
    assert plan.services == (
        ZoneService(
            name="web.prod.local",
            weighted=True,
            ttls={"SRV": 7},
            instances=(
                ZoneInstance(instance_id="a", healthy=True, **same),
                ZoneInstance(instance_id="b", healthy=False, **same),
            ),
        ),
    )


def test_without_a_health_check_everything_is_well():
    plan = compile_namespace(PARTS._replace(services=[replace(WEB, has_custom_health_check=False)]))
    assert all(one.healthy for one in plan.services[0].instances)


def test_a_service_called_dot_has_the_namespaces_name():
    plan = compile_namespace(PARTS._replace(services=[replace(WEB, name=".")]))
    assert plan.services[0].name == "prod.local"


@pytest.mark.parametrize(
    "parts",
    [
        PARTS._replace(vpc=None),
        PARTS._replace(vpc=replace(VPC, enable_dns_hostnames=False)),
        PARTS._replace(namespace=replace(NAMESPACE, type="HTTP", hosted_zone_id=None)),
    ],
)
def test_nobody_asks_what_no_vpc_asks(parts):
    assert compile_namespace(parts) is None


def test_a_public_namespace_is_asked_everywhere():
    public = replace(NAMESPACE, type="DNS_PUBLIC", vpc_id=None)
    plan = compile_namespace(PARTS._replace(namespace=public, vpc=None))
    assert (plan.public, plan.vpc_ids) == (True, ())


def test_equal_state_gives_an_equal_plan():
    turned = PARTS._replace(services=[*PARTS.services][::-1], instances=[*PARTS.instances][::-1])
    assert compile_namespace(turned) == compile_namespace(PARTS)
