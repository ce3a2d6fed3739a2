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


async def test_what_has_no_effect_here_is_refused_by_name(refused, namespace):
    error = await refused(
        "CreateService",
        Name="x",
        NamespaceId=await namespace("api", "Http"),
        HealthCheckConfig={"Type": "HTTP"},
    )
    assert error.code == "InvalidInput"
    assert "HealthCheckConfig" in error.message


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
