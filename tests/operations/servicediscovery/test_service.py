"""Services and their attributes."""

import pytest


async def test_a_service_is_shown_as_it_was_made(ask, namespace, service):
    own = await namespace()
    made = await service(
        own, "SRV", policy="WEIGHTED", HealthCheckCustomConfig={"FailureThreshold": 1}
    )
    shown = (await ask("GetService", Id=made))["Service"]
    assert shown["DnsConfig"] == {
        "NamespaceId": own,
        "RoutingPolicy": "WEIGHTED",
        "DnsRecords": [{"Type": "SRV", "TTL": 10}],
    }
    assert (shown["Type"], shown["NamespaceId"], shown["InstanceCount"]) == ("DNS_HTTP", own, 0)
    assert shown["HealthCheckCustomConfig"] == {"FailureThreshold": 1}
    assert (await ask("GetService", Id=shown["Arn"]))["Service"] == shown
    only = {"Name": "NAMESPACE_ID", "Values": [own]}
    (listed,) = (await ask("ListServices", Filters=[only]))["Services"]
    assert listed["Id"] == made
    assert (await ask("GetNamespace", Id=own))["Namespace"]["ServiceCount"] == 1


async def test_a_service_without_records_is_found_by_api_alone(ask, namespace):
    own = await namespace("api", "Http")
    made = (await ask("CreateService", Name="Web", NamespaceId=own))["Service"]
    assert made["Type"] == "HTTP"
    assert "DnsConfig" not in made
    other = (await ask("CreateService", Name="web", NamespaceId=own))["Service"]
    assert other["Id"] != made["Id"]  # outside DNS, names have cases


@pytest.mark.parametrize(
    ("types", "policy"),
    [
        (("A", "SRV"), None),
        (("A", "A"), None),
        (("CNAME",), None),
        (("CNAME",), "MULTIVALUE"),
        (("CNAME", "A"), "WEIGHTED"),
        (("AAAA", "SRV"), None),
    ],
)
async def test_records_that_do_not_go_together_are_refused(refused, namespace, types, policy):
    config = {"DnsRecords": [{"Type": one, "TTL": 1} for one in types]}
    if policy:
        config["RoutingPolicy"] = policy
    error = await refused(
        "CreateService", Name="x", NamespaceId=await namespace(), DnsConfig=config
    )
    assert error.code == "InvalidInput"


@pytest.mark.parametrize("types", [("A",), ("AAAA",), ("A", "AAAA"), ("SRV",)])
async def test_records_that_go_together_are_taken(ask, namespace, service, types):
    made = await service(await namespace(), *types)
    shown = (await ask("GetService", Id=made))["Service"]
    assert [one["Type"] for one in shown["DnsConfig"]["DnsRecords"]] == [*types]
    assert shown["DnsConfig"]["RoutingPolicy"] == "MULTIVALUE"


@pytest.mark.parametrize(
    ("kind", "types", "more", "words"),
    [
        ("PrivateDns", ("A",), {}, "private DNS namespace"),
        ("PublicDns", ("CNAME",), {}, "CNAME"),
        ("PublicDns", ("A",), {"HealthCheckCustomConfig": {}}, "not both"),
        ("PublicDns", ("A",), {"check": {"Type": "TCP", "ResourcePath": "/"}}, "ResourcePath"),
    ],
)
async def test_a_health_check_of_route_53_is_for_what_it_can_reach(
    refused, namespace, kind, types, more, words
):
    config = {"DnsRecords": [{"Type": one, "TTL": 1} for one in types], "RoutingPolicy": "WEIGHTED"}
    check = more.pop("check", {"Type": "HTTP"})
    error = await refused(
        "CreateService",
        Name="x",
        NamespaceId=await namespace("example.com", kind),
        DnsConfig=config,
        HealthCheckConfig=check,
        **more,
    )
    assert error.code == "InvalidInput"
    assert words in error.message


async def test_a_health_check_is_shown_changed_and_ended(ask, namespace, service):
    own = await namespace("example.com", "PublicDns")
    made = await service(own, HealthCheckConfig={"Type": "HTTP", "ResourcePath": "/up"})

    async def shown():
        return (await ask("GetService", Id=made))["Service"].get("HealthCheckConfig")

    assert await shown() == {"Type": "HTTP", "ResourcePath": "/up", "FailureThreshold": 1}
    other = {"Type": "TCP", "FailureThreshold": 2}
    await ask("UpdateService", Id=made, Service={"HealthCheckConfig": other})
    assert await shown() == other
    await ask("UpdateService", Id=made, Service={"Description": "x"})
    assert await shown() is None


