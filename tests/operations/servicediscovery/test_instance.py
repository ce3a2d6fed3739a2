"""Instances: registered, discovered, healthy or not."""

import pytest

from ecsd.records.servicediscovery.instance import Instance
from ecsd.store.scope import Scope

CHECKED = {"HealthCheckCustomConfig": {"FailureThreshold": 1}}


@pytest.fixture
def register(ask):
    """Register an instance at an address."""

    async def one(service_id: str, instance_id: str, address: str = "10.0.0.5", **more) -> None:
        attributes = {"AWS_INSTANCE_IPV4": address} | more
        made = await ask(
            "RegisterInstance", ServiceId=service_id, InstanceId=instance_id, Attributes=attributes
        )
        done = (await ask("GetOperation", OperationId=made["OperationId"]))["Operation"]
        assert (done["Type"], done["Status"]) == ("REGISTER_INSTANCE", "SUCCESS")
        assert done["Targets"] == {"INSTANCE": instance_id, "SERVICE": service_id}

    return one


async def test_an_instance_comes_changes_and_goes(ask, refused, namespace, service, register):
    made = await service(await namespace())
    await register(made, "a")
    await register(made, "a", "10.0.0.6", version="2")
    shown = (await ask("GetInstance", ServiceId=made, InstanceId="a"))["Instance"]
    assert shown["Attributes"] == {"AWS_INSTANCE_IPV4": "10.0.0.6", "version": "2"}
    (listed,) = (await ask("ListInstances", ServiceId=made))["Instances"]
    assert listed["Id"] == "a"
    assert (await refused("DeleteService", Id=made)).code == "ResourceInUse"
    await ask("DeregisterInstance", ServiceId=made, InstanceId="a")
    error = await refused("DeregisterInstance", ServiceId=made, InstanceId="a")
    assert error.code == "InstanceNotFound"
    await ask("DeleteService", Id=made)


async def test_the_revision_grows_with_every_coming_and_going(ask, namespace, service, register):
    made = await service(await namespace(), **CHECKED)
    where = {"NamespaceName": "prod.local", "ServiceName": "web"}

    async def revision():
        return (await ask("DiscoverInstancesRevision", **where))["InstancesRevision"]

    first = await revision()
    await register(made, "a")
    second = await revision()
    await ask(
        "UpdateInstanceCustomHealthStatus", ServiceId=made, InstanceId="a", Status="UNHEALTHY"
    )
    assert await revision() == second  # health is none of its business
    await ask("DeregisterInstance", ServiceId=made, InstanceId="a")
    assert first < second < await revision()


@pytest.mark.parametrize(
    ("types", "policy", "attributes"),
    [
        (("A",), None, {}),
        (("A",), None, {"AWS_INSTANCE_IPV4": "10.0.0.256"}),
        (("A", "AAAA"), None, {"AWS_INSTANCE_IPV4": "10.0.0.1"}),
        (("AAAA",), None, {"AWS_INSTANCE_IPV6": "10.0.0.1"}),
        (("SRV",), None, {"AWS_INSTANCE_IPV4": "10.0.0.1"}),
        (("SRV",), None, {"AWS_INSTANCE_PORT": "80"}),
        (("SRV",), None, {"AWS_INSTANCE_IPV4": "10.0.0.1", "AWS_INSTANCE_PORT": "65536"}),
        (("CNAME",), "WEIGHTED", {}),
        (("CNAME",), "WEIGHTED", {"AWS_INSTANCE_CNAME": "a..b"}),
        (("A",), None, {"AWS_ALIAS_DNS_NAME": "web-1.elb.localhost"}),
        (("A",), "WEIGHTED", {"AWS_ALIAS_DNS_NAME": "web-1.elb.localhost"}),
        (("A",), None, {"AWS_EC2_INSTANCE_ID": "i-1"}),
        (("A",), None, {"AWS_INSTANCE_IPV4": "10.0.0.1", "AWS_INIT_HEALTH_STATUS": "HEALTHY"}),
        (("A",), None, {"AWS_INSTANCE_IPV4": "10.0.0.1"} | {f"k{n}": "" for n in range(31)}),
        (
            ("A",),
            None,
            {"AWS_INSTANCE_IPV4": "10.0.0.1"} | {f"k{n}": "x" * 1000 for n in range(5)},
        ),
    ],
)
async def test_attributes_that_no_record_can_be_made_of_are_refused(
    refused, namespace, service, types, policy, attributes
):
    made = await service(await namespace(), *types, policy=policy)
    error = await refused("RegisterInstance", ServiceId=made, InstanceId="a", Attributes=attributes)
    assert error.code == "InvalidInput"