async def test_only_an_instance_that_can_be_checked_is_registered(refused, ask, namespace, service):
    own = await namespace("example.com", "PublicDns")
    made = await service(own, HealthCheckConfig={"Type": "TCP"})
    for attributes, words in (
        ({"AWS_INSTANCE_IPV4": "127.0.0.1"}, "AWS_INSTANCE_PORT"),
        ({"AWS_INSTANCE_IPV4": "10.0.0.1", "AWS_INSTANCE_PORT": "1"}, "10.0.0.1"),
    ):
        error = await refused(
            "RegisterInstance", ServiceId=made, InstanceId="a", Attributes=attributes
        )
        assert (error.code, words in error.message) == ("InvalidInput", True)
    well = {"AWS_INSTANCE_IPV4": "127.0.0.1", "AWS_INSTANCE_PORT": "1"}
    await ask("RegisterInstance", ServiceId=made, InstanceId="a", Attributes=well)
    status = await ask("GetInstancesHealthStatus", ServiceId=made)
    assert status["Status"] == {"a": "UNKNOWN"}
    found = await ask(
        "DiscoverInstances", NamespaceName="example.com", ServiceName="web", HealthStatus="HEALTHY"
    )
    assert [one["InstanceId"] for one in found["Instances"]] == ["a"]
    found = await namespace("api", "Http")
    api = await ask(
        "CreateService", Name="x", NamespaceId=found, HealthCheckConfig={"Type": "HTTP"}
    )
    error = await refused(
        "RegisterInstance", ServiceId=api["Service"]["Id"], InstanceId="a", Attributes={"a": "b"}
    )
    assert "AWS_INSTANCE_IPV4" in error.message


async def test_records_need_a_namespace_of_names(refused, namespace):
    config = {"DnsRecords": [{"Type": "A", "TTL": 1}]}
    own = await namespace("api", "Http")
    error = await refused("CreateService", Name="x", NamespaceId=own, DnsConfig=config)
    assert error.code == "InvalidInput"
    assert (await refused("CreateService", Name="x", NamespaceId="ns-0")).code == (
        "NamespaceNotFound"
    )
    assert (await refused("CreateService", Name="x")).code == "InvalidInput"


async def test_names_are_taken_once_whatever_their_case(ask, refused, namespace, service):
    own = await namespace()
    made = await service(own, name="web", CreatorRequestId="once")
    assert await service(own, name="web", CreatorRequestId="once") == made
    error = await refused("CreateService", Name="WEB", NamespaceId=own, CreatorRequestId="twice")
    assert error.code == "ServiceAlreadyExists"
    arn = (await ask("GetService", Id=made))["Service"]["Arn"]
    assert error.details == {"CreatorRequestId": "once", "ServiceId": made, "ServiceArn": arn}


async def test_an_update_changes_ttl_and_description_but_no_types(ask, refused, namespace, service):
    made = await service(await namespace())
    change = {"Description": "new", "DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 77}]}}
    done = await ask("UpdateService", Id=made, Service=change)
    operation = (await ask("GetOperation", OperationId=done["OperationId"]))["Operation"]
    assert (operation["Type"], operation["Targets"]) == ("UPDATE_SERVICE", {"SERVICE": made})
    shown = (await ask("GetService", Id=made))["Service"]
    assert shown["Description"] == "new"
    assert shown["DnsConfig"]["DnsRecords"] == [{"Type": "A", "TTL": 77}]
    change = {"DnsConfig": {"DnsRecords": [{"Type": "AAAA", "TTL": 77}]}}
    assert (await refused("UpdateService", Id=made, Service=change)).code == "InvalidInput"


async def test_attributes_are_kept_up_to_thirty(ask, refused, namespace, service):
    made = await service(await namespace())
    await ask("UpdateServiceAttributes", ServiceId=made, Attributes={"a": "1", "b": "2"})
    await ask("UpdateServiceAttributes", ServiceId=made, Attributes={"a": "3"})
    shown = (await ask("GetServiceAttributes", ServiceId=made))["ServiceAttributes"]
    assert shown["Attributes"] == {"a": "3", "b": "2"}
    many = {f"k{number}": "" for number in range(29)}
    error = await refused("UpdateServiceAttributes", ServiceId=made, Attributes=many)
    assert error.code == "ServiceAttributesLimitExceededException"
    await ask("DeleteServiceAttributes", ServiceId=made, Attributes=["a", "none"])
    shown = (await ask("GetServiceAttributes", ServiceId=made))["ServiceAttributes"]
    assert shown["Attributes"] == {"b": "2"}


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("GetService", {"Id": "srv-0"}),
        ("DeleteService", {"Id": "srv-0"}),
        ("ListInstances", {"ServiceId": "srv-0"}),
        ("GetServiceAttributes", {"ServiceId": "srv-0"}),
    ],
)
async def test_a_service_that_is_not_there_is_not_found(refused, name, request_):
    assert (await refused(name, **request_)).code == "ServiceNotFound"