async def test_an_alias_leads_to_a_load_balancer_that_is_there(
    ask, client, refused, namespace, service, vpc
):
    vpc_id = await vpc()
    made = await service(await namespace(Vpc=vpc_id), policy="WEIGHTED")
    ec2 = client("ec2")
    subnets = [
        (
            await ec2(
                "CreateSubnet",
                VpcId=vpc_id,
                CidrBlock=f"10.0.{number}.0/24",
                AvailabilityZone=f"us-east-1{zone}",
            )
        )["Subnet"]["SubnetId"]
        for number, zone in enumerate("ab")
    ]
    (balancer,) = (await client("elbv2")("CreateLoadBalancer", Name="web", Subnets=subnets))[
        "LoadBalancers"
    ]
    name = balancer["DNSName"]
    request = {"ServiceId": made, "InstanceId": "lb"}
    alias = {"AWS_ALIAS_DNS_NAME": name.upper()}
    await ask("RegisterInstance", **request, Attributes=alias)
    shown = (await ask("GetInstance", **request))["Instance"]["Attributes"]
    assert shown == {"AWS_ALIAS_DNS_NAME": name}
    both = alias | {"AWS_INSTANCE_IPV4": "10.0.0.1"}
    assert (await refused("RegisterInstance", **request, Attributes=both)).code == "InvalidInput"


async def test_instances_are_discovered_by_health_and_attributes(ask, namespace, service, register):
    made = await service(await namespace(), **CHECKED)
    await register(made, "a", version="1")
    await register(made, "b", version="2", zone="x")
    await register(made, "sick", version="2", AWS_INIT_HEALTH_STATUS="UNHEALTHY")

    async def found(**more):
        answer = await ask(
            "DiscoverInstances", NamespaceName="prod.local", ServiceName="web", **more
        )
        return {one["InstanceId"] for one in answer["Instances"]}

    assert await found() == {"a", "b"}
    assert await found(HealthStatus="HEALTHY") == {"a", "b"}
    assert await found(HealthStatus="UNHEALTHY") == {"sick"}
    assert await found(HealthStatus="ALL") == {"a", "b", "sick"}
    assert await found(QueryParameters={"version": "2"}, HealthStatus="ALL") == {"b", "sick"}
    assert await found(OptionalParameters={"zone": "x"}) == {"b"}
    assert await found(OptionalParameters={"zone": "y"}) == {"a", "b"}
    assert len(await found(MaxResults=1)) == 1
    await ask("DeregisterInstance", ServiceId=made, InstanceId="a")
    await ask("DeregisterInstance", ServiceId=made, InstanceId="b")
    assert await found() == {"sick"}  # or else all
    assert await found(HealthStatus="HEALTHY") == set()
    health = (await ask("GetInstancesHealthStatus", ServiceId=made))["Status"]
    assert health == {"sick": "UNHEALTHY"}


async def test_discovery_names_what_is_not_there(refused, namespace, service):
    await service(await namespace())
    where = {"NamespaceName": "prod.local", "ServiceName": "web"}
    for other, code in (
        ({"NamespaceName": "other"}, "NamespaceNotFound"),
        ({"ServiceName": "other"}, "ServiceNotFound"),
        ({"OwnerAccount": "1" * 12}, "NamespaceNotFound"),
    ):
        assert (await refused("DiscoverInstances", **where | other)).code == code


async def test_health_can_be_told_only_where_it_is_asked_for(
    ask, refused, namespace, service, register
):
    made = await service(await namespace())
    await register(made, "a")
    request = {"ServiceId": made, "InstanceId": "a", "Status": "UNHEALTHY"}
    error = await refused("UpdateInstanceCustomHealthStatus", **request)
    assert error.code == "CustomHealthNotFound"
    answer = await ask("GetInstancesHealthStatus", ServiceId=made, Instances=["a"])
    assert answer["Status"] == {"a": "UNKNOWN"}
    unknown = {"ServiceId": made, "Instances": ["b"]}
    assert (await refused("GetInstancesHealthStatus", **unknown)).code == "InstanceNotFound"


async def test_a_service_has_at_most_a_thousand_instances(
    refused, store, namespace, service, clock
):
    made = await service(await namespace())
    async with store.transaction(Scope("000000000000", "us-east-1")) as change:
        change.put(
            *(
                Instance(
                    place=f"{made}|{number}",
                    service_id=made,
                    instance_id=str(number),
                    attributes={"AWS_INSTANCE_IPV4": "10.0.0.1"},
                    registered_at=clock.now(),
                )
                for number in range(1000)
            )
        )
    attributes = {"AWS_INSTANCE_IPV4": "10.0.0.1"}
    error = await refused("RegisterInstance", ServiceId=made, InstanceId="x", Attributes=attributes)
    assert error.code == "ResourceLimitExceeded"
